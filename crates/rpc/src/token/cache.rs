//! Tokens that were verified, by their digest, until they expire: a signature costs tens
//! of microseconds, and each hop checks the same token again.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::Principal;

/// Tokens kept at most; the oldest go first.
const MOST: usize = 10_000;

/// SHA-256 of a token.
pub type Digest = [u8; 32];

/// Principals by the digest of their token.
pub struct VerifiedTokens(Mutex<Shelf>);

#[derive(Default)]
struct Shelf {
    tokens: HashMap<Digest, Verified>,
    order: VecDeque<Digest>,
}

struct Verified {
    principal: Principal,
    issuer: usize,
    key_id: String,
    expires: i64,
}

/// The digest of a token; the token itself is not kept.
pub fn digest(bearer: &str) -> Digest {
    let mut bytes = [0; 32];
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bearer.as_bytes());
    for (to, from) in bytes.iter_mut().zip(digest.as_ref()) {
        *to = *from;
    }
    bytes
}

impl VerifiedTokens {
    /// None yet.
    pub fn new() -> Self {
        Self(Mutex::default())
    }

    /// The principal of a token that was verified with a key which the issuer still has.
    pub fn get(
        &self,
        digest: &Digest,
        now: i64,
        still_has: impl Fn(usize, &str) -> bool,
    ) -> Option<Principal> {
        let shelf = self.shelf();
        let known = shelf.tokens.get(digest)?;
        (known.expires > now && still_has(known.issuer, &known.key_id))
            .then(|| known.principal.clone())
    }

    /// Keeps the principal of a verified token until the token expires.
    pub fn put(
        &self,
        digest: Digest,
        principal: &Principal,
        issuer: usize,
        key_id: String,
        expires: i64,
    ) {
        let mut shelf = self.shelf();
        while shelf.order.len() >= MOST {
            if let Some(oldest) = shelf.order.pop_front() {
                shelf.tokens.remove(&oldest);
            }
        }
        let verified = Verified { principal: principal.clone(), issuer, key_id, expires };
        if shelf.tokens.insert(digest, verified).is_none() {
            shelf.order.push_back(digest);
        }
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use florin_kernel::Role;

    use super::*;

    #[test]
    fn the_cache_is_bounded_and_forgets_what_expired_or_lost_its_key() {
        let cache = VerifiedTokens::new();
        let principal = Principal::service(Role::Cif);
        for number in 0..MOST + 10 {
            cache.put(digest(&number.to_string()), &principal, 0, "k".to_owned(), 100);
        }
        assert_eq!(cache.shelf().tokens.len(), MOST);
        assert!(cache.get(&digest("0"), 1, |_, _| true).is_none(), "the oldest went");
        let last = digest(&MOST.to_string());
        assert!(cache.get(&last, 99, |_, _| true).is_some());
        assert!(cache.get(&last, 100, |_, _| true).is_none());
        assert!(cache.get(&last, 99, |_, _| false).is_none());
    }
}
