//! The stories of the whole bank, played from outside against the real executable.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

mod access;
mod bad_input;
mod bench;
mod bulk;
mod cards;
mod clearing;
mod crash;
mod end_of_day;
mod fees;
mod idempotency;
mod import;
mod killed_day;
mod ledger_desk;
mod loans;
mod own_data;
mod proof;
mod races;
mod recalls;
mod returns;
mod story;
mod strangers;
mod strangers_oidc;
mod world;
