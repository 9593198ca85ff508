//! The contract of Florin, generated from the files beside this crate: messages, clients
//! and servers per domain, the policy table of every method and the kinds of every reason.

#![allow(
    clippy::all,
    clippy::as_conversions,
    clippy::wildcard_enum_match_arm,
    reason = "generated code"
)]

use florin_kernel::Kind;

/// Messages that every domain shares.
pub mod common {
    /// Version 1.
    pub mod v1 {
        tonic::include_proto!("florin.common.v1");
    }
}

/// The options on methods and enum values.
pub mod options {
    /// Version 1.
    pub mod v1 {
        tonic::include_proto!("florin.options.v1");
    }
}

/// What operators do in each service: dead letters, replay, the parts of the proof.
pub mod ops {
    /// Version 1.
    pub mod v1 {
        tonic::include_proto!("florin.ops.v1");
    }
}

/// Customers.
pub mod cif {
    /// Version 1.
    pub mod v1 {
        tonic::include_proto!("florin.cif.v1");
    }
}

/// Accounts and the ledger.
pub mod account {
    /// Version 1.
    pub mod v1 {
        tonic::include_proto!("florin.account.v1");
    }
}

/// Payments.
pub mod payment {
    /// Version 1.
    pub mod v1 {
        tonic::include_proto!("florin.payment.v1");
    }
}

/// Read models.
pub mod reporting {
    /// Version 1.
    pub mod v1 {
        tonic::include_proto!("florin.reporting.v1");
    }
}

/// `google.api`: the annotations of REST.
pub mod google {
    /// HTTP rules.
    pub mod api {
        tonic::include_proto!("google.api");
    }
}

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

/// The kind of a reason, by its name without prefix.
#[must_use]
pub fn reason_kind(name: &str) -> Option<Kind> {
    REASONS
        .binary_search_by(|(known, _)| (*known).cmp(name))
        .ok()
        .and_then(|at| REASONS.get(at))
        .map(|(_, kind)| *kind)
}
