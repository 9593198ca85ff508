//! One suite over both buses and both engines.

#![expect(clippy::unwrap_used, reason = "the settings allow it in test functions alone")]

mod bundles;
mod dead_letters;
mod delivery;
mod faults;
mod operators;
mod order;
mod outage;
mod world;
