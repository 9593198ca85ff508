//! The settings of `loan` beside those of the mesh, in the section `[loan]`.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The shortest time for a call of the ledger, in milliseconds: each hop keeps 20 ms of it, and
/// what then is left must do for a batch.
const LEAST_TIMEOUT_MS: u64 = 100;

/// The own settings of the role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Batches of movements of money that this replica works on at once, at least 1.
    pub workers: usize,
    /// Chunks of 10,000 loans that the end of day accrues at once, at least 1; SQLite has one writer.
    pub end_of_day_workers: usize,
    /// Movements in a batch: 1 to 500, which is what the ledger takes in one call.
    pub batch: u32,
    /// How often the table is looked at when nothing wakes a worker, in milliseconds, at least 1.
    pub poll_ms: u64,
    /// How long a worker has a batch before another may take it, in milliseconds; longer
    /// than `ledger_timeout_ms`, or the work is done twice.
    pub lease_ms: u64,
    /// How long a call of the ledger may take, in milliseconds, at least 100.
    pub ledger_timeout_ms: u64,
    /// The first wait after a call of the ledger without a decision, in milliseconds, at least
    /// 1; it doubles with each further one.
    pub retry_least_ms: u64,
    /// The longest such wait, in milliseconds.
    pub retry_most_ms: u64,
    /// The longest wait of a movement that the ledger refuses for its content, in
    /// milliseconds: people have to look, and it must not stand in front of the others.
    pub retry_stuck_ms: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            workers: 1,
            end_of_day_workers: 2,
            batch: 500,
            poll_ms: 200,
            lease_ms: 20_000,
            ledger_timeout_ms: 5_000,
            retry_least_ms: 200,
            retry_most_ms: 5_000,
            retry_stuck_ms: 600_000,
        }
    }
}

/// A setting that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// More than the ledger takes, or nothing.
    #[error("loan.batch must be 1 to 500, not {0}")]
    Batch(u32),
    /// Nothing would ever move, or a worker would never pause.
    #[error("loan.{setting} must be at least {least}, not {found}")]
    TooSmall {
        /// The setting.
        setting: &'static str,
        /// Its least value.
        least: u64,
        /// What it is.
        found: u64,
    },
    /// Each batch would be taken by another worker while the first calls the ledger.
    #[error("loan.lease_ms must be greater than loan.ledger_timeout_ms")]
    Lease,
}

impl Config {
    /// Checks the settings.
    ///
    /// # Errors
    /// Names the first that cannot be used.
    pub fn check(&self) -> Result<(), ConfigError> {
        if !(1..=500).contains(&self.batch) {
            return Err(ConfigError::Batch(self.batch));
        }
        let workers = u64::try_from(self.workers).unwrap_or(u64::MAX);
        let of_days = u64::try_from(self.end_of_day_workers).unwrap_or(u64::MAX);
        for (setting, least, found) in [
            ("workers", 1, workers),
            ("end_of_day_workers", 1, of_days),
            ("poll_ms", 1, self.poll_ms),
            ("ledger_timeout_ms", LEAST_TIMEOUT_MS, self.ledger_timeout_ms),
            ("retry_least_ms", 1, self.retry_least_ms),
            ("retry_most_ms", 1, self.retry_most_ms),
            ("retry_stuck_ms", 1, self.retry_stuck_ms),
        ] {
            if found < least {
                return Err(ConfigError::TooSmall { setting, least, found });
            }
        }
        if self.lease_ms <= self.ledger_timeout_ms {
            return Err(ConfigError::Lease);
        }
        Ok(())
    }

    pub(crate) const fn poll(&self) -> Duration {
        Duration::from_millis(self.poll_ms)
    }

    pub(crate) const fn lease(&self) -> Duration {
        Duration::from_millis(self.lease_ms)
    }

    /// The longest that a movement may be put off.
    pub(crate) fn longest_wait(&self) -> Duration {
        Duration::from_millis(self.retry_most_ms.max(self.retry_stuck_ms))
    }

    pub(crate) const fn ledger_timeout(&self) -> Duration {
        Duration::from_millis(self.ledger_timeout_ms)
    }

    /// How long to wait after this many attempts without a decision.
    pub(crate) fn backoff(&self, attempts: i64) -> Duration {
        self.doubled(attempts, self.retry_most_ms)
    }

    /// How long a movement waits that the ledger refuses for its content.
    pub(crate) fn backoff_stuck(&self, attempts: i64) -> Duration {
        self.doubled(attempts, self.retry_stuck_ms)
    }

    fn doubled(&self, attempts: i64, most_ms: u64) -> Duration {
        let doublings = u32::try_from(attempts.max(1) - 1).unwrap_or(u32::MAX).min(32);
        let wait = self.retry_least_ms.saturating_mul(1 << doublings);
        Duration::from_millis(wait.min(most_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_its_limit() {
        let config = Config::default();
        let waits = [0, 1, 2, 5, 6, i64::MAX].map(|attempts| config.backoff(attempts).as_millis());
        assert_eq!(waits, [200, 200, 400, 3_200, 5_000, 5_000]);
        assert_eq!(config.backoff_stuck(i64::MAX).as_millis(), 600_000);
    }

    #[test]
    fn refuses_settings_that_cannot_work() {
        let refused = |change: fn(&mut Config)| {
            let mut config = Config::default();
            change(&mut config);
            config.check().err()
        };
        assert_eq!(refused(|_| ()), None);
        assert_eq!(refused(|config| config.batch = 501), Some(ConfigError::Batch(501)));
        assert_eq!(refused(|config| config.lease_ms = 5_000), Some(ConfigError::Lease));
        let expected = ConfigError::TooSmall { setting: "workers", least: 1, found: 0 };
        assert_eq!(refused(|config| config.workers = 0), Some(expected));
    }
}
