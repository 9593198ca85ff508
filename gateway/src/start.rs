//! The gateway as a role of a process: the only file that knows the runtime.

use std::{collections::BTreeMap, sync::Arc};

use anyhow::{Context as _, Result, ensure};
use florin_rpc::Role;
use florin_runtime::{Runtime, watch_readiness};
use tokio::net::TcpListener;

use crate::{
    Bounds, Catalogue, Gateway, GatewayConfig, Issuer, Parts, PublicCertificate, PublicTls, serve,
};

/// The URL of a gateway that listens on this port: the configured one, else localhost. It is
/// also the name of the development issuer.
#[must_use]
pub fn public_url(config: &GatewayConfig, port: u16) -> String {
    match config.public_url.trim_end_matches('/') {
        "" => format!("https://localhost:{port}"),
        url => url.to_owned(),
    }
}

/// Serves REST on the listener until the shutdown. Returns at once.
///
/// # Errors
/// Says in one line what is missing or wrong.
pub async fn start(runtime: Runtime, config: GatewayConfig, listener: TcpListener) -> Result<()> {
    let public_url = public_url(&config, listener.local_addr()?.port());
    let issuer = if config.issuer.clients.is_empty() {
        None
    } else {
        let issuer = Issuer::open(&config.issuer, &public_url, &config.issuer.key_file)?;
        Some(Arc::new(issuer))
    };
    let tls = public_tls(&runtime, &config)?;
    let services: BTreeMap<_, _> = Role::ALL
        .iter()
        .filter(|role| role.is_service())
        .map(|role| (*role, runtime.dependency(*role)))
        .collect();
    let discovery_urls = runtime
        .settings
        .issuers
        .iter()
        .filter(|known| {
            let name = known.issuer.trim_end_matches('/');
            name != public_url && issuer.as_ref().is_none_or(|own| own.name() != name)
        })
        .map(|known| {
            format!("{}/.well-known/openid-configuration", known.issuer.trim_end_matches('/'))
        })
        .collect();
    let bounds =
        Bounds { connections: config.connections, drain: runtime.settings.process.drain() };
    let router = Gateway::router(Parts {
        catalogue: Catalogue::of_the_contract()?,
        verifier: Arc::clone(&runtime.verifier),
        services,
        issuer,
        discovery_urls,
        metrics: runtime.metrics.clone(),
        config,
    })?;
    let public = match &tls {
        PublicTls::Role(_) => None,
        PublicTls::Own(certificate) => Some(Arc::clone(certificate)),
    };
    let expiries = move || public.iter().filter_map(|one| one.expiry()).collect();
    watch_readiness(&runtime, Box::new(expiries));
    let (readiness, shutdown) = (runtime.readiness.clone(), runtime.shutdown.clone());
    runtime.tasks.spawn("gateway server", async move {
        readiness.up(Role::Gateway.name());
        serve(listener, tls, router, bounds, shutdown).await;
    });
    tracing::info!(url = %public_url, "REST is served");
    Ok(())
}

fn public_tls(runtime: &Runtime, config: &GatewayConfig) -> Result<PublicTls> {
    let (chain, key) = (&config.cert_file, &config.key_file);
    let (has_chain, has_key) = (!chain.as_os_str().is_empty(), !key.as_os_str().is_empty());
    ensure!(
        has_chain == has_key,
        "[gateway] cert_file and key_file are set together or not at all"
    );
    if !has_chain {
        return Ok(PublicTls::Role(Arc::clone(&runtime.identity)));
    }
    let certificate =
        PublicCertificate::load(chain, key).context("certificate of the public port")?;
    let every = std::time::Duration::from_secs(runtime.settings.tls.reload_seconds.max(1));
    let watched = Arc::clone(&certificate).watch(every, runtime.shutdown.clone());
    runtime.tasks.spawn("gateway public certificate watch", watched);
    Ok(PublicTls::Own(certificate))
}
