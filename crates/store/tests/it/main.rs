//! One suite over both engines.

mod engines;
mod group_commit;
mod idempotency;
mod leases;
mod rows;
mod two_persons;
mod writes;
