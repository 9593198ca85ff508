//! Settings of the role `account`.

use serde::{Deserialize, Serialize};

/// What an installation may set for the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Batches that commit side by side; 1 on SQLite, whatever is set.
    pub committers: usize,
    /// Most commands that wait for a batch; the next is refused as overloaded.
    pub queue: usize,
    /// How long a batch may take, in milliseconds.
    pub batch_time_limit_ms: u64,
    /// Chunks of accounts that the end of a business date has under way at once.
    pub end_of_day_workers: usize,
    /// Business date of the very first start, YYYY-MM-DD; the day of the clock in UTC where
    /// empty, which after midnight east of Greenwich is still the day before.
    pub first_business_date: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            committers: 2,
            queue: 8_192,
            batch_time_limit_ms: 10_000,
            end_of_day_workers: 2,
            first_business_date: String::new(),
        }
    }
}
