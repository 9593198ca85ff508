//! The ports of `up`: always the same where they are free.

use std::{
    collections::BTreeMap,
    io::ErrorKind,
    net::{Ipv4Addr, SocketAddr},
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

/// Listeners, bound before anything starts, so that every role knows every address.
#[derive(Debug)]
pub struct Ports {
    /// One a role.
    pub roles: BTreeMap<Role, TcpListener>,
    /// For `/livez`, `/readyz`, `/metrics`.
    pub probe: TcpListener,
}

impl Ports {
    /// Binds them; a port that is taken falls over to a free one, unless it was asked for.
    ///
    /// # Errors
    /// The port that was asked for is taken, or none is free.
    pub async fn bind(gateway: Option<u16>) -> Result<Self> {
        let mut roles = BTreeMap::new();
        for (port, role) in (SERVICES..).zip(Role::ALL.iter().filter(|role| role.is_service())) {
            roles.insert(*role, bind_near(port).await?);
        }
        let public = match gateway {
            Some(port) => TcpListener::bind((Ipv4Addr::LOCALHOST, port))
                .await
                .with_context(|| format!("port {port} cannot be had; name another by --port"))?,
            None => bind_near(GATEWAY).await?,
        };
        roles.insert(Role::Gateway, public);
        Ok(Self { roles, probe: bind_near(PROBE).await? })
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
        Err(error) if matches!(error.kind(), ErrorKind::AddrInUse | ErrorKind::PermissionDenied) => {
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
        let first = Ports::bind(None).await.unwrap();
        let second = Ports::bind(None).await.unwrap();
        for (role, listener) in &first.roles {
            let other = second.roles.get(role).unwrap().local_addr().unwrap();
            assert_ne!(listener.local_addr().unwrap(), other);
        }
        let taken = first.roles.get(&Role::Gateway).unwrap().local_addr().unwrap().port();
        assert!(Ports::bind(Some(taken)).await.unwrap_err().to_string().contains("--port"));
    }
}
