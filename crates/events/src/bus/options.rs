//! How to reach NATS.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::EventMetrics;

/// The settings of a connection to NATS. The role's certificate is its user.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct NatsOptions {
    /// Servers of the cluster, separated by commas: `tls://nats:4222`.
    pub servers: String,
    /// The role that connects; its inbox on NATS is `_INBOX.ROLE`.
    #[serde(skip)]
    pub role: String,
    /// The authority's certificate; without one the connection is not encrypted.
    #[serde(skip)]
    pub ca: Option<PathBuf>,
    /// The role's certificate.
    #[serde(skip)]
    pub cert: Option<PathBuf>,
    /// The key of the role's certificate.
    #[serde(skip)]
    pub key: Option<PathBuf>,
    /// Where the bus counts; one for all roles of a process, so that each name stands once.
    #[serde(skip)]
    pub metrics: EventMetrics,
    /// Copies of each stream in the cluster, 1 to 5.
    pub replicas: usize,
    /// Days that a stream keeps events; the outboxes keep them for ever.
    pub keep_days: u32,
}

impl Default for NatsOptions {
    fn default() -> Self {
        Self {
            servers: String::new(),
            role: String::new(),
            ca: None,
            cert: None,
            key: None,
            metrics: EventMetrics::default(),
            replicas: 1,
            keep_days: 14,
        }
    }
}
