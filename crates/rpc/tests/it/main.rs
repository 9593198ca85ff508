//! The mesh over real mutual TLS on loopback.
#![allow(
    clippy::unwrap_used,
    clippy::as_conversions,
    clippy::type_complexity,
    clippy::disallowed_methods,
    reason = "tests"
)]

mod access;
mod bench;
mod breaker;
mod connection;
mod deadline;
mod identity;
mod permits;
mod retry;
mod serving;
mod token;
mod trace;
