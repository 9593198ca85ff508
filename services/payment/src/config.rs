//! The settings of `payment` beside those of the mesh, in the section `[payment]`.

mod cards;
mod clearing;

use std::time::Duration;

use florin_kernel::{Money, MoneyError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::{
    cards::{Cards, CardsConfig, ScoreConfig, ToleranceConfig},
    clearing::ClearingConfig,
};
use crate::domain::Limits;

/// The shortest time for a call of the ledger, in milliseconds: each hop keeps 20 ms of it, and
/// what then is left must do for a batch.
const LEAST_TIMEOUT_MS: u64 = 100;

/// The own settings of the role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// GL account of the cash at the tills.
    pub cash_gl_code: String,
    /// The most that one transfer may move, one entry a currency: "CZK 500000.00". A
    /// currency without an entry has no limit.
    pub transfer_limits: Vec<String>,
    /// Batches of transfers that this replica works on at once, at least 1.
    pub workers: usize,
    /// Transfers in a batch: 1 to 500, which is what the ledger takes in one call.
    pub batch: u32,
    /// Acceptances commit in this many transactions at once; SQLite has one writer.
    pub committers: usize,
    /// How often the table is looked at when nothing wakes a worker, in milliseconds, at least 1.
    pub poll_ms: u64,
    /// How long a worker has a batch before another may take it, in milliseconds; longer
    /// than `ledger_timeout_ms`, or the work is done twice, and than twice `clearing.timeout_ms`
    /// where a network is connected.
    pub lease_ms: u64,
    /// How long a call of the ledger may take, in milliseconds, at least 100.
    pub ledger_timeout_ms: u64,
    /// The first wait after a call of the ledger without a decision, in milliseconds, at least
    /// 1; it doubles with each further one.
    pub retry_least_ms: u64,
    /// The longest such wait, in milliseconds.
    pub retry_most_ms: u64,
    /// The longest wait of a transfer that the ledger refuses for its content, in
    /// milliseconds: people have to look, and it must not stand in front of the others.
    pub retry_stuck_ms: u64,
    /// The clearing network.
    pub clearing: ClearingConfig,
    /// Card payments.
    pub cards: CardsConfig,
    /// Gone with ADR 6. Taken for one more release, and without effect.
    #[serde(skip_serializing)]
    #[schemars(skip)]
    pub ledger_quiet_ms: Option<u64>,
    /// Gone with ADR 6. Taken for one more release, and without effect.
    #[serde(skip_serializing)]
    #[schemars(skip)]
    pub ledger_batch_limit_ms: Option<u64>,
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
            retry_least_ms: 200,
            retry_most_ms: 5_000,
            retry_stuck_ms: 600_000,
            clearing: ClearingConfig::default(),
            cards: CardsConfig::default(),
            ledger_quiet_ms: None,
            ledger_batch_limit_ms: None,
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
    /// Not "CZ 0800 GIBACZPX".
    #[error("payment.clearing: {entry:?} must be a BIC, or country, bank code and BIC")]
    Bank {
        /// The entry.
        entry: String,
    },
    /// ISO 9362.
    #[error("payment.clearing.bic must be the BIC of this bank, not {0:?}")]
    Bic(String),
    /// Whoever has any certificate could say what was settled.
    #[error("payment.clearing.spiffe must name the network that payment.clearing.address is of")]
    Spiffe,
    /// No name for references.
    #[error("payment.clearing.network must have 1 to 32 characters and no slash, not {0:?}")]
    Network(String),
    /// Not "EUR 1000.00".
    #[error("payment.cards.{setting}: {entry:?} must be a currency and an amount: {cause}")]
    CardAmount {
        /// The setting.
        setting: &'static str,
        /// The entry.
        entry: String,
        /// What is wrong with it.
        cause: MoneyError,
    },
    /// Not 4 digits.
    #[error("payment.cards: {0:?} must be a merchant category code of 4 digits")]
    Mcc(String),
    /// A number that cannot work.
    #[error("payment.{0} is out of the range that its description names")]
    OutOfRange(&'static str),
    /// More than the ledger takes, or nothing.
    #[error("payment.batch must be 1 to 500, not {0}")]
    Batch(u32),
    /// Nothing would ever move, or a worker would never pause.
    #[error("payment.{setting} must be at least {least}, not {found}")]
    TooSmall {
        /// The setting.
        setting: &'static str,
        /// Its least value.
        least: u64,
        /// What it is.
        found: u64,
    },
    /// No time for a recall, or more than anybody keeps.
    #[error("payment.{setting} must be 1 to {most}, not {found}")]
    Days {
        /// The setting.
        setting: &'static str,
        /// Its greatest value.
        most: u32,
        /// What it is.
        found: u32,
    },
    /// Each batch would be taken by another worker while the first calls the ledger.
    #[error("payment.lease_ms must be greater than payment.ledger_timeout_ms")]
    Lease,
    /// Bytes would go out to the network when nobody has the payment any more.
    #[error("payment.lease_ms must be greater than twice payment.clearing.timeout_ms")]
    ClearingLease,
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
        let workers = u64::try_from(self.workers).unwrap_or(u64::MAX);
        for (setting, least, found) in [
            ("workers", 1, workers),
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
        self.cards.check()?;
        if self.lease_ms <= self.ledger_timeout_ms {
            return Err(ConfigError::Lease);
        }
        let exchange_ms = self.clearing.timeout_ms.saturating_mul(2);
        if self.clearing.is_connected() && self.lease_ms <= exchange_ms {
            return Err(ConfigError::ClearingLease);
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

    /// The settings that are there and have no effect any more.
    fn gone(&self) -> Vec<&'static str> {
        let gone = [
            ("ledger_quiet_ms", self.ledger_quiet_ms),
            ("ledger_batch_limit_ms", self.ledger_batch_limit_ms),
        ];
        gone.into_iter().filter(|(_, set)| set.is_some()).map(|(name, _)| name).collect()
    }

    /// Tells of settings that have no effect any more.
    pub(crate) fn warn_of_the_gone(&self) {
        let settings = self.gone();
        if !settings.is_empty() {
            tracing::warn!(?settings, "settings in [payment] have no effect any more: remove them");
        }
    }

    pub(crate) const fn poll(&self) -> Duration {
        Duration::from_millis(self.poll_ms)
    }

    pub(crate) const fn lease(&self) -> Duration {
        Duration::from_millis(self.lease_ms)
    }

    /// Transfers that a worker takes at once.
    pub(crate) fn most(&self) -> usize {
        usize::try_from(self.batch).unwrap_or(usize::MAX)
    }

    /// The longest that a transfer may be put off.
    pub(crate) fn longest_wait(&self) -> Duration {
        let most = self.retry_most_ms.max(self.retry_stuck_ms);
        Duration::from_millis(most)
    }

    pub(crate) const fn ledger_timeout(&self) -> Duration {
        Duration::from_millis(self.ledger_timeout_ms)
    }

    /// How long to wait after this many attempts without a decision.
    pub(crate) fn backoff(&self, attempts: i64) -> Duration {
        self.doubled(attempts, self.retry_most_ms)
    }

    /// How long a transfer waits that the ledger refuses for its content.
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
        let waits = [1, 6, 12, 13, i64::MAX].map(|attempts| config.backoff_stuck(attempts));
        assert_eq!(waits.map(|wait| wait.as_millis()), [200, 6_400, 409_600, 600_000, 600_000]);
    }

    #[test]
    fn a_file_of_the_release_before_is_taken_and_its_gone_settings_are_named() {
        let text = r#"{"workers": 3, "ledger_quiet_ms": 17000, "ledger_batch_limit_ms": 10000}"#;
        let config: Config = serde_json::from_str(text).unwrap();
        assert_eq!((config.check().is_ok(), config.workers), (true, 3));
        assert_eq!(config.gone(), ["ledger_quiet_ms", "ledger_batch_limit_ms"]);
        assert!(Config::default().gone().is_empty());
        assert!(serde_json::from_str::<Config>(r#"{"ledger_loud_ms": 1}"#).is_err());
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
        assert_eq!(config(|config| config.lease_ms = 5_000), Err(ConfigError::Lease));
        assert_eq!(config(|config| config.lease_ms = 5_001), Ok(()));
        let connected = |config: &mut Config| config.clearing.address = "localhost:1".into();
        let lease = |lease_ms| {
            let mut config = Config { lease_ms, ..Config::default() };
            connected(&mut config);
            config.check().map(|_| ())
        };
        assert_eq!(lease(10_000), Err(ConfigError::ClearingLease));
        assert_eq!(lease(10_001), Ok(()));
        assert_eq!(
            config(|config| config.transfer_limits = vec!["EUR".into()]),
            Err(ConfigError::Limit { entry: "EUR".into(), cause: MoneyError::MissingAmount })
        );
        assert_eq!(config(|config| config.transfer_limits = vec!["EUR 10".into()]), Ok(()));
    }

    #[test]
    fn refuses_settings_with_which_nothing_moves_or_nobody_pauses() {
        let config = Config::default;
        let refused = [
            (Config { workers: 0, ..config() }, "workers", 1, 0),
            (Config { poll_ms: 0, ..config() }, "poll_ms", 1, 0),
            (Config { ledger_timeout_ms: 99, ..config() }, "ledger_timeout_ms", 100, 99),
            (Config { retry_least_ms: 0, ..config() }, "retry_least_ms", 1, 0),
            (Config { retry_most_ms: 0, ..config() }, "retry_most_ms", 1, 0),
            (Config { retry_stuck_ms: 0, ..config() }, "retry_stuck_ms", 1, 0),
        ];
        for (config, setting, least, found) in refused {
            assert_eq!(config.check(), Err(ConfigError::TooSmall { setting, least, found }));
        }
    }
}
