//! The executable as its users have it: processes, files, exit codes.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

mod bank;
mod bench;
mod commands;
mod import;
mod ops;
mod up;
