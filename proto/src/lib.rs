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

    /// The reason as the contract has it, for reasons of several domains in one place.
    fn known(&self) -> KnownReason {
        let (domain, name, kind) = (self.domain(), self.name(), self.kind());
        let metadata = known_reason(domain, name).map_or(&[][..], |known| known.metadata);
        KnownReason { domain, name, kind, metadata }
    }
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

/// A reason as the contract has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownReason {
    /// The domain: `account.florin.bank`.
    pub domain: &'static str,
    /// The name without prefix: `INSUFFICIENT_FUNDS`.
    pub name: &'static str,
    /// The kind.
    pub kind: Kind,
    /// The keys that `ErrorInfo.metadata` may have with it.
    pub metadata: &'static [&'static str],
}

impl ErrorReason for KnownReason {
    fn name(&self) -> &'static str {
        self.name
    }

    fn domain(&self) -> &'static str {
        self.domain
    }

    fn kind(&self) -> Kind {
        self.kind
    }
}

/// A reason of the contract, by domain and name without prefix.
#[must_use]
pub fn known_reason(domain: &str, name: &str) -> Option<&'static KnownReason> {
    REASONS
        .binary_search_by(|known| (known.domain, known.name).cmp(&(domain, name)))
        .ok()
        .and_then(|at| REASONS.get(at))
}

/// The kind of a reason, by domain and name without prefix.
#[must_use]
pub fn reason_kind(domain: &str, name: &str) -> Option<Kind> {
    known_reason(domain, name).map(|known| known.kind)
}
