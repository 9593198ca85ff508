//! The runtime from outside: settings, keyed use cases, a process.

#![expect(clippy::unwrap_used, reason = "the settings allow it in test functions alone")]

mod keyed;
mod process;
mod settings;
mod upkeep;
