//! The mesh: mutual TLS, who acts, errors, the one call stack and the one server stack.
//!
//! A service gives its generated servers to [`server::Server`], reads [`context()`] in its
//! handlers and calls others through [`Dependency`]. What the contract says of a method
//! (callers, scopes, roles, idempotency key) is enforced here, before a handler runs.

pub mod certs;
mod clock;
mod context;
mod error;
pub mod health;
pub mod https;
pub mod metrics;
pub mod page;
pub mod prefer;
mod principal;
mod reflection;
pub mod seldom;
mod serve;
pub mod server;
mod stack;
pub mod tls;
pub mod token;
mod trace;

/// The roles of the mesh, from the kernel.
pub mod role {
    pub use florin_kernel::{Role, UnknownRole};
}

pub use context::{CallContext, context, fresh_request_id, worker_context};
pub use error::{Error, FieldViolation, grpc_code, http_status};
pub use metrics::Metrics;
pub use principal::{PartyRole, Principal, PrincipalKind, Verb};
pub use role::Role;
pub use server::{Server, Services, permitted};
pub use stack::{BreakerLimits, Dependency, Retry, StackLimits};
pub use tls::{Identity, Peer, TlsFiles};
pub use token::{IssuerConfig, Verifier};
pub use trace::TraceParent;
