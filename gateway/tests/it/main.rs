//! The gateway's tests: rules of paths and bodies on tables, and whole requests over TLS.

#![expect(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test that fails says so by a panic"
)]

mod binding;
mod body;
mod connection;
mod golden;
mod http;
mod issuer;
mod key;
mod limit;
mod openapi;
mod tls;
mod trial;
mod vectors;
mod world;
