//! The settings of card payments, in the section `[payment.cards]`.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use florin_kernel::{Currency, Money};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ConfigError;
use crate::domain::{Rules, Tolerance};

/// The ledger holds for 400 days at most; a day is left for what is placed late.
const MOST_DAYS: u32 = 399;

/// How card payments are authorised and captured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CardsConfig {
    /// GL account that captures are booked against: what is owed to the card networks.
    pub settlement_gl_code: String,
    /// GL account that pays what an account has no funds for, where a capture is above what is
    /// held. Empty: such a capture is declined.
    pub shortfall_gl_code: String,
    /// An authorisation is answered within so many milliseconds, 1 to 60000; by the stand-in
    /// where neither score nor ledger has answered.
    pub answer_ms: u64,
    /// So much of that the score may take, in milliseconds.
    pub score_ms: u64,
    /// Days until an authorisation expires, 1 to 399.
    pub expires_after_days: u32,
    /// What the stand-in approves of an account on a business date together, one entry a
    /// currency: "EUR 50.00". Without an entry it declines.
    pub stand_in_limits: Vec<String>,
    /// How much captures may be above what was authorised.
    pub tolerance: ToleranceConfig,
    /// The same for merchant category codes, in place of that: 4 digits each.
    pub tolerance_by_mcc: BTreeMap<String, ToleranceConfig>,
    /// The rules of the score.
    pub score: ScoreConfig,
}

/// How much captures may be above what was authorised.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ToleranceConfig {
    /// In percent of what was authorised, 0 to 100.
    pub percent: u32,
    /// And at most so much, one entry a currency: "EUR 10.00"; a currency without one goes by
    /// the percentage alone.
    pub at_most: Vec<String>,
}

/// The rules of the score. What meets one is declined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ScoreConfig {
    /// The most that one authorisation may be, increments included, one entry a currency:
    /// "EUR 5000.00".
    pub most: Vec<String>,
    /// Merchant category codes that are declined.
    pub blocked_mccs: Vec<String>,
    /// Authorisations that an account may ask for within the window; 0 for any number.
    pub velocity: u32,
    /// The window, in seconds, 1 to 2678400.
    pub velocity_seconds: u64,
}

impl Default for CardsConfig {
    fn default() -> Self {
        Self {
            settlement_gl_code: "2400".to_owned(),
            shortfall_gl_code: String::new(),
            answer_ms: 250,
            score_ms: 100,
            expires_after_days: 7,
            stand_in_limits: Vec::new(),
            tolerance: ToleranceConfig::default(),
            tolerance_by_mcc: BTreeMap::new(),
            score: ScoreConfig::default(),
        }
    }
}

impl Default for ScoreConfig {
    fn default() -> Self {
        Self { most: Vec::new(), blocked_mccs: Vec::new(), velocity: 0, velocity_seconds: 60 }
    }
}

/// The settings, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cards {
    /// GL account of the settlement.
    pub settlement_gl_code: String,
    /// GL account of shortfalls.
    pub shortfall_gl_code: Option<String>,
    /// Until when an authorisation is answered.
    pub answer: Duration,
    /// Until when its score is.
    pub score: Duration,
    /// After how many seconds it expires.
    pub expires_after_seconds: i64,
    /// What the stand-in approves of an account in a day.
    pub stand_in: BTreeMap<Currency, Money>,
    /// The rules of the score.
    pub rules: Rules,
    /// How far back velocity looks.
    pub window: Duration,
    tolerance: Allowed,
    by_mcc: BTreeMap<String, Allowed>,
}

type Allowed = (u32, BTreeMap<Currency, Money>);

impl Cards {
    /// How much captures at a merchant of this category may be above.
    #[must_use]
    pub fn tolerance(&self, mcc: &str, currency: Currency) -> Tolerance {
        let (percent, at_most) = self.by_mcc.get(mcc).unwrap_or(&self.tolerance);
        let at_most = at_most.get(&currency).map(|most| most.minor());
        Tolerance { percent: *percent, at_most }
    }
}

impl CardsConfig {
    /// Reads the settings.
    ///
    /// # Errors
    /// Names the first that cannot be used.
    pub fn check(&self) -> Result<Cards, ConfigError> {
        let days = self.expires_after_days;
        for (setting, in_range) in [
            ("cards.answer_ms", (1..=60_000).contains(&self.answer_ms)),
            ("cards.score_ms", (1..=self.answer_ms).contains(&self.score_ms)),
            ("cards.expires_after_days", (1..=MOST_DAYS).contains(&days)),
            (
                "cards.score.velocity_seconds",
                (1..=2_678_400).contains(&self.score.velocity_seconds),
            ),
            ("cards.settlement_gl_code", !self.settlement_gl_code.is_empty()),
        ] {
            if !in_range {
                return Err(ConfigError::OutOfRange(setting));
            }
        }
        let by_mcc = self.tolerance_by_mcc.iter().map(|(mcc, one)| {
            is_mcc(mcc)?;
            Ok((mcc.clone(), one.read()?))
        });
        let blocked = self.score.blocked_mccs.iter().map(|mcc| is_mcc(mcc).map(|()| mcc.clone()));
        let velocity = i64::from(self.score.velocity);
        Ok(Cards {
            settlement_gl_code: self.settlement_gl_code.clone(),
            shortfall_gl_code: Some(self.shortfall_gl_code.clone()).filter(|one| !one.is_empty()),
            answer: Duration::from_millis(self.answer_ms),
            score: Duration::from_millis(self.score_ms),
            expires_after_seconds: i64::from(days).saturating_mul(86_400),
            stand_in: amounts("stand_in_limits", &self.stand_in_limits)?,
            rules: Rules {
                most: amounts("score.most", &self.score.most)?,
                blocked: blocked.collect::<Result<BTreeSet<_>, ConfigError>>()?,
                velocity: (velocity > 0).then_some(velocity),
            },
            window: Duration::from_secs(self.score.velocity_seconds),
            tolerance: self.tolerance.read()?,
            by_mcc: by_mcc.collect::<Result<_, ConfigError>>()?,
        })
    }
}

impl ToleranceConfig {
    fn read(&self) -> Result<Allowed, ConfigError> {
        if self.percent > 100 {
            return Err(ConfigError::OutOfRange("cards.tolerance.percent"));
        }
        Ok((self.percent, amounts("tolerance.at_most", &self.at_most)?))
    }
}

fn is_mcc(text: &str) -> Result<(), ConfigError> {
    if text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(());
    }
    Err(ConfigError::Mcc(text.to_owned()))
}

fn amounts(
    setting: &'static str,
    entries: &[String],
) -> Result<BTreeMap<Currency, Money>, ConfigError> {
    let read = entries.iter().map(|entry| {
        let (currency, amount) = entry.split_once(' ').unwrap_or((entry, ""));
        let amount = Money::parse_positive(currency, amount)
            .map_err(|cause| ConfigError::CardAmount { setting, entry: entry.clone(), cause })?;
        Ok((amount.currency(), amount))
    });
    read.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_category_has_a_tolerance_of_its_own() {
        let of = |percent, at_most: &[&str]| ToleranceConfig {
            percent,
            at_most: at_most.iter().map(|one| (*one).to_owned()).collect(),
        };
        let config = CardsConfig {
            tolerance: of(10, &["EUR 5.00"]),
            tolerance_by_mcc: [("5812".to_owned(), of(20, &[]))].into(),
            ..CardsConfig::default()
        };
        let cards = config.check().expect("settings");
        let (eur, czk) = ("EUR".parse().expect("euro"), "CZK".parse().expect("koruna"));
        let tolerance = |percent, at_most| Tolerance { percent, at_most };
        assert_eq!(cards.tolerance("5411", eur), tolerance(10, Some(500)));
        assert_eq!(cards.tolerance("5411", czk), tolerance(10, None));
        assert_eq!(cards.tolerance("5812", eur), tolerance(20, None));
    }

    #[test]
    fn refuses_what_cannot_work() {
        let config = |change: fn(&mut CardsConfig)| {
            let mut config = CardsConfig::default();
            change(&mut config);
            config.check().map(|_| ())
        };
        assert_eq!(config(|_| ()), Ok(()));
        let out = |setting| Err(ConfigError::OutOfRange(setting));
        assert_eq!(config(|one| one.answer_ms = 0), out("cards.answer_ms"));
        assert_eq!(config(|one| one.score_ms = 251), out("cards.score_ms"));
        assert_eq!(config(|one| one.expires_after_days = 400), out("cards.expires_after_days"));
        assert_eq!(config(|one| one.tolerance.percent = 101), out("cards.tolerance.percent"));
        let mcc = config(|one| one.score.blocked_mccs = vec!["12".into()]);
        assert_eq!(mcc, Err(ConfigError::Mcc("12".into())));
        let amount = config(|one| one.stand_in_limits = vec!["EUR".into()]);
        assert!(matches!(amount, Err(ConfigError::CardAmount { setting: "stand_in_limits", .. })));
    }
}
