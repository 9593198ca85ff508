//! `cargo xtask`: the checks that keep the design true, and the servers that tests need.

#![expect(
    clippy::disallowed_methods,
    reason = "a build tool: it reads PATH and polls the processes that it started"
)]

use std::{path::PathBuf, process::ExitCode};

use anyhow::Result;
use clap::{Parser, Subcommand};

mod bench;
mod ci;
mod count;
mod golden;
mod process;
mod room;
mod servers;
mod tests_step;
mod tidy;
mod tools;

/// The checks of this repository.
#[derive(Parser)]
#[command(name = "cargo xtask", version)]
struct Arguments {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Run every check and every test, on servers of its own; the last line counts.
    Ci(ci::Options),
    /// Measure the baseline on servers of its own, with pgbench beside it, and prove each run.
    Bench(bench::Options),
    /// Write the image of the contract and the golden files of the gateway's tests anew.
    Golden,
    /// Start PostgreSQL and NATS for the tests, print the exports, end both on Ctrl-C.
    Servers,
    /// Check imports, dependencies, lengths, names, documentation and the roles' artefacts.
    Tidy,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = process::end_children_on_signals().and_then(|()| match arguments.command {
        Task::Ci(options) => ci::run(&options),
        Task::Bench(options) => bench::run(&options),
        Task::Golden => golden::run(),
        Task::Servers => servers::run_until_interrupted(),
        Task::Tidy => tidy::run_alone(),
    });
    match outcome {
        _ if process::interrupted() => ExitCode::from(130),
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The folder of the workspace's `Cargo.toml`.
fn root() -> Result<PathBuf> {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let parent = here.parent().map(PathBuf::from);
    parent.ok_or_else(|| anyhow::anyhow!("{} has no parent folder", here.display()))
}
