//! The one executable of Florin: a whole bank by `florin up`, single roles by
//! `florin serve`, and the tools that talk to a running mesh.

mod bench;
mod certs;
mod cli;
mod config;
mod connect;
mod https;
mod import;
mod mesh;
mod ops;
mod probe;
mod prove;
mod roles;
mod serve;
mod simulator;
mod token;
mod up;

use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::{Cli, Command};

/// Many short allocations of many threads: mimalloc keeps the resident set small.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All is well.
    Clean,
    /// The command ran to its end and found what must not be: a breach, a reject.
    Found,
    /// A task of the mesh crashed.
    Crashed,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        eprintln!("florin: another crypto provider was installed first");
        return ExitCode::from(NOT_RUN);
    }
    let not_started = match &cli.command {
        Command::Up(_) | Command::Serve(_) | Command::Simulator(_) => florin_runtime::NOT_STARTED,
        Command::Certs(_)
        | Command::Token(_)
        | Command::Import(_)
        | Command::Prove(_)
        | Command::Bench(_)
        | Command::Ops(_)
        | Command::Config(_)
        | Command::Probe(_) => NOT_RUN,
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("florin: no runtime: {error}");
            return ExitCode::from(not_started);
        }
    };
    match runtime.block_on(run(cli.command)) {
        Ok(Outcome::Clean) => ExitCode::SUCCESS,
        Ok(Outcome::Found) => ExitCode::from(FOUND),
        Ok(Outcome::Crashed) => ExitCode::from(florin_runtime::CRASHED),
        Err(error) => {
            eprintln!("florin: {error:#}");
            ExitCode::from(not_started)
        }
    }
}

/// A proof found a breach, an import a reject, a probe a role that is not ready.
const FOUND: u8 = 1;
/// A command that talks to a mesh could not do its work.
const NOT_RUN: u8 = 2;

/// Runs one command.
async fn run(command: Command) -> anyhow::Result<Outcome> {
    match command {
        Command::Up(args) => up::run(args).await,
        Command::Serve(args) => serve::run(args).await,
        Command::Certs(args) => certs::run(&args),
        Command::Token(args) => token::run(args).await,
        Command::Import(args) => import::run(args).await,
        Command::Prove(args) => prove::run(args).await,
        Command::Bench(args) => bench::run(args).await,
        Command::Ops(args) => ops::run(args).await,
        Command::Simulator(args) => simulator::run(args).await,
        Command::Config(args) => config::run(&args),
        Command::Probe(args) => probe::run(args).await,
    }
}
