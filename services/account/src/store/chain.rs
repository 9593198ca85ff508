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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_tell_where_a_field_ends() {
        assert_ne!(fingerprint(&["ab", "c"]), fingerprint(&["a", "bc"]));
        assert_eq!(fingerprint(&["ab", "c"]), fingerprint(&["ab", "c"]));
    }
}
