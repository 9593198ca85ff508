//! The section `[reporting]` of the settings, besides address and database.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The longest that a read waits for its position (DESIGN section 3).
const MAX_WAIT_MS: u64 = 2_000;

/// Settings of `reporting` alone.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// How long a read waits until the events of its position are there, in milliseconds;
    /// at most 2000.
    pub position_wait_ms: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self { position_wait_ms: MAX_WAIT_MS }
    }
}

impl Config {
    pub(crate) fn position_wait(&self) -> Duration {
        Duration::from_millis(self.position_wait_ms.min(MAX_WAIT_MS))
    }
}
