//! The settings of the clearing network, in the section `[payment.clearing]`.

use std::time::Duration;

use florin_kernel::Bic;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ConfigError;
use crate::domain::Directory;

/// The clearing network that this bank is connected to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ClearingConfig {
    /// Where it listens, host and port. Empty connects none: IBANs of other banks are refused.
    pub address: String,
    /// SPIFFE id of its certificate: whoever has it says what was settled. To be given with the
    /// address.
    pub spiffe: String,
    /// Its name, to be given with the address. It stands in the references of what came in, so
    /// it never changes.
    pub network: String,
    /// This bank's BIC, to be given with the address.
    pub bic: String,
    /// The banks that it reaches: country, national bank code and BIC, "CZ 0800 GIBACZPX".
    pub banks: Vec<String>,
    /// GL account of our money at the network.
    pub nostro_gl_code: String,
    /// GL account of money that came in and cannot be credited.
    pub suspense_gl_code: String,
    /// How long one exchange with it may take, in milliseconds, at least 100.
    pub timeout_ms: u64,
    /// How long its answer is waited for before it is asked what became of a payment, in
    /// milliseconds, at least 1. Nothing ends by this time.
    pub answer_ms: u64,
    /// The longest wait between two such questions, in milliseconds.
    pub ask_most_ms: u64,
    /// How often it is looked for messages when there was none, in milliseconds, at least 1.
    pub poll_ms: u64,
    /// Calendar days in which a payment of ours may be asked back for a duplicate or a
    /// technical fault: 1 to 365. The scheme has ten banking business days.
    pub recall_days: u32,
    /// Calendar days in which it may be for fraud or for the customer's wish: 1 to 800. The
    /// scheme has 13 months.
    pub recall_long_days: u32,
    /// Calendar days that people have to decide on another bank's recall: 1 to 365. The scheme
    /// has 15 banking business days.
    pub recall_answer_days: u32,
    /// Business days in which a statement of the network tells of what is booked on the nostro
    /// account, the day of the booking not counted: 1 to 30. What is untold for longer is
    /// unfinished in the proof.
    pub untold_business_days: u32,
}

impl Default for ClearingConfig {
    fn default() -> Self {
        let banks = [
            "CZ 0100 KOMBCZPP",
            "CZ 0300 CEKOCZPP",
            "CZ 0800 GIBACZPX",
            "DE 37040044 COBADEFF",
            "NL ABNA ABNANL2A",
            "SK 0900 GIBASKBX",
        ];
        Self {
            address: String::new(),
            spiffe: String::new(),
            network: String::new(),
            bic: String::new(),
            banks: banks.map(str::to_owned).to_vec(),
            nostro_gl_code: "1200".to_owned(),
            suspense_gl_code: "9010".to_owned(),
            timeout_ms: 5_000,
            answer_ms: 10_000,
            ask_most_ms: 300_000,
            poll_ms: 500,
            recall_days: 14,
            recall_long_days: 395,
            recall_answer_days: 21,
            untold_business_days: 3,
        }
    }
}

impl ClearingConfig {
    /// Whether a network is connected.
    #[must_use]
    pub const fn is_connected(&self) -> bool {
        !self.address.is_empty()
    }

    /// Reads our own BIC and the banks that are reached; None where no network is connected.
    ///
    /// # Errors
    /// Names the entry that is none.
    pub fn check(&self) -> Result<Option<(Bic, Directory)>, ConfigError> {
        for (setting, least, found) in [
            ("clearing.timeout_ms", 100, self.timeout_ms),
            ("clearing.answer_ms", 1, self.answer_ms),
            ("clearing.poll_ms", 1, self.poll_ms),
        ] {
            if found < least {
                return Err(ConfigError::TooSmall { setting, least, found });
            }
        }
        for (setting, most, found) in [
            ("clearing.recall_days", 365, self.recall_days),
            ("clearing.recall_long_days", 800, self.recall_long_days),
            ("clearing.recall_answer_days", 365, self.recall_answer_days),
            ("clearing.untold_business_days", 30, self.untold_business_days),
        ] {
            if !(1..=most).contains(&found) {
                return Err(ConfigError::Days { setting, most, found });
            }
        }
        let mut directory = Directory::default();
        for entry in &self.banks {
            let words: Vec<_> = entry.split(' ').collect();
            let [country, code, of_bank] = words.as_slice() else {
                return Err(ConfigError::Bank { entry: entry.clone() });
            };
            let of_bank = of_bank.parse();
            let of_bank = of_bank.map_err(|_| ConfigError::Bank { entry: entry.clone() })?;
            directory.add(country, code, of_bank);
        }
        if !self.is_connected() {
            return Ok(None);
        }
        if self.network.is_empty() || self.network.contains('/') || self.network.len() > 32 {
            return Err(ConfigError::Network(self.network.clone()));
        }
        if self.spiffe.is_empty() {
            return Err(ConfigError::Spiffe);
        }
        let bic = self.bic.parse().map_err(|_| ConfigError::Bic(self.bic.clone()))?;
        Ok(Some((bic, directory)))
    }

    pub(crate) const fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }

    pub(crate) const fn poll(&self) -> Duration {
        Duration::from_millis(self.poll_ms)
    }

    /// How long to wait for an answer after so many questions: it doubles up to the longest.
    pub(crate) fn patience(&self, asks: i64) -> Duration {
        let doublings = u32::try_from(asks.max(0)).unwrap_or(u32::MAX).min(20);
        let wait = self.answer_ms.saturating_mul(1 << doublings);
        Duration::from_millis(wait.min(self.ask_most_ms.max(self.answer_ms)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connected() -> ClearingConfig {
        ClearingConfig {
            address: "localhost:7600".into(),
            spiffe: "spiffe://florin.bank/client/simulator".into(),
            network: "simulator".into(),
            bic: "FLORCZPP".into(),
            ..ClearingConfig::default()
        }
    }

    #[test]
    fn nothing_is_connected_that_is_not_named() {
        for (change, told) in [
            (ClearingConfig { spiffe: String::new(), ..connected() }, "payment.clearing.spiffe"),
            (ClearingConfig { network: String::new(), ..connected() }, "payment.clearing.network"),
            (ClearingConfig { bic: String::new(), ..connected() }, "payment.clearing.bic"),
        ] {
            let error = change.check().expect_err(told).to_string();
            assert!(error.contains(told), "{error}");
        }
    }

    #[test]
    fn the_defaults_are_banks_and_connect_nothing() {
        let config = ClearingConfig::default();
        assert!(!config.is_connected());
        assert!(config.check().expect("settings").is_none());
        let (bic, directory) = connected().check().expect("settings").expect("connected");
        assert_eq!(bic.code(), "FLORCZPP");
        let iban = "CZ6508000000192000145399".parse().expect("iban");
        assert_eq!(directory.bank_of(&iban).map(Bic::code), Some("GIBACZPX"));
    }

    #[test]
    fn a_wrong_entry_is_named() {
        let with = |banks: &[&str]| ClearingConfig {
            banks: banks.iter().map(|bank| (*bank).to_owned()).collect(),
            ..ClearingConfig::default()
        };
        for bad in ["CZ 0800", "CZ 0800 gibaczpx", "GIBACZPX"] {
            let error = with(&[bad]).check().expect_err(bad).to_string();
            assert!(error.contains(bad) || bad.contains("gibaczpx"), "{error}");
        }
        let network = ClearingConfig { network: "a/b".into(), ..connected() };
        assert!(network.check().is_err());
    }

    #[test]
    fn days_of_recalls_are_in_their_range() {
        let none = ClearingConfig { recall_days: 0, ..ClearingConfig::default() };
        let many = ClearingConfig { recall_answer_days: 366, ..ClearingConfig::default() };
        let untold = ClearingConfig { untold_business_days: 31, ..ClearingConfig::default() };
        for (config, name) in
            [(none, "recall_days"), (many, "recall_answer_days"), (untold, "untold_business_days")]
        {
            assert!(config.check().expect_err(name).to_string().contains(name));
        }
    }

    #[test]
    fn questions_become_rarer_and_never_stop() {
        let config = ClearingConfig { answer_ms: 10, ask_most_ms: 50, ..ClearingConfig::default() };
        let waits: Vec<_> = (0..5).map(|asks| config.patience(asks).as_millis()).collect();
        assert_eq!(waits, [10, 20, 40, 50, 50]);
        assert_eq!(config.patience(i64::MAX).as_millis(), 50);
    }
}
