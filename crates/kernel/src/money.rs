//! Money in minor units of an ISO 4217 currency; checked operations only.

use std::{fmt, str::FromStr, sync::LazyLock};

/// Largest amount of one movement of money (a leg, a hold, a transfer, a line of an import), in
/// minor units of any currency: sums over thousands of movements stay within 64 bits. Every
/// service that takes an amount in refuses more at its edge, for the ledger would.
pub const LARGEST_MOVEMENT: i64 = 1_000_000_000_000_000;

/// A currency of ISO 4217 that has minor units.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Currency(iso_currency::Currency);

impl PartialOrd for Currency {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Currency {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.code().cmp(other.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Currency {
    /// The three letters of ISO 4217.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.0.code()
    }

    /// Digits after the decimal point: 0, 2, 3 or 4.
    #[must_use]
    pub fn exponent(self) -> u32 {
        self.0.exponent().map_or(0, u32::from)
    }
}

impl FromStr for Currency {
    type Err = MoneyError;

    fn from_str(code: &str) -> Result<Self, MoneyError> {
        if code.is_empty() {
            return Err(MoneyError::MissingCurrency);
        }
        let known = listed(code).or_else(|| iso_currency::Currency::from_code(code));
        let known = known.filter(|found| found.exponent().is_some());
        known.map(Self).ok_or(MoneyError::UnknownCurrency)
    }
}

/// The currencies by their codes. Each amount that is read names one, and `iso_currency` compares
/// a code with one after the other.
static CODES: LazyLock<Vec<(&'static str, iso_currency::Currency)>> = LazyLock::new(|| {
    let all = (0..1_000).filter_map(iso_currency::Currency::from_numeric);
    let mut codes: Vec<_> = all.map(|one| (one.code(), one)).collect();
    codes.sort_unstable_by_key(|(code, _)| *code);
    codes
});

fn listed(code: &str) -> Option<iso_currency::Currency> {
    let at = CODES.binary_search_by_key(&code, |(code, _)| code).ok()?;
    CODES.get(at).map(|(_, found)| *found)
}

/// Why an amount is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// No currency given.
    #[error("currency must not be empty; expected three letters of ISO 4217 like EUR")]
    MissingCurrency,
    /// Not in ISO 4217, or a code without minor units (XAU, XXX).
    #[error("currency must be a code of ISO 4217 in upper case like EUR")]
    UnknownCurrency,
    /// No amount given.
    #[error("amount must not be empty; expected a decimal like 12.34")]
    MissingAmount,
    /// Not digits with an optional sign and one point.
    #[error(
        "amount must be a decimal like 12.34: digits, one point at most, no exponent or spaces"
    )]
    MalformedAmount,
    /// More digits after the point than the currency has.
    #[error("amount must have at most {exponent} decimals in {currency}")]
    TooManyDecimals {
        /// The currency's exponent.
        exponent: u32,
        /// The currency.
        currency: Currency,
    },
    /// Beyond a signed 64-bit count of minor units.
    #[error("amount is beyond the range of 64 bits of minor units")]
    OutOfRange,
    /// Zero or below where a positive amount is asked for.
    #[error("amount must be greater than zero")]
    NotPositive,
    /// Above [`LARGEST_MOVEMENT`].
    #[error("amount must be at most 10^15 minor units")]
    TooLarge,
    /// Two different currencies in one operation.
    #[error("currencies differ: {left} and {right}")]
    CurrencyMismatch {
        /// The first currency.
        left: Currency,
        /// The second currency.
        right: Currency,
    },
}

impl MoneyError {
    pub(crate) const fn rule_name(&self) -> &'static str {
        match self {
            Self::MissingCurrency | Self::MissingAmount => "REQUIRED",
            Self::UnknownCurrency => "UNKNOWN_CURRENCY",
            Self::MalformedAmount => "MALFORMED_AMOUNT",
            Self::TooManyDecimals { .. } => "TOO_MANY_DECIMALS",
            Self::OutOfRange => "AMOUNT_OUT_OF_RANGE",
            Self::NotPositive => "NOT_POSITIVE",
            Self::TooLarge => "AMOUNT_TOO_LARGE",
            Self::CurrencyMismatch { .. } => "CURRENCY_MISMATCH",
        }
    }
}

/// An amount of money: a count of minor units of one currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Money {
    minor: i64,
    currency: Currency,
}

impl Money {
    /// `minor` units of `currency`.
    #[must_use]
    pub const fn new(minor: i64, currency: Currency) -> Self {
        Self { minor, currency }
    }

    /// Nothing.
    #[must_use]
    pub const fn zero(currency: Currency) -> Self {
        Self::new(0, currency)
    }

    /// The count of minor units.
    #[must_use]
    pub const fn minor(self) -> i64 {
        self.minor
    }

    /// The currency.
    #[must_use]
    pub const fn currency(self) -> Currency {
        self.currency
    }

    /// Reads a decimal string of at most the currency's digits, with an optional minus sign.
    ///
    /// # Errors
    /// Names the rule that currency or amount break.
    pub fn parse(currency: &str, amount: &str) -> Result<Self, MoneyError> {
        Self::parse_in(Currency::from_str(currency)?, amount)
    }

    /// Like [`Money::parse`], where the currency is known already.
    ///
    /// # Errors
    /// Names the rule that the amount breaks.
    pub fn parse_in(currency: Currency, amount: &str) -> Result<Self, MoneyError> {
        if amount.is_empty() {
            return Err(MoneyError::MissingAmount);
        }
        let (negative, digits) = match amount.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, amount),
        };
        let (whole, fraction) = match digits.split_once('.') {
            Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
            Some(_) => return Err(MoneyError::MalformedAmount),
            None => (digits, ""),
        };
        let all_digits = whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !all_digits {
            return Err(MoneyError::MalformedAmount);
        }
        let exponent = currency.exponent();
        let decimals = u32::try_from(fraction.len()).map_err(|_| MoneyError::OutOfRange)?;
        if decimals > exponent {
            return Err(MoneyError::TooManyDecimals { exponent, currency });
        }
        let mut minor: i64 = 0;
        let padding = usize::try_from(exponent - decimals).map_err(|_| MoneyError::OutOfRange)?;
        let zeros = std::iter::repeat_n(b'0', padding);
        for byte in whole.bytes().chain(fraction.bytes()).chain(zeros) {
            minor = minor
                .checked_mul(10)
                .and_then(|sum| sum.checked_add(i64::from(byte - b'0')))
                .ok_or(MoneyError::OutOfRange)?;
        }
        Ok(Self::new(if negative { -minor } else { minor }, currency))
    }

    /// Like [`Money::parse`], for amounts that must be above zero.
    ///
    /// # Errors
    /// As [`Money::parse`], and [`MoneyError::NotPositive`].
    pub fn parse_positive(currency: &str, amount: &str) -> Result<Self, MoneyError> {
        Self::parse(currency, amount)?.positive()
    }

    /// The amount, where it is above zero.
    ///
    /// # Errors
    /// [`MoneyError::NotPositive`].
    pub const fn positive(self) -> Result<Self, MoneyError> {
        if self.minor > 0 { Ok(self) } else { Err(MoneyError::NotPositive) }
    }

    /// The amount, where one movement may have it in either direction.
    ///
    /// # Errors
    /// [`MoneyError::TooLarge`] above [`LARGEST_MOVEMENT`].
    pub const fn movable(self) -> Result<Self, MoneyError> {
        if self.minor.unsigned_abs() > LARGEST_MOVEMENT.unsigned_abs() {
            return Err(MoneyError::TooLarge);
        }
        Ok(self)
    }

    /// The sum.
    ///
    /// # Errors
    /// Different currencies, or beyond the range.
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        if self.currency != other.currency {
            return Err(MoneyError::CurrencyMismatch {
                left: self.currency,
                right: other.currency,
            });
        }
        let minor = self.minor.checked_add(other.minor).ok_or(MoneyError::OutOfRange)?;
        Ok(Self::new(minor, self.currency))
    }

    /// The amount with the other sign.
    ///
    /// # Errors
    /// Beyond the range.
    pub fn checked_neg(self) -> Result<Self, MoneyError> {
        let minor = self.minor.checked_neg().ok_or(MoneyError::OutOfRange)?;
        Ok(Self::new(minor, self.currency))
    }

    /// The amount as a decimal string with exactly the currency's digits: `12.30`.
    #[must_use]
    pub fn amount(self) -> String {
        let exponent = usize::try_from(self.currency.exponent()).unwrap_or(0);
        let digits = self.minor.unsigned_abs().to_string();
        let padded = format!("{digits:0>width$}", width = exponent + 1);
        let (whole, fraction) = padded.split_at(padded.len() - exponent);
        let sign = if self.minor < 0 { "-" } else { "" };
        if exponent == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount(), self.currency)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_prints_each_exponent() {
        for (currency, amount, minor) in [
            ("JPY", "12", 12),
            ("EUR", "12.34", 1_234),
            ("EUR", "-0.05", -5),
            ("KWD", "1.234", 1_234),
            ("CLF", "0.0001", 1),
            ("EUR", "92233720368547758.07", i64::MAX),
        ] {
            let money = Money::parse(currency, amount).expect(amount);
            assert_eq!(money.minor(), minor);
            assert_eq!(money.amount(), amount);
        }
        assert_eq!(Money::parse("EUR", "5").map(Money::amount), Ok("5.00".to_owned()));
    }

    #[test]
    fn refuses_what_is_no_amount_of_the_currency() {
        for (currency, amount, rule) in [
            ("", "1", "REQUIRED"),
            ("EUR", "", "REQUIRED"),
            ("eur", "1", "UNKNOWN_CURRENCY"),
            ("Eur", "1", "UNKNOWN_CURRENCY"),
            ("EURO", "1", "UNKNOWN_CURRENCY"),
            ("ZZZ", "1", "UNKNOWN_CURRENCY"),
            ("XAU", "1", "UNKNOWN_CURRENCY"),
            ("EUR", "1.234", "TOO_MANY_DECIMALS"),
            ("JPY", "1.0", "TOO_MANY_DECIMALS"),
            ("EUR", "1e3", "MALFORMED_AMOUNT"),
            ("EUR", "+1", "MALFORMED_AMOUNT"),
            ("EUR", " 1", "MALFORMED_AMOUNT"),
            ("EUR", ".5", "MALFORMED_AMOUNT"),
            ("EUR", "5.", "MALFORMED_AMOUNT"),
            ("EUR", "1,5", "MALFORMED_AMOUNT"),
            ("EUR", "92233720368547758.08", "AMOUNT_OUT_OF_RANGE"),
        ] {
            let error = Money::parse(currency, amount).expect_err(amount);
            assert_eq!(error.rule_name(), rule, "{currency} {amount}");
        }
        for amount in ["0", "-0.01"] {
            assert_eq!(Money::parse_positive("EUR", amount), Err(MoneyError::NotPositive));
        }
        assert_eq!(Money::parse_positive("EUR", "0.01"), Money::parse("EUR", "0.01"));
        let eur = "EUR".parse().expect("euro");
        assert_eq!(Money::parse_in(eur, "0.01"), Money::parse("EUR", "0.01"));
        assert_eq!(Money::parse_in(eur, ""), Err(MoneyError::MissingAmount));
    }

    #[test]
    fn one_movement_is_bounded_in_either_direction() {
        let eur = |minor| Money::new(minor, "EUR".parse().expect("euro"));
        for minor in [0, LARGEST_MOVEMENT, -LARGEST_MOVEMENT] {
            assert_eq!(eur(minor).movable(), Ok(eur(minor)));
        }
        for minor in [LARGEST_MOVEMENT + 1, -LARGEST_MOVEMENT - 1, i64::MAX, i64::MIN] {
            assert_eq!(eur(minor).movable(), Err(MoneyError::TooLarge), "{minor}");
        }
        assert_eq!(MoneyError::TooLarge.rule_name(), "AMOUNT_TOO_LARGE");
    }

    #[test]
    fn every_count_of_minor_units_is_read_back_from_its_amount() {
        for code in ["JPY", "EUR", "KWD", "CLF"] {
            let currency: Currency = code.parse().expect(code);
            let small = -12_345..=12_345;
            let edges = [i64::MIN + 1, i64::MIN / 10, i64::MAX / 10 + 1, i64::MAX];
            for minor in small.chain(edges) {
                let money = Money::new(minor, currency);
                assert_eq!(Money::parse(code, &money.amount()), Ok(money), "{money}");
            }
        }
        assert_eq!(Money::zero("EUR".parse().expect("euro")).to_string(), "0.00 EUR");
    }

    #[test]
    fn adds_only_within_a_currency_and_within_range() {
        let eur = Money::parse("EUR", "1.00").expect("euro");
        let usd = Money::parse("USD", "1.00").expect("dollar");
        assert!(eur.checked_add(usd).is_err());
        let most = Money::new(i64::MAX, eur.currency());
        assert_eq!(most.checked_add(eur), Err(MoneyError::OutOfRange));
        assert_eq!(eur.checked_add(eur), Money::parse("EUR", "2.00"));
    }

    #[test]
    fn the_opposite_of_an_amount_cancels_it_where_there_is_one() {
        let currency = "EUR".parse().expect("euro");
        for minor in [-5, 0, 7, i64::MAX] {
            let money = Money::new(minor, currency);
            let sum = money.checked_neg().and_then(|opposite| money.checked_add(opposite));
            assert_eq!(sum, Ok(Money::zero(currency)));
        }
        let least = Money::new(i64::MIN, currency);
        assert_eq!(least.checked_neg(), Err(MoneyError::OutOfRange));
    }

    #[test]
    fn currencies_are_shown_and_sorted_by_their_codes() {
        let mut found: Vec<Currency> =
            ["USD", "CZK", "EUR", "JPY"].map(|code| code.parse().expect(code)).to_vec();
        found.sort();
        assert_eq!(format!("{found:?}"), "[CZK, EUR, JPY, USD]");
        assert!(found.is_sorted_by(|less, more| less < more));
        assert_eq!(found[0].to_string(), "CZK");
    }
}
