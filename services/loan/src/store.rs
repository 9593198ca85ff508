//! The tables of loans: row <-> domain, and the statements.

pub mod days;
pub mod entries;
pub mod lines;
pub mod loans;
pub mod movements;
pub mod positions;
pub mod products;
pub mod steps;

use florin_store::{Migrations, StoreError};
/// Where a loan is read from: a transaction, a snapshot or the pool. The statements stay here.
pub use sea_orm::ConnectionTrait as Connection;

/// The tables of the service.
pub const MIGRATIONS: Migrations =
    florin_store::migrations!["0001_loans", "0010_days", "0011_entries"];

/// A row that says what it cannot.
fn corrupt(of: &str, what: &str) -> StoreError {
    StoreError::Corrupt(format!("{of} has no valid {what}"))
}

/// The columns of a table, with commas between them.
fn names(columns: &[&[(&str, florin_store::rows::Column)]]) -> String {
    let all: Vec<&str> =
        columns.iter().flat_map(|part| part.iter().map(|(name, _)| *name)).collect();
    all.join(", ")
}
