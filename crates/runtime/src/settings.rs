//! What an installation may set, all of it with a default that works: `florin.toml`, then
//! the environment (`FLORIN__CIF__DATABASE__URL` is `url` in `[cif.database]`).
//!
//! What belongs to the mesh stands here. What one role alone reads stands in its own
//! `Config`, in the same section of the file; see [`Settings::section`].

mod example;
mod load;
mod services;

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use florin_kernel::Role;
use florin_store::DatabaseOptions;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use example::Section;
pub use load::SettingsError;

use crate::DataDir;

/// The settings of a mesh or of one process of it.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The bank itself.
    pub bank: BankSettings,
    /// Certificates.
    pub tls: TlsSettings,
    /// How events travel between the services.
    pub bus: BusSettings,
    /// Logs and traces.
    pub telemetry: TelemetrySettings,
    /// The plain-HTTP port for /livez, /readyz and /metrics.
    pub probe: ProbeSettings,
    /// The process.
    pub process: ProcessSettings,
    /// Who may issue access tokens. With none, only certificates open doors.
    pub issuers: Vec<IssuerSettings>,
    #[serde(skip)]
    pub(crate) roles: BTreeMap<Role, RoleSettings>,
    #[serde(skip)]
    pub(crate) sections: BTreeMap<Role, config::Map<String, config::Value>>,
}

/// The bank that runs this mesh.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BankSettings {
    /// Country of the account numbers, ISO 3166-1 alpha-2.
    pub country: String,
    /// The bank's national code, which stands inside its account numbers.
    pub bank_code: String,
    /// Currency of the books, ISO 4217.
    pub currency: String,
    /// The bank's name.
    pub name: String,
}

impl Default for BankSettings {
    fn default() -> Self {
        let [country, bank_code, currency, name] =
            ["CZ", "8899", "CZK", "Florin Bank"].map(str::to_owned);
        Self { country, bank_code, currency, name }
    }
}

/// Certificates of the mesh.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TlsSettings {
    /// Folder with ca.pem and, for each role, ROLE.pem and ROLE.key; `florin certs` makes one.
    pub dir: PathBuf,
    /// How often the files are looked at for a change, in seconds.
    pub reload_seconds: u64,
}

impl Default for TlsSettings {
    fn default() -> Self {
        Self { dir: PathBuf::from("certs"), reload_seconds: 5 }
    }
}

/// Which bus carries the events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum BusKind {
    /// Straight from outbox to consumer inside one process.
    #[default]
    Embedded,
    /// NATS JetStream.
    Jetstream,
}

/// How events travel.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BusSettings {
    /// "embedded", where all roles share one process, or "jetstream".
    pub kind: BusKind,
    /// Where NATS is; the role's own certificate opens it. Only with "jetstream".
    pub url: String,
    /// Copies that JetStream keeps of each event: 1, 3 or 5.
    pub replicas: u16,
    /// Days that JetStream keeps events; the outboxes keep them for ever.
    pub keep_days: u32,
}

impl Default for BusSettings {
    fn default() -> Self {
        let url = "tls://127.0.0.1:4222".to_owned();
        Self { kind: BusKind::default(), url, replicas: 1, keep_days: 14 }
    }
}

/// The form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Logs and traces.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TelemetrySettings {
    /// "text" for people or "json" for machines.
    pub log_format: LogFormat,
    /// What is logged, in the form of tracing's EnvFilter: "info,florin_rpc=debug".
    pub log_filter: String,
    /// OTLP collector (gRPC), such as "http://127.0.0.1:4317"; empty exports nothing.
    pub otlp_endpoint: String,
    /// How many of a hundred traces are kept, where the caller has not decided.
    pub trace_percent: u8,
}

impl Default for TelemetrySettings {
    fn default() -> Self {
        Self {
            log_format: LogFormat::default(),
            log_filter: "info".to_owned(),
            otlp_endpoint: String::new(),
            trace_percent: 100,
        }
    }
}

/// The probe port. It speaks plain HTTP and tells nothing of customers.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ProbeSettings {
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
}

impl Default for ProbeSettings {
    fn default() -> Self {
        Self { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 9090)) }
    }
}

/// The process.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ProcessSettings {
    /// How long calls in flight and tasks may take to end after SIGTERM, in seconds.
    pub drain_seconds: u64,
    /// How long answers to idempotency keys are kept, in days; at least 7.
    pub idempotency_key_days: u32,
}

impl Default for ProcessSettings {
    fn default() -> Self {
        Self { drain_seconds: 10, idempotency_key_days: 8 }
    }
}

/// What of the drain is left for tasks and databases after the calls.
const AFTER_CALLS: Duration = Duration::from_secs(2);

impl ProcessSettings {
    /// The limit of the whole drain.
    #[must_use]
    pub const fn limit(&self) -> Duration {
        Duration::from_secs(self.drain_seconds)
    }

    /// The share of the calls in flight: the limit less two seconds for what comes after.
    #[must_use]
    pub const fn drain(&self) -> Duration {
        self.limit().saturating_sub(AFTER_CALLS)
    }
}

/// An issuer of access tokens (OpenID Connect).
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct IssuerSettings {
    /// The `iss` of its tokens, to the letter.
    pub issuer: String,
    /// Where its keys are; empty asks discovery.
    pub jwks_uri: String,
    /// Where its metadata are; empty means ISSUER/.well-known/openid-configuration.
    pub discovery: String,
    /// The `aud` that a token must carry.
    pub audience: String,
    /// Signature algorithms that are taken from it.
    pub algorithms: Vec<String>,
    /// Values of `typ` in the token's header that are taken, in any case.
    pub types: Vec<String>,
    /// Clients that are machines: their tokens may name neither a customer nor a staff role,
    /// and then act by scope alone. A token of another client that names nobody is refused.
    pub machines: Vec<String>,
    /// Certificate of an authority to trust for its HTTPS besides the mesh's own; may be empty.
    pub ca_file: PathBuf,
    /// Which claims say who acts.
    pub claims: ClaimSettings,
}

impl Default for IssuerSettings {
    fn default() -> Self {
        let strings = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Self {
            issuer: "https://id.example.com".to_owned(),
            jwks_uri: String::new(),
            discovery: String::new(),
            audience: "florin".to_owned(),
            algorithms: strings(&["ES256", "RS256", "PS256", "EdDSA"]),
            types: strings(&["at+jwt", "JWT"]),
            machines: Vec::new(),
            ca_file: PathBuf::new(),
            claims: ClaimSettings::default(),
        }
    }
}

/// Which claims of a token say who acts.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ClaimSettings {
    /// Claim with the customer id; a token that has it acts as that customer. A dot goes into
    /// an object: realm_access.roles.
    pub customer: String,
    /// Claim with the staff roles, a list or words; a token that has it is of staff.
    pub roles: String,
    /// Claim with the OAuth2 client, in whose name references are unique; "azp" stands in
    /// for it.
    pub client: String,
}

impl Default for ClaimSettings {
    fn default() -> Self {
        let [customer, roles, client] = ["customer_id", "roles", "client_id"].map(str::to_owned);
        Self { customer, roles, client }
    }
}

/// What the mesh has to know of one role.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RoleSettings {
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where the others dial it: host and port.
    pub address: String,
    /// Its database.
    pub database: DatabaseOptions,
}

impl RoleSettings {
    /// Port 7401 and up in the order of [`Role::ALL`], the gateway on 8443, SQLite in `data`.
    #[must_use]
    pub fn of(role: Role) -> Self {
        let position = Role::ALL.iter().position(|known| *known == role).unwrap_or_default();
        let port = if role.is_service() {
            u16::try_from(position).unwrap_or_default().saturating_add(7401)
        } else {
            8443
        };
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut database = DatabaseOptions::default();
        if role.is_service() {
            database.url = format!("sqlite:data/{role}.db");
        }
        Self { listen, address: listen.to_string(), database }
    }
}

impl Default for RoleSettings {
    fn default() -> Self {
        Self::of(Role::Cif)
    }
}

impl Settings {
    /// What the mesh knows of a role.
    #[must_use]
    pub fn role(&self, role: Role) -> RoleSettings {
        self.roles.get(&role).cloned().unwrap_or_else(|| RoleSettings::of(role))
    }

    /// Changes what the mesh knows of a role.
    pub fn set_role(&mut self, role: Role, settings: RoleSettings) {
        self.roles.insert(role, settings);
    }

    /// Everything below one data folder, as `florin up` keeps it: SQLite files, certificates,
    /// ports from 0 (the caller puts the ports that it bound).
    #[must_use]
    pub fn embedded(data: &DataDir) -> Self {
        let mut settings = Self::default();
        settings.place(data);
        settings
    }

    /// Puts databases, certificates and the master key of `cif` into a data folder and lets the ports be free ones.
    pub fn place(&mut self, data: &DataDir) {
        self.tls.dir = data.certs();
        self.bus.kind = BusKind::Embedded;
        for role in Role::ALL {
            let mut of_role = self.role(*role);
            of_role.listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            if role.is_service() {
                of_role.database.url = format!("sqlite:{}", data.database(*role).display());
            }
            self.set_role(*role, of_role);
        }
        self.set(Role::Cif, "master_key_file", data.master_key().display().to_string());
    }
}
