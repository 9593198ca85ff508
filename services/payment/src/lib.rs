//! Transfers, cash deposits and cash withdrawals: accepted in one transaction with their
//! client's key, then advanced by workers until they are COMPLETED, FAILED or CANCELLED.
//!
//! ```text
//! create_*   reads of `account`, then one group commit: key, transfer, event, stored 202
//! worker     take (PROCESSING -> POSTING), post (the ledger), settle (-> COMPLETED | FAILED)
//! cancel     PROCESSING -> CANCELLED under the row's lock
//! ```
//!
//! A transfer's posting has the natural reference `trf_../post` and no other, for ever, so
//! that whatever is repeated after a crash meets its own work in the ledger.

mod app;
mod config;
pub mod domain;
mod grpc;
mod meter;
mod start;
mod store;

pub use app::{App, Patience, Turn, Worker};
pub use config::{Config, ConfigError};
pub use start::start;
pub use store::MIGRATIONS;
