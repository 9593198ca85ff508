//! `florin serve`: one or more roles of a production mesh.

use std::{collections::BTreeSet, path::PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use florin_gateway::GatewayConfig;
use florin_kernel::Role;
use florin_runtime::{Process, Settings, Stop, settings::BusKind, telemetry};
use tokio::{net::TcpListener, task::JoinHandle};

use crate::{Outcome, roles};

/// Options of `florin serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Which roles; an unknown one is answered by their list.
    #[arg(required = true, value_name = "ROLE")]
    roles: Vec<Role>,
    /// The settings; `florin config example` prints all of them.
    #[arg(long, value_name = "FILE", default_value = "florin.toml")]
    config: PathBuf,
}

/// Serves until it is asked to stop.
pub async fn run(args: ServeArgs) -> Result<Outcome> {
    let shown = args.config.display();
    if !args.config.is_file() {
        bail!("no settings at {shown}; `florin config example > {shown}` makes a file of defaults");
    }
    let settings = Settings::load(&args.config)?;
    let wanted: BTreeSet<Role> = args.roles.iter().copied().collect();
    check(&settings, &wanted)?;
    let telemetry = telemetry::init(&settings.telemetry)?;
    let gateway: GatewayConfig = settings.section(Role::Gateway)?;
    let probe = bind("probe", settings.probe.listen).await?;
    let process = Process::new(settings);
    let stopped = until_stopped(&process);
    process.serve_probes(probe);
    let started = start(&process, &wanted, &gateway).await;
    if started.is_err() {
        process.shutdown.cancel();
    }
    let stop = stopped.await.context("the process broke off")?;
    telemetry.shutdown().await;
    started?;
    Ok(outcome(&stop))
}

async fn start(process: &Process, wanted: &BTreeSet<Role>, gateway: &GatewayConfig) -> Result<()> {
    for role in wanted {
        let listener = bind(role.name(), process.settings.role(*role).listen).await?;
        let address = listener.local_addr()?;
        roles::start(process, *role, gateway, listener).await?;
        tracing::info!(%role, %address, "serving");
    }
    process.roles_have_started();
    Ok(())
}

/// Heeds signals from now on, while the roles are still starting; the handle ends when the
/// process has drained.
pub fn until_stopped(process: &Process) -> JoinHandle<Stop> {
    let process = process.clone();
    tokio::spawn(async move { process.run_until_stopped().await })
}

/// How a mesh ended.
pub fn outcome(stop: &Stop) -> Outcome {
    match stop {
        Stop::Asked => Outcome::Clean,
        Stop::Crashed(what) => {
            tracing::error!(what, "a task crashed");
            Outcome::Crashed
        }
    }
}

async fn bind(section: &str, address: std::net::SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("cannot listen on {address}; set listen in [{section}] to an address that is free")
    })
}

/// What can be told before anything is opened.
fn check(settings: &Settings, wanted: &BTreeSet<Role>) -> Result<()> {
    let all_services =
        Role::ALL.iter().filter(|role| role.is_service()).all(|role| wanted.contains(role));
    let some_service = wanted.iter().any(|role| role.is_service());
    if settings.bus.kind == BusKind::Embedded && some_service && !all_services {
        bail!(
            "[bus] kind = \"embedded\" carries events inside one process only: serve every \
             service here, or set kind = \"jetstream\" and url"
        );
    }
    let ca = settings.tls.dir.join("ca.pem");
    if !ca.is_file() {
        bail!(
            "no authority at {}; `florin certs --dir {}` makes a development one, [tls] dir names \
             the folder of yours",
            ca.display(),
            settings.tls.dir.display()
        );
    }
    if settings.issuers.is_empty() && wanted.contains(&Role::Gateway) {
        eprintln!("florin: no [[issuers]]: the gateway will refuse every token");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_an_embedded_bus_that_would_lose_a_reader() {
        let settings = Settings::parse("[tls]\ndir = \"/nowhere\"\n").unwrap();
        let refusal = |roles: &[Role]| {
            let wanted = roles.iter().copied().collect();
            check(&settings, &wanted).unwrap_err().to_string()
        };
        assert!(refusal(&[Role::Account]).contains("jetstream"));
        assert!(refusal(Role::ALL).contains("florin certs"));
        assert!(refusal(&[Role::Gateway]).contains("florin certs"));
    }
}
