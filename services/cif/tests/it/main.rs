//! The use cases of `cif` over real databases: SQLite always, PostgreSQL where the
//! environment names a server.

#![expect(clippy::unwrap_used, reason = "the settings allow it in test functions alone")]

mod access;
mod decide_kyc;
mod find_customers;
mod idempotency;
mod import_customers;
mod list_customers;
mod master_key;
mod office;
mod privacy;
mod rate_risk;
mod register_customer;
mod relations;
mod required;
mod served;
mod update_customer;
