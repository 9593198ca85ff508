//! The contract of Florin, generated from the files beside this crate: messages, clients
//! and servers per domain, the policy table of every method and the kinds of every reason.

#![allow(
    clippy::all,
    clippy::as_conversions,
    clippy::wildcard_enum_match_arm,
    reason = "generated code"
)]

use florin_kernel::Kind;

#[allow(missing_docs, reason = "generated: a module a package")]
mod packages {
    include!(concat!(env!("OUT_DIR"), "/packages.rs"));
}

/// A module a package below `florin`, each with its version: `cif::v1`.
pub use packages::florin::*;
/// `google.api`: the annotations of REST.
pub use packages::google;

mod convert;
pub mod policy;

pub use convert::{instant_of, money_of, timestamp, wire_money};

/// The encoded `FileDescriptorSet` of the whole contract, options and comments included.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// A reason of an error, with the kind that the contract gives it.
pub trait ErrorReason {
    /// The name without prefix: `INSUFFICIENT_FUNDS`.
    fn name(&self) -> &'static str;
    /// The domain of `google.rpc.ErrorInfo`: `account.florin.bank`.
    fn domain(&self) -> &'static str;
    /// The kind, from which code and status follow.
    fn kind(&self) -> Kind;
}

include!(concat!(env!("OUT_DIR"), "/reasons.rs"));

/// An event: a message of a role's `events.proto`.
pub trait Fact: prost::Message {
    /// The role that tells it.
    const SOURCE: &'static str;
    /// Its kind, the message's name in snake case: `transaction_posted`.
    const KIND: &'static str;
}

include!(concat!(env!("OUT_DIR"), "/facts.rs"));

/// The kind of a reason, by its name without prefix.
#[must_use]
pub fn reason_kind(name: &str) -> Option<Kind> {
    REASONS
        .binary_search_by(|(known, _)| (*known).cmp(name))
        .ok()
        .and_then(|at| REASONS.get(at))
        .map(|(_, kind)| *kind)
}
