//! The development issuer: client credentials, discovery, keys. It is on with `florin up` and
//! where it is configured; a bank puts its own identity provider in its place.

mod grant;
mod key;

use std::path::Path;

use anyhow::{Context as _, Result};
use jsonwebtoken::{Algorithm, Header};
use serde_json::{Map, Value, json};

pub use grant::{Grant, GrantError};

use crate::config::{DevelopmentClient, DevelopmentIssuer};
use key::SigningKey;

/// Claim with the customer that acts.
pub const CUSTOMER_CLAIM: &str = "customer_id";
/// Claim with the staff roles.
pub const ROLES_CLAIM: &str = "roles";
/// Path of the token endpoint.
pub const TOKEN_PATH: &str = "/oauth2/token";
/// Path of the discovery document.
pub const DISCOVERY_PATH: &str = "/.well-known/openid-configuration";
/// Path of the public keys.
pub const JWKS_PATH: &str = "/oauth2/jwks.json";

/// Issues tokens to the configured clients.
#[derive(Debug)]
pub struct Issuer {
    /// What `iss` says.
    issuer: String,
    /// Where its endpoints are.
    url: String,
    audience: String,
    seconds: u64,
    clients: Vec<DevelopmentClient>,
    key: SigningKey,
}

/// A token that was issued.
#[derive(Debug, Clone)]
pub struct Issued {
    /// The token.
    pub token: String,
    /// So many seconds it lives.
    pub seconds: u64,
    /// The scopes that it carries.
    pub scopes: Vec<String>,
    /// The client that it was issued to.
    pub client: String,
}

impl Issuer {
    /// An issuer at `public_url`, and named so where the settings name it not; its key lies in `key_file` and is made at first.
    ///
    /// # Errors
    /// Where the key can neither be read nor made.
    pub fn open(config: &DevelopmentIssuer, public_url: &str, key_file: &Path) -> Result<Self> {
        let key = SigningKey::open(key_file)
            .with_context(|| format!("the issuer's key {}", key_file.display()))?;
        let url = public_url.trim_end_matches('/').to_owned();
        Ok(Self {
            issuer: if config.name.is_empty() { url.clone() } else { config.name.clone() },
            url,
            audience: config.audience.clone(),
            seconds: config.token_seconds,
            clients: config.clients.clone(),
            key,
        })
    }

    /// What `iss` says.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.issuer
    }

    /// Where clients get tokens.
    #[must_use]
    pub fn token_url(&self) -> String {
        format!("{}{TOKEN_PATH}", self.url)
    }

    /// The discovery document.
    #[must_use]
    pub fn discovery(&self) -> Value {
        let scopes: std::collections::BTreeSet<&String> =
            self.clients.iter().flat_map(|client| &client.scopes).collect();
        json!({
            "issuer": self.issuer,
            "token_endpoint": self.token_url(),
            "jwks_uri": format!("{}{JWKS_PATH}", self.url),
            "grant_types_supported": ["client_credentials"],
            "response_types_supported": [],
            "subject_types_supported": ["public"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "id_token_signing_alg_values_supported": ["ES256"],
            "scopes_supported": scopes,
        })
    }

    /// The public keys.
    #[must_use]
    pub fn jwks(&self) -> Value {
        json!({ "keys": [self.key.public_jwk()] })
    }

    /// Answers a request to the token endpoint: what the form and the header say.
    ///
    /// # Errors
    /// The refusal as RFC 6749 names it.
    pub fn grant(&self, authorization: Option<&str>, form: &str) -> Result<Issued, GrantError> {
        let grant = Grant::read(authorization, form, &self.clients)?;
        self.issue(&grant)
    }

    /// Issues a token for what was granted.
    ///
    /// # Errors
    /// Where signing fails.
    pub fn issue(&self, grant: &Grant) -> Result<Issued, GrantError> {
        let now = now_seconds();
        let mut claims = Map::new();
        claims.insert("iss".to_owned(), json!(self.issuer));
        claims.insert("sub".to_owned(), json!(grant.subject));
        claims.insert("aud".to_owned(), json!(self.audience));
        claims.insert("exp".to_owned(), json!(now.saturating_add(self.seconds)));
        claims.insert("nbf".to_owned(), json!(now));
        claims.insert("iat".to_owned(), json!(now));
        claims.insert("jti".to_owned(), json!(florin_rpc::fresh_request_id()));
        claims.insert("client_id".to_owned(), json!(grant.client));
        claims.insert("scope".to_owned(), json!(grant.scopes.join(" ")));
        if !grant.roles.is_empty() {
            claims.insert(ROLES_CLAIM.to_owned(), json!(grant.roles));
        }
        if let Some(customer) = &grant.customer {
            claims.insert(CUSTOMER_CLAIM.to_owned(), json!(customer));
        }
        let mut header = Header::new(Algorithm::ES256);
        header.typ = Some("at+jwt".to_owned());
        header.kid = Some(self.key.id().to_owned());
        let token = jsonwebtoken::encode(&header, &claims, self.key.signer())
            .map_err(|_| GrantError::Server)?;
        Ok(Issued {
            token,
            seconds: self.seconds,
            scopes: grant.scopes.clone(),
            client: grant.client.clone(),
        })
    }
}

#[expect(clippy::disallowed_methods, reason = "tokens live by wall clock, not by business date")]
fn now_seconds() -> u64 {
    std::time::SystemTime::now()
        .duration_since(std::time::SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
