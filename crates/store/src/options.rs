//! How to reach a database.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Engine, StoreError};

/// The settings of one service's database.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DatabaseOptions {
    /// `sqlite:PATH`, or `postgres://user:password@host/database?sslmode=verify-full&..`.
    pub url: String,
    /// The PostgreSQL schema of the service, created if absent; empty for the one that the
    /// server chooses. Letters, digits and `_`. Not used on SQLite.
    pub schema: String,
    /// Connections that write. SQLite always has one.
    pub max_connections: u32,
    /// Connections that read.
    pub max_read_connections: u32,
    /// Leaves out the sync at commit: for tests, which may lose their data.
    pub synchronous_off: bool,
    /// How long one reading statement may run, in milliseconds; PostgreSQL only.
    #[serde(rename = "statement_timeout_ms", with = "millis")]
    #[schemars(with = "u64")]
    pub statement_timeout: Duration,
    /// How long to wait for a free connection, in milliseconds. It must not be below the time
    /// limit of a batch, which on SQLite has the only writer meanwhile.
    #[serde(rename = "acquire_timeout_ms", with = "millis")]
    #[schemars(with = "u64")]
    pub acquire_timeout: Duration,
    /// How long to wait for another process that writes the same SQLite file, in milliseconds.
    #[serde(rename = "busy_timeout_ms", with = "millis")]
    #[schemars(with = "u64")]
    pub busy_timeout: Duration,
}

impl Default for DatabaseOptions {
    fn default() -> Self {
        Self {
            url: String::new(),
            schema: String::new(),
            max_connections: 8,
            max_read_connections: 8,
            synchronous_off: false,
            statement_timeout: Duration::from_secs(10),
            acquire_timeout: Duration::from_secs(15),
            busy_timeout: Duration::from_secs(5),
        }
    }
}

impl DatabaseOptions {
    /// Options for a SQLite file.
    #[must_use]
    pub fn sqlite(path: &std::path::Path) -> Self {
        Self { url: format!("sqlite:{}", path.display()), ..Self::default() }
    }

    /// The engine that the URL names.
    ///
    /// # Errors
    /// Says which URLs there are.
    pub fn engine(&self) -> Result<Engine, StoreError> {
        if self.url.starts_with("sqlite:") {
            return Ok(Engine::Sqlite);
        }
        if self.url.starts_with("postgres://") || self.url.starts_with("postgresql://") {
            return Ok(Engine::Postgres);
        }
        Err(StoreError::Unavailable("a database URL is sqlite:PATH or postgres://..".into()))
    }
}

mod millis {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    /// A span as whole milliseconds.
    pub fn serialize<S: Serializer>(span: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
    }

    /// A span of whole milliseconds.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        u64::deserialize(from).map(Duration::from_millis)
    }
}
