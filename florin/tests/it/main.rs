//! The executable as its users have it: processes, files, exit codes.

mod bank;
mod berka;
mod commands;
mod import;
mod up;
