//! Whether a call may reach its handler, in this order: caller, token, scopes, roles,
//! idempotency key. The key is looked at last, so that nobody without access learns
//! anything from it.

use std::time::{Duration, Instant};

use florin_proto::{
    common::v1::Reason,
    policy::{Idempotency, MethodPolicy, Own},
};
use http::HeaderMap;

use crate::{
    CallContext, Error, Peer, Principal, PrincipalKind, Role, TraceParent, context, prefer,
    token::Verifier,
};

/// Longest idempotency key, in characters.
const MAX_KEY: usize = 255;

/// Longest request id that is taken over from a caller.
const MAX_REQUEST_ID: usize = 128;

/// Reads an idempotency key as a header carries it: 1 to 255 visible ASCII characters,
/// quoted (a string of RFC 8941) or bare.
///
/// # Errors
/// `IDEMPOTENCY_KEY_MALFORMED`.
pub fn idempotency_key(raw: &str) -> Result<String, Error> {
    let malformed = || {
        Error::new(
            Reason::IdempotencyKeyMalformed,
            "an idempotency key is 1 to 255 visible ASCII characters, quoted or bare",
        )
    };
    let key = match raw.strip_prefix('"') {
        None if raw.contains('"') => None,
        None => Some(raw.to_owned()),
        Some(rest) => rest.strip_suffix('"').and_then(unescape),
    }
    .ok_or_else(malformed)?;
    let fits =
        (1..=MAX_KEY).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
    if fits { Ok(key) } else { Err(malformed()) }
}

fn unescape(inner: &str) -> Option<String> {
    let mut key = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => key.push(characters.next().filter(|next| matches!(next, '"' | '\\'))?),
            '"' => return None,
            plain => key.push(plain),
        }
    }
    Some(key)
}

/// What ties a request to others, known before it is let in.
pub struct Marks {
    pub request_id: String,
    pub trace: TraceParent,
    pub deadline: Option<Instant>,
}

impl Marks {
    /// Those of a request; what it lacks is made.
    pub fn of(headers: &HeaderMap, deadline: Option<Instant>) -> Self {
        let request_id = only(headers, "x-request-id")
            .filter(|id| {
                (1..=MAX_REQUEST_ID).contains(&id.len())
                    && id.bytes().all(|byte| byte.is_ascii_graphic())
            })
            .map_or_else(context::fresh_request_id, str::to_owned);
        let trace = only(headers, "traceparent").and_then(TraceParent::parse);
        Self { request_id, trace: trace.unwrap_or_else(TraceParent::fresh), deadline }
    }
}

/// Lets a call in or says why not.
pub async fn admit(
    policy: &'static MethodPolicy,
    peer: &Peer,
    headers: &HeaderMap,
    verifier: &Verifier,
    marks: &Marks,
) -> Result<CallContext, Error> {
    if !policy.callers.contains(&peer.caller()) {
        return Err(Error::new(
            Reason::CallerNotAllowed,
            "the certificate may not call this method",
        )
        .with("caller", peer.caller())
        .with("method", policy.path));
    }
    let bearer = bearer(headers)?;
    let principal = match bearer {
        Some(token) => verifier.verify(token).await?,
        None => of_certificate(peer)?,
    };
    check_scopes(policy, peer, &principal, bearer.is_some())?;
    let idempotency_key = match policy.idempotency {
        Idempotency::Required => Some(key_of(headers)?),
        Idempotency::None | Idempotency::PerItem | Idempotency::Natural => None,
    };
    Ok(CallContext {
        principal,
        peer: peer.clone(),
        deadline: marks.deadline,
        bearer: bearer.map(str::to_owned),
        idempotency_key,
        wait: wait_of(headers),
        traceparent: Some(marks.trace.to_string()),
        request_id: marks.request_id.clone(),
        method: policy.path,
    })
}

fn wait_of(headers: &HeaderMap) -> Duration {
    let wishes = headers.get_all("prefer").iter();
    prefer::wait(wishes.filter_map(|value| value.to_str().ok()))
}

/// Who acts where no token came along.
fn of_certificate(peer: &Peer) -> Result<Principal, Error> {
    match peer {
        Peer::Operator(name) => Ok(Principal::operator(name)),
        Peer::Role(Role::Gateway) | Peer::Client(_) => {
            Err(Error::new(Reason::Unauthenticated, "a bearer token is required"))
        }
        Peer::Role(role) => Ok(Principal::service(*role)),
    }
}

/// Scopes and staff roles. A service that hands a user's token on has been checked at the
/// edge, and its own right to call is its certificate; an operator without a token has no
/// scopes to ask for, and its roles are what its certificate makes it.
fn check_scopes(
    policy: &MethodPolicy,
    peer: &Peer,
    principal: &Principal,
    with_token: bool,
) -> Result<(), Error> {
    let at_the_edge = match peer {
        Peer::Role(role) => *role == Role::Gateway,
        Peer::Client(_) | Peer::Operator(_) => true,
    };
    if !at_the_edge {
        return Ok(());
    }
    if with_token { permitted(policy, principal) } else { has_role(policy, principal) }
}

/// Whether the contract lets the bearer of a token call the method: scopes, then staff and
/// customers. Whose record it is the use case decides.
///
/// # Errors
/// `SCOPE_MISSING`, `ROLE_MISSING`.
pub fn permitted(policy: &MethodPolicy, principal: &Principal) -> Result<(), Error> {
    let scoped = policy.scopes.iter().any(|scope| principal.has_scope(scope));
    if !policy.scopes.is_empty() && !scoped {
        return Err(Error::new(Reason::ScopeMissing, "the token lacks the scope of this method")
            .with("scopes", policy.scopes.join(" ")));
    }
    if policy.own == Own::NoCustomers && principal.is_customer() {
        let words = "this is work of staff; a customer's token does not open it";
        return Err(Error::new(Reason::RoleMissing, words).with("method", policy.path));
    }
    has_role(policy, principal)
}

fn has_role(policy: &MethodPolicy, principal: &Principal) -> Result<(), Error> {
    let staff = principal.kind == PrincipalKind::Staff && !policy.roles.is_empty();
    if staff && !policy.roles.iter().any(|role| principal.has_role(role)) {
        return Err(Error::new(Reason::RoleMissing, "the member of staff lacks the role")
            .with("roles", policy.roles.join(" ")));
    }
    Ok(())
}

fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Error> {
    let refuse =
        || Error::new(Reason::Unauthenticated, "the authorization is no single bearer token");
    if !headers.contains_key("authorization") {
        return Ok(None);
    }
    let (scheme, token) = only(headers, "authorization")
        .and_then(|value| value.split_once(' '))
        .ok_or_else(refuse)?;
    if scheme.eq_ignore_ascii_case("bearer") { Ok(Some(token.trim())) } else { Err(refuse()) }
}

fn key_of(headers: &HeaderMap) -> Result<String, Error> {
    if !headers.contains_key("idempotency-key") {
        return Err(Error::new(
            Reason::IdempotencyKeyMissing,
            "this method changes state and needs an idempotency key",
        ));
    }
    // Two keys are no key: which of them would guard the effect?
    idempotency_key(only(headers, "idempotency-key").unwrap_or_default())
}

/// The text of a header that stands exactly once.
pub fn only<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    if values.next().is_some() { None } else { value.to_str().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_visible_ascii_quoted_or_bare() {
        let longest = "k".repeat(255);
        for (raw, key) in [
            ("8e03978e-40d5", "8e03978e-40d5"),
            ("\"8e03978e\"", "8e03978e"),
            (r#""a\"b\\c""#, r#"a"b\c"#),
            (&longest, &longest),
        ] {
            assert_eq!(idempotency_key(raw).as_deref(), Ok(key));
        }
        let too_long = "k".repeat(256);
        for raw in
            ["", "\"\"", "\"", "a b", "\"a b\"", "a\"", "\"a", "\"a\"b\"", "kéy", "a\tb", &too_long]
        {
            let error = idempotency_key(raw).unwrap_err();
            assert_eq!(error.reason(), "IDEMPOTENCY_KEY_MALFORMED", "{raw}");
        }
    }
}
