//! The tables of the history.

pub mod generations;
pub mod read;
pub mod write;

use florin_store::Migrations;

/// The tables of the service.
#[must_use]
pub fn migrations() -> Migrations {
    Migrations {
        sqlite: sqlx::migrate!("migrations/sqlite"),
        postgres: sqlx::migrate!("migrations/postgres"),
    }
}
