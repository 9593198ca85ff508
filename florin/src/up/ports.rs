//! The ports of `up`: always the same where they are free. A data folder keeps the ports
//! that it got, because the name of its development issuer, and with it the scope of its
//! clients' idempotency keys, holds the gateway's.

use std::{
    collections::BTreeMap,
    io::ErrorKind,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
};

use anyhow::{Context as _, Result};
use florin_kernel::Role;
use florin_runtime::{DataDir, Settings};
use tokio::net::TcpListener;

use crate::mesh::Mesh;

/// Port of the gateway.
const GATEWAY: u16 = 8443;
/// Port of the first service; the others follow.
const SERVICES: u16 = 50051;
/// Port of the probes and metrics.
const PROBE: u16 = 9090;
/// Port of the simulated clearing network.
const SIMULATOR: u16 = 7600;
/// The file of the data folder with the ports of the last run.
const FILE: &str = "ports.json";

/// Ports of the last run, by role, and the probe's under its own name.
type Kept = BTreeMap<String, u16>;

/// Listeners, bound before anything starts, so that every role knows every address.
#[derive(Debug)]
pub struct Ports {
    /// One a role.
    pub roles: BTreeMap<Role, TcpListener>,
    /// For `/livez`, `/readyz`, `/metrics`.
    pub probe: TcpListener,
    /// Of the simulated clearing network.
    pub simulator: TcpListener,
}

impl Ports {
    /// Binds those of the last run on this folder; a port that is taken falls over to a free
    /// one, unless it was asked for.
    ///
    /// # Errors
    /// The port that was asked for is taken, or none is free.
    pub async fn bind(gateway: Option<u16>, data: &Path) -> Result<Self> {
        let kept: Kept = std::fs::read(data.join(FILE))
            .ok()
            .and_then(|text| serde_json::from_slice(&text).ok())
            .unwrap_or_default();
        let last = |name: &str, first: u16| kept.get(name).copied().unwrap_or(first);
        let mut roles = BTreeMap::new();
        for (port, role) in (SERVICES..).zip(Role::ALL.iter().filter(|role| role.is_service())) {
            roles.insert(*role, bind_near(last(role.name(), port)).await?);
        }
        let public = match gateway {
            Some(port) => TcpListener::bind((Ipv4Addr::LOCALHOST, port))
                .await
                .with_context(|| format!("port {port} cannot be had; name another by --port"))?,
            None => bind_near(last(Role::Gateway.name(), GATEWAY)).await?,
        };
        roles.insert(Role::Gateway, public);
        let ports = Self {
            roles,
            probe: bind_near(last("probe", PROBE)).await?,
            simulator: bind_near(last("simulator", SIMULATOR)).await?,
        };
        ports.keep(data)?;
        Ok(ports)
    }

    fn keep(&self, data: &Path) -> Result<()> {
        let mut kept = Kept::from([("probe".to_owned(), self.probe.local_addr()?.port())]);
        kept.insert("simulator".to_owned(), self.simulator.local_addr()?.port());
        for (role, listener) in &self.roles {
            kept.insert(role.name().to_owned(), listener.local_addr()?.port());
        }
        let file = data.join(FILE);
        std::fs::write(&file, serde_json::to_vec_pretty(&kept)?)
            .with_context(|| format!("cannot write {}", file.display()))
    }

    /// Tells the settings and the other commands where everything is.
    ///
    /// # Errors
    /// A listener has no address.
    pub fn place(&self, settings: &mut Settings, data: &DataDir) -> Result<Mesh> {
        let mut mesh = Mesh {
            gateway: String::new(),
            services: BTreeMap::new(),
            probe: format!("http://{}", self.probe.local_addr()?),
            certs: data.certs(),
            simulator: format!("localhost:{}", self.simulator.local_addr()?.port()),
        };
        settings.probe.listen = self.probe.local_addr()?;
        for (role, listener) in &self.roles {
            let listen = listener.local_addr()?;
            let address = format!("localhost:{}", listen.port());
            let mut of_role = settings.role(*role);
            of_role.listen = listen;
            of_role.address.clone_from(&address);
            settings.set_role(*role, of_role);
            if role.is_service() {
                mesh.services.insert(role.name().to_owned(), address);
            } else {
                mesh.gateway = format!("https://{address}");
            }
        }
        Ok(mesh)
    }
}

async fn bind_near(port: u16) -> Result<TcpListener> {
    let wanted = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    match TcpListener::bind(wanted).await {
        Ok(listener) => Ok(listener),
        Err(error)
            if matches!(error.kind(), ErrorKind::AddrInUse | ErrorKind::PermissionDenied) =>
        {
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("no port is free")
        }
        Err(error) => Err(error).with_context(|| format!("cannot listen on {wanted}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_second_bank_gets_free_ports_unless_it_asked_for_one() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let first = Ports::bind(None, one.path()).await.unwrap();
        let second = Ports::bind(None, two.path()).await.unwrap();
        for (role, listener) in &first.roles {
            let other = second.roles.get(role).unwrap().local_addr().unwrap();
            assert_ne!(listener.local_addr().unwrap(), other);
        }
        let taken = first.roles.get(&Role::Gateway).unwrap().local_addr().unwrap().port();
        let again = Ports::bind(Some(taken), two.path()).await;
        assert!(again.unwrap_err().to_string().contains("--port"));
        let port = |ports: &Ports| ports.roles[&Role::Gateway].local_addr().unwrap().port();
        let before = port(&second);
        drop(second);
        assert_eq!(port(&Ports::bind(None, two.path()).await.unwrap()), before);
    }
}
