//! The tables of payments: row <-> domain, and the statements.

mod list;
mod row;
mod transfers;

use florin_store::Migrations;

pub use list::{Visible, after, list};
pub use row::Record;
pub use transfers::{Claim, Lease, claim, find, insert, lock, update};

/// The migrations of the database `payment`.
#[must_use]
pub fn migrations() -> Migrations {
    Migrations {
        sqlite: sqlx::migrate!("migrations/sqlite"),
        postgres: sqlx::migrate!("migrations/postgres"),
    }
}
