//! The ledger over real databases: SQLite always, PostgreSQL where the test run has one.

mod bench_ledger;
mod close_account;
mod place_hold;
mod post_transactions;
mod reference_model;
mod reverse_transaction;
mod verify_ledger;
