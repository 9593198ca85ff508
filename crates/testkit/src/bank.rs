//! A whole bank in processes of its own.

mod distributed;
mod process;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use florin_kernel::Role;
use florin_rpc::tls::{Identity, TlsFiles};
use serde_json::Value;
use tempfile::TempDir;
use tonic::transport::Channel;

pub use process::{Process, executable};

use crate::Rest;

/// How long a bank may take to be ready; the machines are shared.
const READY: Duration = Duration::from_secs(90);

/// The name of the simulated clearing network among the processes.
const SIMULATOR: &str = "simulator";
/// Who that is to the bank.
const NETWORK: &str = "spiffe://florin.bank/client/simulator";
/// How long a bank of tests waits for its answer before it asks: tests of silence are short.
const ANSWER_MS: u64 = 500;

/// How the bank runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// `florin up`: one process, SQLite, the embedded bus.
    Embedded,
    /// `florin serve` for each role, PostgreSQL, JetStream.
    Distributed,
}

/// A running bank; dropping it ends its processes.
#[derive(Debug)]
pub struct Bank {
    /// How it runs.
    pub mode: Mode,
    processes: BTreeMap<String, Process>,
    /// Where its files are.
    dir: TempDir,
    gateway: String,
    services: BTreeMap<String, String>,
    certs: PathBuf,
    /// Where the simulated clearing network listens.
    simulator: String,
    /// Environment variables of its processes: settings of this bank alone.
    settings: Vec<(String, String)>,
    /// PostgreSQL, and what the names of its schemas begin with.
    postgres: Option<(String, String)>,
}

impl Bank {
    /// Starts `florin up` on an empty folder.
    ///
    /// # Errors
    /// It does not get ready.
    pub async fn embedded() -> Result<Self> {
        Self::embedded_with(&[]).await
    }

    /// Starts `florin up` on an empty folder, with settings as environment variables.
    ///
    /// # Errors
    /// It does not get ready.
    pub async fn embedded_with(settings: &[(&str, &str)]) -> Result<Self> {
        install_crypto();
        let dir = tempfile::tempdir()?;
        let mut bank = Self {
            mode: Mode::Embedded,
            processes: BTreeMap::new(),
            gateway: String::new(),
            services: BTreeMap::new(),
            certs: dir.path().join("data/certs"),
            simulator: String::new(),
            settings: owned(settings),
            postgres: None,
            dir,
        };
        bank.start("up").await?;
        Ok(bank)
    }

    /// Starts a process for each role on PostgreSQL and JetStream; None, and a line that says
    /// so, where the servers are not to be had.
    ///
    /// # Errors
    /// It does not get ready.
    pub async fn distributed() -> Result<Option<Self>> {
        Self::distributed_with(&[]).await
    }

    /// The same with settings as environment variables of each process.
    ///
    /// # Errors
    /// It does not get ready.
    pub async fn distributed_with(settings: &[(&str, &str)]) -> Result<Option<Self>> {
        install_crypto();
        distributed::start(owned(settings)).await
    }

    /// A bank in each mode that is to be had.
    ///
    /// # Errors
    /// One does not get ready.
    pub async fn each() -> Result<Vec<Self>> {
        let mut banks = vec![Self::embedded().await?];
        banks.extend(Self::distributed().await?);
        Ok(banks)
    }

    /// The data folder of an embedded bank.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// The URL of a role's database, and the schema where it is PostgreSQL: for tests that look
    /// at rows beside the running bank.
    #[must_use]
    pub fn database(&self, role: Role) -> (String, Option<String>) {
        match &self.postgres {
            Some((url, schemas)) => (url.clone(), Some(format!("{schemas}_{role}"))),
            None => {
                let file = self.data().join(format!("{role}.db"));
                (format!("sqlite:{}", file.display()), None)
            }
        }
    }

    /// The folder of the certificates.
    #[must_use]
    pub fn certs(&self) -> &Path {
        &self.certs
    }

    /// The address of a service, `127.0.0.1:PORT`.
    #[must_use]
    pub fn address(&self, role: Role) -> &str {
        self.services.get(role.name()).map_or("", String::as_str)
    }

    /// The base address of the gateway.
    #[must_use]
    pub fn gateway(&self) -> &str {
        &self.gateway
    }

    /// A REST client without token.
    ///
    /// # Errors
    /// The authority's certificate is missing.
    pub fn rest(&self) -> Result<Rest> {
        Rest::new(&self.gateway, &self.certs.join("ca.pem"))
    }

    /// A REST client with a token of the demo client: staff, or a customer.
    ///
    /// # Errors
    /// The issuer refuses.
    pub async fn rest_as(&self, customer: Option<&str>) -> Result<Rest> {
        let rest = self.rest()?;
        let token = rest.token("demo", customer).await?;
        Ok(rest.with_bearer(&token))
    }

    /// A gRPC channel to a service by the certificate NAME.pem.
    ///
    /// # Errors
    /// There is no such certificate.
    pub fn channel(&self, role: Role, certificate: &str) -> Result<Channel> {
        let file = |end: &str| self.certs.join(format!("{certificate}.{end}"));
        let files = TlsFiles { ca: self.certs.join("ca.pem"), cert: file("pem"), key: file("key") };
        let identity: Arc<Identity> = Identity::load(&files)?;
        Ok(florin_rpc::tls::channel(&identity, role, self.address(role))?)
    }

    /// A gRPC channel to a service by the certificate, key and authority of another folder;
    /// `file` is the path of both without their ends.
    ///
    /// # Errors
    /// There is no such certificate.
    pub fn foreign_channel(&self, role: Role, file: &Path) -> Result<Channel> {
        let files = TlsFiles {
            ca: file.with_file_name("ca.pem"),
            cert: file.with_extension("pem"),
            key: file.with_extension("key"),
        };
        let identity: Arc<Identity> = Identity::load(&files)?;
        Ok(florin_rpc::tls::channel(&identity, role, self.address(role))?)
    }

    /// Asks the control API of the simulated clearing network, and returns its answer: JSON,
    /// or null where there is none.
    ///
    /// # Errors
    /// It refuses, or does not answer.
    pub async fn network(&self, method: &str, path: &str, body: &Value) -> Result<Value> {
        let identity = Identity::load(&TlsFiles::in_dir(&self.certs, "operator-admin"))?;
        let link = florin_rpc::https::Link::new(identity, &self.simulator, NETWORK, READY);
        let body = if body.is_null() { Vec::new() } else { serde_json::to_vec(body)? };
        let path = format!("/control/v1/{path}");
        let answer = link.send(method.parse()?, &path, "application/json", body.into()).await;
        let answer = answer.map_err(|error| anyhow::anyhow!("{path}: {error}"))?;
        let text = String::from_utf8_lossy(&answer.body);
        ensure!(answer.status.is_success(), "{path}: {} {text}", answer.status);
        Ok(serde_json::from_slice(&answer.body).unwrap_or(Value::Null))
    }

    /// Runs a command of the executable against this bank and returns whether it succeeded,
    /// with all that it printed.
    ///
    /// # Errors
    /// It cannot be started.
    pub async fn run(&self, words: &[&str]) -> Result<(bool, String)> {
        let mut command = Command::new(executable()?);
        command.args(words);
        match self.mode {
            Mode::Embedded => command.arg("--data").arg(self.data()),
            Mode::Distributed => command.arg("--config").arg(self.dir.path().join("florin.toml")),
        };
        command.current_dir(self.dir.path());
        let output = tokio::task::spawn_blocking(move || command.output()).await??;
        let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.push_str(&String::from_utf8_lossy(&output.stderr));
        Ok((output.status.success(), text))
    }

    /// Proves the bank and fails with the report where it is broken.
    ///
    /// # Errors
    /// A breach.
    pub async fn prove(&self) -> Result<()> {
        let (clean, report) = self.run(&["prove"]).await?;
        ensure!(clean, "the proof found breaches:\n{report}");
        Ok(())
    }

    /// The names of its processes: "up", or the roles.
    #[must_use]
    pub fn processes(&self) -> Vec<String> {
        self.processes
            .keys()
            .filter(|name| *name != "nats" && *name != SIMULATOR)
            .cloned()
            .collect()
    }

    /// Ends a process as kill -9 does.
    ///
    /// # Errors
    /// There is no such process.
    pub fn kill(&mut self, name: &str) -> Result<()> {
        self.processes.get_mut(name).with_context(|| format!("no process {name}"))?.kill()
    }

    /// Asks a process to stop and waits for its exit code.
    ///
    /// # Errors
    /// It does not end in time.
    pub async fn stop(&mut self, name: &str) -> Result<Option<i32>> {
        let process = self.processes.get_mut(name);
        process.with_context(|| format!("no process {name}"))?.terminate().await
    }

    /// Starts a process (again) and waits until it is ready.
    ///
    /// # Errors
    /// It does not get ready.
    pub async fn start(&mut self, name: &str) -> Result<()> {
        let mut command = Command::new(executable()?);
        command.current_dir(self.dir.path());
        match self.mode {
            Mode::Embedded => {
                command.env("FLORIN__PAYMENT__CLEARING__ANSWER_MS", ANSWER_MS.to_string());
                // What a killed bank left would be taken for the new one's addresses.
                drop(std::fs::remove_file(self.data().join("mesh.json")));
                command.args(["up", "--data"]).arg(self.data());
            }
            Mode::Distributed => {
                command.args(["serve", name, "--config"]).arg(self.dir.path().join("florin.toml"));
                let port = distributed::probe_port(self.dir.path(), name)?;
                command.env("FLORIN__PROBE__LISTEN", format!("127.0.0.1:{port}"));
            }
        }
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        let log = self.dir.path().join(format!("{name}.log"));
        let process = Process::spawn(command, &log)?;
        self.processes.insert(name.to_owned(), process);
        self.ready(name).await
    }

    async fn ready(&mut self, name: &str) -> Result<()> {
        let until = Instant::now() + READY;
        while Instant::now() < until {
            let process = self.processes.get_mut(name).context("just started")?;
            if let Some(code) = process.exited()? {
                bail!("{name} ended with {code:?}:\n{}", process.log());
            }
            if self.is_ready(name).await {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let log = self.processes.get(name).map(Process::log).unwrap_or_default();
        bail!("{name} was not ready within {} s:\n{log}", READY.as_secs())
    }

    async fn is_ready(&mut self, name: &str) -> bool {
        let probe = match self.mode {
            Mode::Embedded => match self.read_mesh() {
                Ok(probe) => probe,
                Err(_) => return false,
            },
            Mode::Distributed => match distributed::probe_port(self.dir.path(), name) {
                Ok(port) => format!("http://127.0.0.1:{port}"),
                Err(_) => return false,
            },
        };
        let ca = self.certs.join("ca.pem");
        let Ok(rest) = Rest::new(&probe, &ca) else { return false };
        rest.get("/readyz").await.is_ok_and(|answer| answer.status == 200)
    }

    /// Reads the addresses that `up` left and returns that of the probe port.
    fn read_mesh(&mut self) -> Result<String> {
        let mesh: Value = serde_json::from_slice(&std::fs::read(self.data().join("mesh.json"))?)?;
        let text = |value: Option<&Value>| {
            value.and_then(Value::as_str).map(str::to_owned).context("mesh.json is incomplete")
        };
        self.gateway = text(mesh.get("gateway"))?;
        for role in Role::ALL.iter().filter(|role| role.is_service()) {
            let address = text(mesh.pointer(&format!("/services/{role}")))?;
            self.services.insert(role.name().to_owned(), address);
        }
        self.simulator = text(mesh.get("simulator"))?;
        text(mesh.get("probe"))
    }

    /// What a process has printed.
    #[must_use]
    pub fn log(&self, name: &str) -> String {
        self.processes.get(name).map(Process::log).unwrap_or_default()
    }

    /// The ids of its processes.
    #[must_use]
    pub fn pids(&self) -> Vec<u32> {
        self.processes.values().map(Process::id).collect()
    }

    /// Resident memory of a process in KiB.
    ///
    /// # Errors
    /// It does not run.
    pub fn resident_kib(&self, name: &str) -> Result<u64> {
        self.processes.get(name).context("no such process")?.resident_kib()
    }
}

fn owned(settings: &[(&str, &str)]) -> Vec<(String, String)> {
    settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Installs the crypto provider for TLS clients of this process, once.
pub fn install_crypto() {
    // A second test of the binary finds it installed.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
}
