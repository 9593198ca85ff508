//! The use cases.

mod accounts;
pub mod rebuild_read_model;
mod search_transactions;

use std::time::Duration;

use florin_rpc::Dependency;
use florin_store::Database;

pub(crate) use search_transactions::Found;

use crate::Config;

/// What the use cases work with.
#[derive(Debug, Clone)]
pub struct Reporting {
    db: Database,
    account: Dependency,
    cif: Dependency,
    position_wait: Duration,
}

impl Reporting {
    /// The use cases over a database and the ways to those who know accounts and customers.
    #[must_use]
    pub fn new(db: Database, account: Dependency, cif: Dependency, config: &Config) -> Self {
        Self { db, account, cif, position_wait: config.position_wait() }
    }
}
