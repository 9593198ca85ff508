//! The tables of the ledger: rows to domain and back. Writes happen only in [`write`], in the
//! transaction of a batch; the other modules read.

pub mod accruals;
pub mod calendar;
pub mod chain;
pub mod chart;
pub mod claims;
pub mod conditions;
mod copies;
pub mod end_of_day;
pub mod entries;
pub mod fees;
pub mod gl_entries;
pub mod holds;
pub mod load;
pub mod records;
pub mod rows;
pub mod seals;
pub mod set_aside;
pub mod statements;
pub mod verify;
pub mod voids;
pub mod working;
pub mod write;

use florin_store::Migrations;

/// The tables of the service.
pub const MIGRATIONS: Migrations = florin_store::migrations![
    "0001_ledger",
    "0002_overdraft_maximum",
    "0003_released_holds",
    "0004_fewer_indexes",
    "0005_captures",
    "0006_conversions",
    "0007_control_mappings",
    "0010_calendar",
    "0011_interest",
    "0012_end_of_day",
    "0013_seals",
    "0014_fees",
    "0015_set_aside",
    "0016_statements",
    "0030_voids_and_days",
    "0035_legs_of_the_bank",
    "0040_card_accounts",
    "0100_loan_accounts",
];
