//! `florin certs`: the development authority and what it vouches for.

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use clap::Args;

use crate::Outcome;

/// Name of the operator's certificate that is always made.
pub const OPERATOR: &str = "admin";
/// Clients whose certificates are always made: the import, and one for trying things out.
pub const CLIENTS: [&str; 2] = ["import", "demo"];

/// Options of `florin certs`.
#[derive(Debug, Args)]
pub struct CertsArgs {
    /// Where the files go. A valid authority that is there is kept.
    #[arg(long, value_name = "DIR", default_value = "certs")]
    dir: PathBuf,
    /// Another DNS name of the servers' certificates; may be repeated.
    #[arg(long, value_name = "NAME")]
    dns: Vec<String>,
    /// Another operator; may be repeated.
    #[arg(long, value_name = "NAME")]
    operator: Vec<String>,
    /// Another client; may be repeated.
    #[arg(long, value_name = "NAME")]
    client: Vec<String>,
}

/// Makes what is missing.
pub fn run(args: &CertsArgs) -> Result<Outcome> {
    issue(&args.dir, &args.operator, &args.client, &args.dns)?;
    println!("{} holds the authority and its certificates", args.dir.display());
    Ok(Outcome::Clean)
}

/// Makes what a folder of certificates lacks.
pub fn issue(
    dir: &std::path::Path,
    operators: &[String],
    clients: &[String],
    dns: &[String],
) -> Result<()> {
    let operators: Vec<&str> =
        std::iter::once(OPERATOR).chain(operators.iter().map(String::as_str)).collect();
    // Whoever has this name says what was settled.
    ensure!(!clients.iter().any(|name| name == "simulator"), "the client `simulator` is reserved");
    let clients: Vec<&str> =
        CLIENTS.into_iter().chain(clients.iter().map(String::as_str)).collect();
    florin_rpc::certs::issue_development_pki(dir, &operators, &clients, dns)
        .with_context(|| format!("making certificates in {}", dir.display()))
}
