//! Rows to domain and back. Sealing and opening happens here: nothing above knows of keys.

pub(crate) mod customers;
pub(crate) mod decisions;
pub(crate) mod indexes;
pub(crate) mod own_keys;
pub(crate) mod references;
pub(crate) mod relations;

use florin_store::{Migrations, StoreError};

/// The tables of the service.
pub const MIGRATIONS: Migrations =
    florin_store::migrations!["0001_customers", "0002_identifications"];

/// A column that holds another text than it may.
pub(crate) fn corrupt(column: &str, value: &str) -> StoreError {
    StoreError::Corrupt(format!("{column} {value:?} of a customer's row"))
}
