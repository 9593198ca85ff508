//! The use cases.

pub mod rebuild_read_model;
mod search_transactions;

use std::time::Duration;

use florin_store::Database;

pub(crate) use search_transactions::Found;

use crate::Config;

/// What the use cases work with.
#[derive(Debug, Clone)]
pub struct Reporting {
    db: Database,
    position_wait: Duration,
}

impl Reporting {
    /// The use cases over a database.
    #[must_use]
    pub fn new(db: Database, config: &Config) -> Self {
        Self { db, position_wait: config.position_wait() }
    }
}
