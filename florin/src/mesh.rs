//! Where a running mesh is: what `florin up` leaves in its data folder, or `florin.toml`.

use std::{collections::BTreeMap, fs, path::Path, path::PathBuf};

use anyhow::{Context as _, Result, bail};
use florin_gateway::GatewayConfig;
use florin_kernel::Role;
use florin_runtime::Settings;
use serde::{Deserialize, Serialize};

use crate::{cli::WhereArgs, up::lock};

/// The file that `up` leaves for the other commands.
const FILE: &str = "mesh.json";

/// The addresses and certificates of a running mesh.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Mesh {
    /// Base address of the gateway: `https://localhost:8443`.
    pub gateway: String,
    /// Address of each service by the name of its role: `127.0.0.1:50052`.
    pub services: BTreeMap<String, String>,
    /// Address of the probe port: `http://127.0.0.1:9090`; empty where not known.
    #[serde(default)]
    pub probe: String,
    /// Folder of the certificates, absolute.
    pub certs: PathBuf,
    /// Where the simulated clearing network of `up` listens; empty where there is none.
    #[serde(default)]
    pub simulator: String,
}

impl Mesh {
    /// Reads what the options point at.
    ///
    /// # Errors
    /// Says in one line what is missing and how to get it.
    pub fn find(place: &WhereArgs) -> Result<Self> {
        let mut mesh = match &place.config {
            Some(file) => Self::of_settings(file)?,
            None => Self::load(&place.data)?,
        };
        if let Some(certs) = &place.certs {
            mesh.certs.clone_from(certs);
        }
        if !mesh.ca().is_file() {
            bail!(
                "no authority at {}; `florin certs --dir {}` makes one, --certs names another folder",
                mesh.ca().display(),
                mesh.certs.display()
            );
        }
        Ok(mesh)
    }

    /// The addresses by which the roles of a production mesh are dialled.
    fn of_settings(file: &Path) -> Result<Self> {
        let settings = Settings::load(file)?;
        let gateway: GatewayConfig = settings.section(Role::Gateway)?;
        let dialled = format!("https://{}", settings.role(Role::Gateway).address);
        let services = Role::ALL.iter().filter(|role| role.is_service());
        let services =
            services.map(|role| (role.name().to_owned(), settings.role(*role).address)).collect();
        Ok(Self {
            gateway: if gateway.public_url.is_empty() { dialled } else { gateway.public_url },
            services,
            probe: format!("http://{}", settings.probe.listen),
            certs: settings.tls.dir,
            simulator: String::new(),
        })
    }

    /// Reads what `up` left in its data folder.
    fn load(data: &Path) -> Result<Self> {
        let file = data.join(FILE);
        let text = if lock::is_held(data) { fs::read(&file).ok() } else { None };
        let Some(text) = text else {
            bail!(
                "no mesh runs on {}: start one by `florin up --data {}`, or name its settings by --config",
                data.display(),
                data.display()
            );
        };
        serde_json::from_slice(&text).with_context(|| format!("{} is damaged", file.display()))
    }

    /// Leaves the addresses in the data folder, whole or not at all.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn save(&self, data: &Path) -> Result<()> {
        let (file, draft) = (data.join(FILE), data.join("mesh.json.new"));
        fs::write(&draft, serde_json::to_vec_pretty(self)?)
            .with_context(|| format!("cannot write {}", draft.display()))?;
        fs::rename(&draft, &file).with_context(|| format!("cannot write {}", file.display()))
    }

    /// Takes the addresses away: nothing listens there any more.
    pub fn forget(data: &Path) {
        if let Err(error) = fs::remove_file(data.join(FILE)) {
            tracing::debug!(%error, "the addresses were not there");
        }
    }

    /// The certificate of the authority.
    #[must_use]
    pub fn ca(&self) -> PathBuf {
        self.certs.join("ca.pem")
    }

    /// The address of a service.
    ///
    /// # Errors
    /// The mesh has no such service.
    pub fn address(&self, role: Role) -> Result<&str> {
        let address = self.services.get(role.name());
        address.map(String::as_str).with_context(|| format!("no address of the role {role}"))
    }
}
