//! The policy of each method, generated from its `access` option.

use florin_kernel::Kind;

use crate::KnownReason;

/// How a customer's own data is told from another's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Own {
    /// Nothing of a customer is concerned.
    None,
    /// The request names the customer at this path.
    Field(&'static str),
    /// The use case loads the record and decides.
    Record,
    /// Work of staff and machines: a customer's token is refused, whatever its scopes.
    NoCustomers,
}

/// Whether a caller must send an idempotency key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Idempotency {
    /// The method changes nothing.
    None,
    /// A key is mandatory.
    Required,
    /// Each item carries its own reference.
    PerItem,
    /// Doing it again does no more than once.
    Natural,
}

/// What the contract says of one method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MethodPolicy {
    /// `/florin.account.v1.AccountService/OpenAccount`.
    pub path: &'static str,
    /// Roles, "client" and "operator".
    pub callers: &'static [&'static str],
    /// A token must carry one of them; empty: none.
    pub scopes: &'static [&'static str],
    /// A member of staff must have one of them; empty: none.
    pub roles: &'static [&'static str],
    /// How own data is told.
    pub own: Own,
    /// Whether a key is asked for.
    pub idempotency: Idempotency,
    /// HTTP status of success.
    pub success_status: u16,
    /// Reasons besides those of the mesh.
    pub reasons: &'static [KnownReason],
    /// Reasons that stand in an item's result, or in a record that ended in a refusal.
    pub item_reasons: &'static [KnownReason],
}

include!(concat!(env!("OUT_DIR"), "/policy.rs"));

/// The policy of a method, by its path.
#[must_use]
pub fn find(path: &str) -> Option<&'static MethodPolicy> {
    POLICIES.binary_search_by(|policy| policy.path.cmp(path)).ok().and_then(|at| POLICIES.get(at))
}
