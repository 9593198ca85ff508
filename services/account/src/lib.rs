//! `account`: accounts of customers and the double-entry ledger (DESIGN section 4).
//!
//! Every command on an account goes through the group committer in [`app::ledger`]; a balance
//! is the fold of the account's events, and the account row a projection written with them.

pub mod app;
pub mod config;
pub mod domain;
pub mod grpc;
pub mod start;
pub mod store;
mod wire;

pub use config::Config;
pub use start::start;
pub use store::MIGRATIONS;
