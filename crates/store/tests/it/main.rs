//! One suite over both engines.

#![expect(clippy::unwrap_used, reason = "the settings allow it in test functions alone")]

mod due;
mod engines;
mod group_commit;
mod group_commit_answers;
mod group_commit_time;
mod health;
mod idempotency;
mod leases;
mod rows;
mod two_persons;
mod writes;
