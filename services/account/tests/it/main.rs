//! The ledger over real databases: SQLite always, PostgreSQL where the test run has one.

#![allow(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test that fails may panic"
)]

mod account_statements;
mod backdating;
mod bench_ledger;
mod books;
mod bugs_of_others;
mod calendar;
mod capture_holds;
mod capture_requests;
mod close_account;
mod conversions;
mod day_counts;
mod day_under_way;
mod decide;
mod desk;
mod end_of_day;
mod events;
mod expire_holds;
mod fees;
mod get_balance;
mod gl_entries;
mod gl_mapping;
mod interest_conditions;
mod interest_world;
mod items;
mod migrations;
mod owed;
mod periods;
mod place_hold;
mod post_transactions;
mod preview;
mod products;
mod reads;
mod reference_model;
mod references;
mod required;
mod reverse_transaction;
mod seals;
mod set_aside;
mod settle_interest;
mod statements;
mod two_phase;
mod two_phase_page;
mod two_phase_replays;
mod verify_ledger;
mod void_references;
mod watch_business_date;
mod working_set;
