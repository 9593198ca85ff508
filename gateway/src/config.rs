//! Settings of the gateway, in the section `[gateway]`.

use std::{path::PathBuf, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::limit::Rate;

/// What the gateway alone reads.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GatewayConfig {
    /// The URL by which clients reach the gateway: in links, and the name of the development
    /// issuer. Empty: https://localhost and the port it listens on.
    pub public_url: String,
    /// Certificate chain of the public port, PEM; empty: the role's own certificate.
    pub cert_file: PathBuf,
    /// Private key of that certificate, PEM.
    pub key_file: PathBuf,
    /// Browser origins that may call, such as "https://app.example.com"; "*" is any.
    pub cors_origins: Vec<String>,
    /// Largest request body, in bytes.
    pub body_limit_bytes: usize,
    /// How long a request may take, in milliseconds; `Prefer: wait=N` adds N seconds.
    pub deadline_ms: u64,
    /// Connections at a time; more wait.
    pub connections: usize,
    /// Requests at a time; more are refused.
    pub requests: usize,
    /// What one OAuth2 client may ask for.
    pub client_rate: Rate,
    /// What one subject of tokens may ask for.
    pub subject_rate: Rate,
    /// What one address may ask for without a valid token.
    pub stranger_rate: Rate,
    /// The development issuer; off where it has no clients.
    pub issuer: DevelopmentIssuer,
}

impl Default for GatewayConfig {
    fn default() -> Self {
        Self {
            public_url: String::new(),
            cert_file: PathBuf::new(),
            key_file: PathBuf::new(),
            cors_origins: Vec::new(),
            body_limit_bytes: 1024 * 1024,
            deadline_ms: 10_000,
            connections: 4_096,
            requests: 4_096,
            client_rate: Rate::of(2_000, 4_000),
            subject_rate: Rate::of(500, 1_000),
            stranger_rate: Rate::of(50, 200),
            issuer: DevelopmentIssuer::default(),
        }
    }
}

impl GatewayConfig {
    /// How long a request may take.
    #[must_use]
    pub const fn deadline(&self) -> Duration {
        Duration::from_millis(self.deadline_ms)
    }
}

/// The development issuer: never for customers of a real bank.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DevelopmentIssuer {
    /// What `iss` says, and with it whose idempotency keys are whose; empty: the public URL.
    pub name: String,
    /// The `aud` of its tokens.
    pub audience: String,
    /// How long a token lives, in seconds.
    pub token_seconds: u64,
    /// Where its signing key lies; made at the first start.
    pub key_file: PathBuf,
    /// The clients it knows; with none it is off.
    pub clients: Vec<DevelopmentClient>,
}

impl Default for DevelopmentIssuer {
    fn default() -> Self {
        Self {
            name: String::new(),
            audience: "florin".to_owned(),
            token_seconds: 3_600,
            key_file: PathBuf::from("data/issuer.key"),
            clients: Vec::new(),
        }
    }
}

/// A client of the development issuer.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DevelopmentClient {
    /// Its client_id.
    pub id: String,
    /// Its secret in plain text; for development only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// SHA-256 of its secret in hexadecimal digits, instead of the plain text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_sha256: Option<String>,
    /// The scopes that it may ask for.
    pub scopes: Vec<String>,
    /// The staff roles that its tokens carry.
    pub roles: Vec<String>,
    /// The customer that its tokens act for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer: Option<String>,
    /// Whether it may ask for tokens of any customer and subject, by the form fields
    /// `customer_id` and `subject`.
    pub may_impersonate_customers: bool,
}
