//! The database of a service, on SQLite and on PostgreSQL.
//!
//! What differs between the two engines lives here in a handful of primitives (write
//! transactions, [`rows`], [`lease`], migrations), one implementation each under one suite of
//! tests. Everything else is portable SQL: integers are `BIGINT` and read as `i64`, instants
//! are microseconds, texts compare bytewise, placeholders are `$1`.
//!
//! ```text
//! Database   one writer, many readers; write() re-runs what the engine asks to re-run
//! Tx         a write transaction: the database's clock, hooks after the commit
//! rows       multi-row statements bound to one JSON
//! commit     group commit: many requests in one transaction
//! gate       locks of names that have no row
//! idempotency, audit, approval, lease, outbox    the tables that every service has
//! ```

pub mod approval;
pub mod audit;
mod clock;
pub mod commit;
mod database;
mod error;
pub mod gate;
pub mod idempotency;
pub mod lease;
mod migrations;
mod mint;
mod options;
pub mod outbox;
pub mod rows;
pub mod sql;
mod tx;

pub use database::{Database, PoolState};
pub use error::{Retryable, StoreError};
pub use migrations::{MigrationStep, Migrations};
pub use mint::id_parts;
pub use options::DatabaseOptions;
pub use sql::Engine;
pub use tx::Tx;
