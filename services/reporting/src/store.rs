//! The tables of the history.

pub mod generations;
pub mod read;
pub mod write;

use florin_store::Migrations;

/// The tables of the service.
pub const MIGRATIONS: Migrations =
    florin_store::migrations!["0001_history", "0002_no_holders", "0030_one_index"];
