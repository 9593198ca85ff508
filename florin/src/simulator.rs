//! `florin simulator`: the clearing network and the bank on its other side, for development.

use std::{net::SocketAddr, path::PathBuf};

use anyhow::{Context as _, Result};
use clap::Args;
use florin_kernel::Bic;
use florin_rpc::{Identity, TlsFiles};
use florin_simulator::{CERTIFICATE, Simulator};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tokio_util::sync::CancellationToken;

use crate::Outcome;

/// Options of `florin simulator`.
#[derive(Debug, Args)]
pub struct SimulatorArgs {
    /// Where it listens.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7600")]
    listen: SocketAddr,
    /// Folder of the development authority's certificates.
    #[arg(long, value_name = "DIR", default_value = "certs")]
    certs: PathBuf,
    /// BIC of the bank at its side.
    #[arg(long, value_name = "BIC", default_value = "FLORCZPP")]
    bank: Bic,
    /// File in which its state is kept; in memory where absent.
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
}

/// Serves until it is asked to stop.
pub async fn run(args: SimulatorArgs) -> Result<Outcome> {
    let identity = Identity::load(&TlsFiles::in_dir(&args.certs, CERTIFICATE))
        .context("`florin certs` makes the certificate of the simulator")?;
    let listener = TcpListener::bind(args.listen).await;
    let listener = listener.with_context(|| format!("cannot listen on {}", args.listen))?;
    let address = listener.local_addr()?;
    let simulator = match args.state {
        Some(file) => Simulator::open(&args.bank, file)?,
        None => Simulator::new(&args.bank),
    };
    let shutdown = CancellationToken::new();
    let served = tokio::spawn(simulator.serve(listener, identity, shutdown.clone()));
    println!("simulating a clearing network on https://{address}");
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = terminate.recv() => {}
        stopped = tokio::signal::ctrl_c() => stopped?,
    }
    shutdown.cancel();
    served.await.context("the simulator broke off")?;
    Ok(Outcome::Clean)
}
