//! The history over real databases: SQLite always, PostgreSQL where the environment names a
//! server. The sources are outboxes with the events that `account` and `cif` publish.

#![expect(clippy::unwrap_used, reason = "the settings allow it in test functions alone")]

mod consume;
mod directory;
mod migrations;
mod ownership;
mod rebuild_read_model;
mod required;
mod search_transactions;
mod world;
