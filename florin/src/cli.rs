//! The command tree.

use clap::{Args, Parser, Subcommand};

use crate::{bench, certs, config, import, ops, probe, prove, serve, simulator, token, up};

/// Florin: a headless core bank.
#[derive(Debug, Parser)]
#[command(name = "florin", version, about, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the whole bank in this process: every role, SQLite, a development authority.
    Up(up::UpArgs),
    /// Run one or more roles of a production mesh.
    Serve(serve::ServeArgs),
    /// Make the development authority and a certificate for each role, operator and client.
    Certs(certs::CertsArgs),
    /// Ask the development issuer for an access token and print it.
    Token(token::TokenArgs),
    /// Import customers, accounts and their history from CSV files.
    Import(Box<import::ImportArgs>),
    /// Prove the ledger and pair the services with it; exit 1 on any breach.
    Prove(prove::ProveArgs),
    /// Put load on a running mesh, measure it and prove the ledger; exit 1 on any breach.
    Bench(Box<bench::BenchArgs>),
    /// What operators do: dead letters, replay, rebuild.
    Ops(ops::OpsArgs),
    /// Simulate a clearing network and the bank on its other side: for development only.
    Simulator(simulator::SimulatorArgs),
    /// Show settings.
    Config(config::ConfigArgs),
    /// Ask a role whether it is ready: for health checks of containers.
    Probe(probe::ProbeArgs),
}

/// Where the running mesh is.
#[derive(Debug, Clone, Args)]
pub struct WhereArgs {
    /// Folder of a running `florin up`, which leaves its addresses there.
    #[arg(long, value_name = "DIR", global = true, default_value = "data")]
    pub data: std::path::PathBuf,
    /// Settings of a production mesh.
    #[arg(long, value_name = "FILE", global = true, conflicts_with = "data")]
    pub config: Option<std::path::PathBuf>,
    /// Folder of the certificates; where it is absent, that of the mesh.
    #[arg(long, value_name = "DIR", global = true)]
    pub certs: Option<std::path::PathBuf>,
}
