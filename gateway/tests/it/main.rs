//! The gateway's tests: rules of paths and bodies on tables, and whole requests over TLS.

mod binding;
mod body;
mod issuer;
mod key;
mod limit;
mod openapi;
mod trial;
mod vectors;
