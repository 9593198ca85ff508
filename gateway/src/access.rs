//! Whether a request may pass: token, scopes, staff roles, then the idempotency key. The
//! owning service checks all of it again, and whose record it is.

use florin_kernel::Violations;
use florin_proto::{
    common::v1::Reason,
    policy::{Idempotency, MethodPolicy},
};
use florin_rpc::{Error, Principal};
use http::{HeaderMap, header};

use crate::{
    key::{KeyError, parse_key},
    problem::Problem,
};

/// Name of the header with the client's key.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// What a challenge starts with (RFC 6750).
const CHALLENGE: &str = "Bearer realm=\"florin\"";

/// The token of a request.
///
/// # Errors
/// 401 where there is none, or it comes in another way.
pub fn bearer(headers: &HeaderMap) -> Result<&str, Box<Problem>> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (first, second) = (values.next(), values.next());
    let missing = |words: &str| {
        let error = Error::new(Reason::Unauthenticated, words);
        Box::new(Problem::from(error).header(header::WWW_AUTHENTICATE, CHALLENGE))
    };
    let Some(value) = first else {
        return Err(missing("a bearer token is needed in the header Authorization"));
    };
    let text = value.to_str().ok().filter(|_| second.is_none());
    let token = text
        .and_then(|text| text.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim());
    token
        .filter(|token| !token.is_empty())
        .ok_or_else(|| missing("the header Authorization must be one bearer token"))
}

/// A refusal of a token, with the challenge of RFC 6750.
#[must_use]
pub fn refused_token(error: Error) -> Problem {
    let invalid = error.reason() == "UNAUTHENTICATED";
    let problem = Problem::from(error);
    if invalid {
        let challenge = format!("{CHALLENGE}, error=\"invalid_token\"");
        return problem.header(header::WWW_AUTHENTICATE, challenge);
    }
    problem
}

/// Checks what the contract says of the method.
///
/// # Errors
/// 403 with what is missing.
pub fn permitted(policy: &MethodPolicy, principal: &Principal) -> Result<(), Box<Problem>> {
    florin_rpc::permitted(policy, principal).map_err(|error| {
        let scopes = (error.reason() == "SCOPE_MISSING").then(|| policy.scopes.join(" "));
        let problem = Problem::from(error);
        Box::new(match scopes {
            None => problem,
            Some(wanted) => {
                let told = format!("{CHALLENGE}, error=\"insufficient_scope\", scope=\"{wanted}\"");
                problem.header(header::WWW_AUTHENTICATE, told)
            }
        })
    })
}

/// The idempotency key, where the method asks for one.
///
/// # Errors
/// 400 where it is missing or malformed.
pub fn idempotency_key(
    policy: &MethodPolicy,
    headers: &HeaderMap,
) -> Result<Option<String>, Box<Problem>> {
    if policy.idempotency != Idempotency::Required {
        return Ok(None);
    }
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else {
        let words = "this request needs the header Idempotency-Key";
        return Err(Box::new(Error::new(Reason::IdempotencyKeyMissing, words).into()));
    };
    let key =
        if values.next().is_some() { Err(KeyError::Repeated) } else { parse_key(value.as_bytes()) };
    key.map(Some).map_err(|error| {
        let mut violations = Violations::new();
        violations.add("Idempotency-Key", "IDEMPOTENCY_KEY_SYNTAX", error.to_string());
        let words = format!("the header Idempotency-Key {error}");
        let error = Error::new(Reason::IdempotencyKeyMalformed, words).violations(violations);
        Box::new(error.into())
    })
}
