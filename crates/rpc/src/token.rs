//! The one verifier of access tokens: JWTs of configured issuers, their keys by discovery
//! or JWKS, and a principal made of configured claims.

mod cache;
mod claims;
mod fetch;
mod keys;

use std::time::Duration;

use florin_proto::common::v1::Reason;
use jsonwebtoken::{Algorithm, AlgorithmFamily, Validation, jwk::JwkSet};
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use serde::Deserialize;

use self::{cache::VerifiedTokens, fetch::Fetcher, keys::Keys};
use crate::{Error, Principal, clock};

pub use claims::ClaimNames;

/// How far clocks may differ.
const LEEWAY: Duration = Duration::from_secs(30);

/// Shortest time between two fetches of an issuer's keys.
const COOL_DOWN: Duration = Duration::from_secs(10);

/// Longest token.
const MAX_TOKEN: usize = 8_192;

/// An issuer whose tokens are accepted.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IssuerConfig {
    /// Value of `iss`, to the letter.
    pub issuer: String,
    /// Where its keys are. Empty: found by discovery.
    pub jwks_uri: String,
    /// Where its metadata are. Empty: `ISSUER/.well-known/openid-configuration`.
    pub discovery: String,
    /// Value that `aud` must contain.
    pub audience: String,
    /// Signature algorithms that are accepted; never HMAC, never none.
    pub algorithms: Vec<String>,
    /// Values of `typ` that are accepted, in any case.
    pub types: Vec<String>,
    /// Which claims make the principal.
    pub claims: ClaimNames,
    /// Clients whose tokens may name neither a customer nor a staff role.
    pub machines: Vec<String>,
    /// The keys themselves; then nothing is fetched.
    #[serde(skip)]
    pub keys: Option<JwkSet>,
    /// Shortest time between two fetches of its keys.
    #[serde(skip)]
    pub cool_down: Duration,
}

impl Default for IssuerConfig {
    fn default() -> Self {
        Self {
            issuer: String::new(),
            jwks_uri: String::new(),
            discovery: String::new(),
            audience: "florin".to_owned(),
            algorithms: ["ES256", "RS256", "PS256", "EdDSA"].map(str::to_owned).to_vec(),
            types: ["at+jwt", "JWT"].map(str::to_owned).to_vec(),
            claims: ClaimNames::default(),
            machines: Vec::new(),
            keys: None,
            cool_down: COOL_DOWN,
        }
    }
}

/// Why a verifier cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum IssuerError {
    /// Two issuers of one name, or one without a name.
    #[error("issuer {0:?} is empty or stands twice")]
    Name(String),
    /// An algorithm that is unknown or that a verifier must not accept.
    #[error("issuer {0:?}: algorithm {1:?} is unknown, or symmetric and not to be trusted here")]
    Algorithm(String, String),
    /// Nothing is accepted.
    #[error("issuer {0:?} has an empty list of algorithms, of types, or no audience")]
    Nothing(String),
    /// A key or a root is unusable.
    #[error("issuer {0:?}: {1}")]
    Keys(String, String),
    /// The roots are no certificates.
    #[error("the additional authorities cannot be used: {0}")]
    Roots(String),
}

/// Verifies access tokens.
pub struct Verifier {
    issuers: Vec<Issuer>,
    verified: VerifiedTokens,
}

struct Issuer {
    config: IssuerConfig,
    validation: Validation,
    keys: Keys,
}

impl Verifier {
    /// A verifier of the tokens of these issuers. `roots` are authorities in PEM that are
    /// trusted for fetching keys beside the well-known ones; may be empty.
    ///
    /// # Errors
    /// Where an issuer is misconfigured.
    pub fn new(issuers: Vec<IssuerConfig>, roots: &[u8]) -> Result<Self, IssuerError> {
        let roots: Vec<CertificateDer<'static>> =
            CertificateDer::pem_slice_iter(roots).filter_map(Result::ok).collect();
        let fetcher =
            Fetcher::new(&roots).map_err(|error| IssuerError::Roots(error.to_string()))?;
        let mut made: Vec<Issuer> = Vec::with_capacity(issuers.len());
        for config in issuers {
            let twice = made.iter().any(|one| one.config.issuer == config.issuer);
            if config.issuer.is_empty() || twice {
                return Err(IssuerError::Name(config.issuer));
            }
            let validation = validation(&config)?;
            let keys = Keys::new(&config, fetcher.clone())
                .map_err(|error| IssuerError::Keys(config.issuer.clone(), error))?;
            made.push(Issuer { config, validation, keys });
        }
        Ok(Self { issuers: made, verified: VerifiedTokens::new() })
    }

    /// A verifier that accepts no token.
    ///
    /// # Errors
    /// Never in practice: nothing is configured that could be wrong.
    pub fn none() -> Result<Self, IssuerError> {
        Self::new(Vec::new(), &[])
    }

    /// Verifies a token and tells who acts.
    ///
    /// # Errors
    /// UNAUTHENTICATED where the token is not acceptable; UNAVAILABLE where no key of the
    /// issuer could be fetched yet.
    pub async fn verify(&self, bearer: &str) -> Result<Principal, Error> {
        if bearer.len() > MAX_TOKEN {
            return Err(refuse("the token is too long"));
        }
        let digest = cache::digest(bearer);
        let now = clock::unix_seconds();
        let known = self.verified.get(&digest, now, |issuer, key_id| {
            self.issuers.get(issuer).is_some_and(|issuer| issuer.keys.holds(key_id))
        });
        if let Some(principal) = known {
            return Ok(principal);
        }
        let header = jsonwebtoken::decode_header(bearer)
            .map_err(|_| refuse("the token is no signed JWT"))?;
        let (at, issuer) = self.issuer_of(bearer)?;
        if header.crit.is_some() {
            return Err(refuse("the token has critical extensions"));
        }
        let typ = header.typ.as_deref().unwrap_or_default();
        let typ = typ.strip_prefix("application/").unwrap_or(typ);
        if !issuer.config.types.iter().any(|accepted| accepted.eq_ignore_ascii_case(typ)) {
            return Err(refuse("the token is not of an accepted type"));
        }
        if !issuer.validation.algorithms.contains(&header.alg) {
            return Err(refuse("the token is not signed with an accepted algorithm"));
        }
        let (key_id, key) = issuer.keys.find(header.kid.as_deref(), header.alg).await?;
        let mut validation = issuer.validation.clone();
        validation.algorithms.retain(|algorithm| algorithm.family() == key.family());
        let token = jsonwebtoken::decode::<claims::Claims>(bearer, &key, &validation)
            .map_err(|error| refuse(&format!("the token is not valid: {error}")))?;
        let principal = token.claims.principal(&issuer.config).map_err(|why| refuse(&why))?;
        self.verified.put(digest, &principal, at, key_id, token.claims.exp);
        Ok(principal)
    }

    /// The issuer that the token names; nothing is trusted yet but the name.
    fn issuer_of(&self, bearer: &str) -> Result<(usize, &Issuer), Error> {
        #[derive(Deserialize)]
        struct Named {
            iss: String,
        }
        let named: Named = jsonwebtoken::dangerous::insecure_decode_claims(bearer)
            .map_err(|_| refuse("the token names no issuer"))?;
        self.issuers
            .iter()
            .enumerate()
            .find(|(_, issuer)| issuer.config.issuer == named.iss)
            .ok_or_else(|| refuse("the token's issuer is not accepted"))
    }
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.issuers.iter().map(|issuer| &issuer.config.issuer)).finish()
    }
}

fn validation(config: &IssuerConfig) -> Result<Validation, IssuerError> {
    let mut algorithms = Vec::new();
    for name in &config.algorithms {
        let algorithm = name.parse::<Algorithm>().ok();
        let algorithm = algorithm.filter(|known| known.family() != AlgorithmFamily::Hmac);
        let wrong = || IssuerError::Algorithm(config.issuer.clone(), name.clone());
        algorithms.push(algorithm.ok_or_else(wrong)?);
    }
    let Some(first) = algorithms.first() else {
        return Err(IssuerError::Nothing(config.issuer.clone()));
    };
    if config.types.is_empty() || config.audience.is_empty() {
        return Err(IssuerError::Nothing(config.issuer.clone()));
    }
    let mut validation = Validation::new(*first);
    validation.algorithms = algorithms;
    validation.leeway = LEEWAY.as_secs();
    validation.validate_exp = true;
    validation.validate_nbf = true;
    validation.validate_aud = true;
    validation.set_audience(&[&config.audience]);
    validation.set_issuer(&[&config.issuer]);
    validation.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
    Ok(validation)
}

fn refuse(why: &str) -> Error {
    Error::new(Reason::Unauthenticated, why)
}
