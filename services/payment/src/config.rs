//! The settings of `payment` beside those of the mesh, in the section `[payment]`.

use std::time::Duration;

use florin_kernel::{Money, MoneyError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::Limits;

/// The own settings of the role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// GL account of the cash at the tills.
    pub cash_gl_code: String,
    /// The most that one transfer may move, one entry a currency: "CZK 500000.00". A
    /// currency without an entry has no limit.
    pub transfer_limits: Vec<String>,
    /// Batches of transfers that this replica works on at once.
    pub workers: usize,
    /// Transfers in a batch: 1 to 500, which is what the ledger takes in one call.
    pub batch: u32,
    /// Acceptances commit in this many transactions at once; SQLite has one writer.
    pub committers: usize,
    /// How often the table is looked at when nothing wakes a worker, in milliseconds.
    pub poll_ms: u64,
    /// How long a worker has a batch before another may take it, in milliseconds; longer
    /// than `ledger_quiet_ms`.
    pub lease_ms: u64,
    /// How long a call of the ledger may take, in milliseconds.
    pub ledger_timeout_ms: u64,
    /// For how long after a call without a decision the ledger may still act on it, in
    /// milliseconds: at least the call's own limit and the ledger's for a batch. Until then
    /// a refusal is not believed, for the earlier call may yet post.
    pub ledger_quiet_ms: u64,
    /// The first wait after a call of the ledger without a decision, in milliseconds; it
    /// doubles with each further one.
    pub retry_least_ms: u64,
    /// The longest such wait, in milliseconds.
    pub retry_most_ms: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            cash_gl_code: "1010".to_owned(),
            transfer_limits: Vec::new(),
            workers: 2,
            batch: 500,
            committers: 1,
            poll_ms: 200,
            lease_ms: 20_000,
            ledger_timeout_ms: 5_000,
            ledger_quiet_ms: 17_000,
            retry_least_ms: 200,
            retry_most_ms: 5_000,
        }
    }
}

/// A setting that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Not "EUR 1000.00".
    #[error("payment.transfer_limits: {entry:?} must be a currency and an amount: {cause}")]
    Limit {
        /// The entry.
        entry: String,
        /// What is wrong with it.
        cause: MoneyError,
    },
    /// More than the ledger takes, or nothing.
    #[error("payment.batch must be 1 to 500, not {0}")]
    Batch(u32),
    /// Another worker would take a batch on which the ledger may still act.
    #[error(
        "payment.lease_ms must be greater than payment.ledger_quiet_ms, and that at least \
         payment.ledger_timeout_ms"
    )]
    Lease,
}

impl Config {
    /// Checks the settings and returns the limits among them.
    ///
    /// # Errors
    /// Names the first that cannot be used.
    pub fn check(&self) -> Result<Limits, ConfigError> {
        if !(1..=500).contains(&self.batch) {
            return Err(ConfigError::Batch(self.batch));
        }
        if self.lease_ms <= self.ledger_quiet_ms || self.ledger_quiet_ms < self.ledger_timeout_ms {
            return Err(ConfigError::Lease);
        }
        let mut limits = Limits::default();
        for entry in &self.transfer_limits {
            let (currency, amount) = entry.split_once(' ').unwrap_or((entry, ""));
            let limit = Money::parse_positive(currency, amount)
                .map_err(|cause| ConfigError::Limit { entry: entry.clone(), cause })?;
            limits.set(limit);
        }
        Ok(limits)
    }

    pub(crate) const fn poll(&self) -> Duration {
        Duration::from_millis(self.poll_ms)
    }

    pub(crate) const fn ledger_timeout(&self) -> Duration {
        Duration::from_millis(self.ledger_timeout_ms)
    }

    pub(crate) const fn ledger_quiet(&self) -> Duration {
        Duration::from_millis(self.ledger_quiet_ms)
    }

    /// How long to wait after this many attempts without a decision.
    pub(crate) fn backoff(&self, attempts: i64) -> Duration {
        let doublings = u32::try_from(attempts.max(1) - 1).unwrap_or(u32::MAX).min(16);
        let wait = self.retry_least_ms.saturating_mul(1 << doublings);
        Duration::from_millis(wait.min(self.retry_most_ms))
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
    }

    #[test]
    fn refuses_settings_that_cannot_work() {
        let config = |change: fn(&mut Config)| {
            let mut config = Config::default();
            change(&mut config);
            config.check().map(|_| ())
        };
        assert_eq!(config(|_| ()), Ok(()));
        assert_eq!(config(|config| config.batch = 501), Err(ConfigError::Batch(501)));
        assert_eq!(config(|config| config.lease_ms = 15_000), Err(ConfigError::Lease));
        assert_eq!(
            config(|config| config.transfer_limits = vec!["EUR".into()]),
            Err(ConfigError::Limit { entry: "EUR".into(), cause: MoneyError::MissingAmount })
        );
        assert_eq!(config(|config| config.ledger_quiet_ms = 4_999), Err(ConfigError::Lease));
        assert_eq!(config(|config| config.transfer_limits = vec!["EUR 10".into()]), Ok(()));
    }
}
