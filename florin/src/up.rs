//! `florin up`: the whole bank in one process, with nothing to install or configure.

mod banner;
mod cycles;
pub mod demo;
pub mod lock;
mod ports;
mod story;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::Args;
use florin_gateway::GatewayConfig;
use florin_kernel::Role;
use florin_rpc::{Identity, TlsFiles};
use florin_runtime::{DataDir, Process, Settings, telemetry};
use florin_simulator::{CERTIFICATE, Simulator};
use futures_util::future::try_join_all;
use tokio::net::TcpListener;

use crate::{Outcome, certs, mesh::Mesh, roles, serve, up::ports::Ports};

/// Who the simulated network is to the bank.
const SIMULATOR: &str = "spiffe://florin.bank/client/simulator";
/// The BIC of a bank that connects no other network.
const BIC: &str = "FLORCZPP";

/// Options of `florin up`.
#[derive(Debug, Args)]
pub struct UpArgs {
    /// Where the bank is kept: a SQLite file for each service, certificates, addresses.
    #[arg(long, value_name = "DIR", default_value = "data")]
    data: PathBuf,
    /// Port of the gateway; 8443, or a free one where that is taken.
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// Play a story over REST: customers, accounts, a deposit, transfers, the proof.
    #[arg(long)]
    demo: bool,
}

/// Runs the bank until it is asked to stop.
pub async fn run(args: UpArgs) -> Result<Outcome> {
    let data = DataDir::open(&args.data)
        .with_context(|| format!("cannot use {} as data folder", args.data.display()))?;
    let lock = lock::take(data.path()).await?;
    Mesh::forget(data.path());
    certs::issue(&data.certs(), &[], &[], &[])?;
    let mut settings = Settings::from_environment()?;
    settings.place(&data);
    if settings.telemetry.log_filter == Settings::default().telemetry.log_filter {
        // The terminal belongs to the person who tries Florin out.
        "warn".clone_into(&mut settings.telemetry.log_filter);
    }
    let account: florin_account::Config = settings.section(Role::Account)?;
    if account.most_days_ahead == florin_account::Config::default().most_days_ahead {
        // Whoever tries the bank out need not wait for the month to end.
        settings.set(Role::Account, "most_days_ahead", i64::from(u32::MAX));
    }
    let ports = Ports::bind(args.port, data.path()).await?;
    let mesh = ports.place(&mut settings, &data)?;
    connect(&mut settings, &mesh)?;
    let gateway = demo::with_issuer(&mut settings, &mesh, &data)?;
    let telemetry = telemetry::init(&settings.telemetry)?;
    let process = Process::new(settings);
    let stopped = serve::until_stopped(&process);
    let lived = live(&process, ports, &gateway, &mesh, &args).await;
    if lived.is_err() {
        process.shutdown.cancel();
    }
    let stop = stopped.await.context("the process broke off")?;
    Mesh::forget(data.path());
    telemetry.shutdown().await;
    drop(lock);
    lived?;
    Ok(serve::outcome(&stop))
}

/// From the start of the roles to the end of the demo.
async fn live(
    process: &Process,
    ports: Ports,
    gateway: &GatewayConfig,
    mesh: &Mesh,
    args: &UpArgs,
) -> Result<()> {
    start_all(process, ports, gateway, mesh).await?;
    mesh.save(&args.data)?;
    banner::print(mesh, &args.data);
    if args.demo {
        tell(process, mesh, &args.data).await?;
    }
    println!("serving until Ctrl-C");
    Ok(())
}

/// Tells the demo, unless somebody stops the bank meanwhile.
async fn tell(process: &Process, mesh: &Mesh, data: &Path) -> Result<()> {
    tokio::select! {
        told = story::play(mesh, data) => told,
        () = process.shutdown.cancelled() => Ok(()),
    }
}

async fn start_all(
    process: &Process,
    ports: Ports,
    gateway: &GatewayConfig,
    mesh: &Mesh,
) -> Result<()> {
    process.serve_probes(ports.probe);
    let simulator = simulate(process, mesh, ports.simulator)?;
    let starts = ports
        .roles
        .into_iter()
        .map(|(role, listener)| roles::start(process, role, gateway, listener));
    try_join_all(starts).await?;
    if let Some(simulator) = simulator {
        let cycles = cycles::end(simulator, mesh.clone(), process.shutdown.clone());
        process.tasks.spawn("cycles of the simulated clearing network", cycles);
    }
    process.roles_have_started();
    Ok(())
}

/// Connects payments to the simulated network, unless the settings name another.
fn connect(settings: &mut Settings, mesh: &Mesh) -> Result<()> {
    let payment: florin_payment::Config = settings.section(Role::Payment)?;
    if !payment.clearing.is_connected() {
        for (key, value) in [
            ("address", mesh.simulator.as_str()),
            ("spiffe", SIMULATOR),
            ("network", "simulator"),
            ("bic", BIC),
        ] {
            settings.set_in(Role::Payment, "clearing", key, value);
        }
    }
    Ok(())
}

/// Starts the simulated network, which keeps its state in the data folder beside the databases:
/// what it has settled it still knows after a restart. None is started beside another network.
fn simulate(process: &Process, mesh: &Mesh, listener: TcpListener) -> Result<Option<Simulator>> {
    let payment: florin_payment::Config = process.settings.section(Role::Payment)?;
    if payment.clearing.address != mesh.simulator {
        return Ok(None);
    }
    let certs = &process.settings.tls.dir;
    let identity = Identity::load(&TlsFiles::in_dir(certs, CERTIFICATE))?;
    let bank = payment.clearing.bic.parse().context("payment.clearing.bic")?;
    let folder = certs.parent().unwrap_or(certs);
    let simulator = Simulator::open(&bank, folder.join("simulator.json"))?;
    let served = simulator.clone().serve(listener, identity, process.shutdown.clone());
    process.tasks.spawn("simulated clearing network", served);
    Ok(Some(simulator))
}
