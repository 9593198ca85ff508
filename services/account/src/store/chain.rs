//! The hash chain of an account's events and the fingerprints of requests.

use aws_lc_rs::digest::{Context, SHA256};

use crate::domain::event::AccountEvent;

/// What the first event of an account is chained to.
pub const GENESIS: [u8; 32] = [0; 32];

/// SHA-256 over the previous event's hash and the event's canonical bytes.
#[must_use]
pub fn link(previous: &[u8], event: &AccountEvent) -> Vec<u8> {
    let mut context = Context::new(&SHA256);
    context.update(previous);
    context.update(&event.canonical());
    context.finish().as_ref().to_vec()
}

/// SHA-256 over fields, each with its length before it: tells content under one reference
/// from other content. Nothing random and no clock may be among the fields.
#[must_use]
pub fn fingerprint(fields: &[&str]) -> Vec<u8> {
    let mut context = Context::new(&SHA256);
    for field in fields {
        context.update(field.len().to_string().as_bytes());
        context.update(b":");
        context.update(field.as_bytes());
    }
    context.finish().as_ref().to_vec()
}

/// The hash of a seal: SHA-256 over the seal before it, the business date, each account with its
/// version and the hash of its last event in the order of ids, and how many there are; each field
/// with its length before it.
pub struct SealDigest(Context);

impl SealDigest {
    /// Begins with the hash of the seal before.
    #[must_use]
    pub fn new(previous: &[u8], closed: &str) -> Self {
        let mut digest = Self(Context::new(&SHA256));
        digest.field(b"seal");
        digest.field(previous);
        digest.field(closed.as_bytes());
        digest
    }

    /// Adds an account.
    pub fn add(&mut self, account: &str, version: i64, hash: &[u8]) {
        self.field(account.as_bytes());
        self.field(version.to_string().as_bytes());
        self.field(hash);
    }

    /// The hash.
    #[must_use]
    pub fn finish(mut self, accounts: i64) -> Vec<u8> {
        self.field(accounts.to_string().as_bytes());
        self.0.finish().as_ref().to_vec()
    }

    fn field(&mut self, bytes: &[u8]) {
        self.0.update(bytes.len().to_string().as_bytes());
        self.0.update(b":");
        self.0.update(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_tell_where_a_field_ends() {
        assert_ne!(fingerprint(&["ab", "c"]), fingerprint(&["a", "bc"]));
        assert_eq!(fingerprint(&["ab", "c"]), fingerprint(&["ab", "c"]));
    }

    #[test]
    fn a_seal_depends_on_all_that_it_covers() {
        let of = |previous: &[u8], closed: &str, entries: &[(&str, i64, &[u8])]| {
            let mut digest = SealDigest::new(previous, closed);
            for (account, version, hash) in entries {
                digest.add(account, *version, hash);
            }
            digest.finish(i64::try_from(entries.len()).expect("few"))
        };
        let first = of(&GENESIS, "2026-11-21", &[("acc_1", 1, b"h")]);
        assert_eq!(first, of(&GENESIS, "2026-11-21", &[("acc_1", 1, b"h")]));
        let others = [
            of(&[1; 32], "2026-11-21", &[("acc_1", 1, b"h")]),
            of(&GENESIS, "2026-11-22", &[("acc_1", 1, b"h")]),
            of(&GENESIS, "2026-11-21", &[("acc_2", 1, b"h")]),
            of(&GENESIS, "2026-11-21", &[("acc_1", 2, b"h")]),
            of(&GENESIS, "2026-11-21", &[("acc_1", 1, b"i")]),
            of(&GENESIS, "2026-11-21", &[]),
            of(&GENESIS, "2026-11-21", &[("acc_1", 1, b"h"), ("acc_2", 1, b"h")]),
        ];
        assert!(others.iter().all(|other| *other != first));
    }
}
