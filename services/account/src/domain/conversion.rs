//! Conversions of currency: what is sold, what is bought, at which rate, and what of it stands
//! on the position account.

use std::{collections::BTreeMap, fmt};

use florin_kernel::{Currency, Money};

use super::posting::{Legs, Target};

/// The GL account on which the bank's position in each currency is kept: what the bank bought of
/// a currency is its credit, what it sold its debit.
pub const POSITION_GL: &str = "9020";

/// Most conversions of one journal transaction.
pub const MOST_CONVERSIONS: usize = 8;

/// Most digits of a rate before its point, and after it.
const MOST_DIGITS: usize = 10;

/// By how many minor units of the bought currency an amount may differ from its rate.
const TOLERANCE: u128 = 1;

/// Units of the bought currency for one unit of the sold one: a positive decimal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rate {
    text: String,
    /// The digits, point left out.
    digits: i128,
    /// How many of them stand after the point.
    decimals: u32,
}

/// Why a text is no rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RateError {
    /// Nothing given.
    #[error("rate must not be empty; expected a decimal like 25.3105")]
    Missing,
    /// Not digits with one point at most, or too many of them.
    #[error("rate must be a decimal like 25.3105: at most 10 digits before the point and 10 after")]
    Malformed,
    /// Zero.
    #[error("rate must be greater than zero")]
    NotPositive,
}

impl florin_kernel::Broken for RateError {
    fn rule(&self) -> &'static str {
        match self {
            Self::Missing => "REQUIRED",
            Self::Malformed => "MALFORMED_RATE",
            Self::NotPositive => "NOT_POSITIVE",
        }
    }
}

impl Rate {
    /// Reads a decimal.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, RateError> {
        if text.is_empty() {
            return Err(RateError::Missing);
        }
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let shaped = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
        let bounded = (1..=MOST_DIGITS).contains(&whole.len()) && fraction.len() <= MOST_DIGITS;
        let pointed = !(text.contains('.') && fraction.is_empty());
        if !(shaped(whole) && shaped(fraction) && bounded && pointed) {
            return Err(RateError::Malformed);
        }
        let digits = format!("{whole}{fraction}").parse().map_err(|_| RateError::Malformed)?;
        let decimals = u32::try_from(fraction.len()).map_err(|_| RateError::Malformed)?;
        if digits == 0 {
            return Err(RateError::NotPositive);
        }
        Ok(Self { text: text.to_owned(), digits, decimals })
    }

    /// What an amount is worth in another currency, in its minor units, rounded half to even;
    /// None beyond 128 bits.
    #[must_use]
    pub fn convert_half_even(&self, sold: Money, into: Currency) -> Option<i128> {
        let value = i128::from(sold.minor()).checked_mul(self.digits)?;
        let up = 10_i128.checked_pow(into.exponent())?;
        let down = 10_i128.checked_pow(sold.currency().exponent().checked_add(self.decimals)?)?;
        // By the quotient, so that the way there stays within range.
        if up >= down {
            return value.checked_mul(up.checked_div(down)?);
        }
        let divisor = down.checked_div(up)?;
        let (quotient, rest) = (value.div_euclid(divisor), value.rem_euclid(divisor));
        let twice = rest.checked_mul(2)?;
        let above = twice > divisor || (twice == divisor && quotient.rem_euclid(2) == 1);
        quotient.checked_add(i128::from(above))
    }
}

/// As it was given: trailing zeros may be a bank's usage.
impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// One conversion: both amounts positive, in two currencies, that agree with the rate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversion {
    sold: Money,
    bought: Money,
    rate: Rate,
}

/// Why amounts and a rate make no conversion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ConversionError {
    /// The same currency twice.
    #[error("what is sold and what is bought are both in {0}")]
    OneCurrency(Currency),
    /// The amounts say another rate.
    #[error(
        "at this rate it is {expected} minor units, rounded half to even, give or take one, and at least one"
    )]
    Rate {
        /// What the rate gives, minor units of the bought currency.
        expected: i128,
    },
    /// No 128 bits hold it.
    #[error("at this rate it leaves the range of amounts")]
    OutOfRange,
}

impl Conversion {
    /// Checks currencies and rate.
    ///
    /// # Errors
    /// The rule broken.
    pub fn new(sold: Money, bought: Money, rate: Rate) -> Result<Self, ConversionError> {
        if sold.currency() == bought.currency() {
            return Err(ConversionError::OneCurrency(sold.currency()));
        }
        let expected = rate.convert_half_even(sold, bought.currency());
        let expected = expected.ok_or(ConversionError::OutOfRange)?;
        // Of what is worth nothing, nothing is bought: one unit would be any rate at all.
        if expected < 1 || expected.abs_diff(i128::from(bought.minor())) > TOLERANCE {
            return Err(ConversionError::Rate { expected });
        }
        Ok(Self { sold, bought, rate })
    }

    /// What the bank took in.
    #[must_use]
    pub const fn sold(&self) -> Money {
        self.sold
    }

    /// What the bank gave for it.
    #[must_use]
    pub const fn bought(&self) -> Money {
        self.bought
    }

    /// The rate.
    #[must_use]
    pub const fn rate(&self) -> &Rate {
        &self.rate
    }
}

/// Legs and conversions that do not tell the same of a currency's position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("legs on {POSITION_GL} in {currency} sum to {legs} minor units, the conversions to {told}")]
pub struct PositionMismatch {
    /// The currency.
    pub currency: Currency,
    /// Credits less debits of the legs.
    pub legs: i128,
    /// Sold less bought of the conversions.
    pub told: i128,
}

/// Checks that the legs on the position account are what the conversions say: what is sold is
/// its credit, what is bought its debit. Without a conversion the position of one currency may
/// change, as a result is realised, and never that of two.
///
/// # Errors
/// [`PositionMismatch`] for the first currency that differs.
pub fn agree(legs: &Legs, conversions: &[Conversion]) -> Result<(), PositionMismatch> {
    let mut nets: BTreeMap<Currency, i128> = BTreeMap::new();
    for leg in legs.as_slice() {
        if leg.target == Target::Gl(POSITION_GL.to_owned()) {
            *nets.entry(leg.amount.currency()).or_default() += i128::from(leg.amount.minor());
        }
    }
    if conversions.is_empty() && nets.len() <= 1 {
        return Ok(());
    }
    let mut told: BTreeMap<Currency, i128> = BTreeMap::new();
    for one in conversions {
        *told.entry(one.sold.currency()).or_default() += i128::from(one.sold.minor());
        *told.entry(one.bought.currency()).or_default() -= i128::from(one.bought.minor());
    }
    for currency in nets.keys().chain(told.keys()) {
        let net = |of: &BTreeMap<Currency, i128>| of.get(currency).copied().unwrap_or_default();
        let (legs, told) = (net(&nets), net(&told));
        if legs != told {
            return Err(PositionMismatch { currency: *currency, legs, told });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{super::posting::Leg, *};

    fn money(minor: i64, currency: &str) -> Money {
        Money::new(minor, currency.parse().expect("currency"))
    }

    fn rate(text: &str) -> Rate {
        Rate::parse(text).expect("rate")
    }

    #[test]
    fn a_rate_is_a_positive_decimal_of_ten_digits_before_and_after_the_point() {
        for text in ["25.3105", "1", "0.0000000001", "9999999999.9999999999", "025.10"] {
            assert_eq!(rate(text).to_string(), text);
        }
        for text in ["25,3", "-1", "+1", ".5", "5.", "1e3", " 1", "1.2.3", "12345678901", "१"] {
            assert_eq!(Rate::parse(text), Err(RateError::Malformed), "{text}");
        }
        assert_eq!(Rate::parse("1.00000000001"), Err(RateError::Malformed));
        assert_eq!(Rate::parse(""), Err(RateError::Missing));
        for zero in ["0", "0.00", "000"] {
            assert_eq!(Rate::parse(zero), Err(RateError::NotPositive));
        }
    }

    /// EUR has two decimals, JPY none, BHD three.
    #[test]
    fn an_amount_is_converted_by_minor_units_and_rounded_half_to_even() {
        for (minor, from, by, into, expected) in [
            (10_000, "EUR", "25.3105", "CZK", 253_105),
            (1, "EUR", "0.5", "CZK", 0),
            (3, "EUR", "0.5", "CZK", 2),
            (5, "EUR", "0.5", "CZK", 2),
            (5, "EUR", "0.5000000001", "CZK", 3),
            (100, "EUR", "163.5", "JPY", 164),
            (100, "EUR", "164.5", "JPY", 164),
            (163, "JPY", "0.0061", "EUR", 99),
            (1, "EUR", "0.41", "BHD", 4),
            (1, "BHD", "2.43", "EUR", 0),
            (
                1_000_000_000_000_000,
                "JPY",
                "9999999999.9999999999",
                "BHD",
                9_999_999_999_999_999_999_900_000_000,
            ),
        ] {
            let into = into.parse().expect("currency");
            let found = rate(by).convert_half_even(money(minor, from), into);
            assert_eq!(found, Some(expected), "{minor} {from} at {by}");
        }
    }

    #[test]
    fn the_amounts_agree_with_the_rate_within_one_minor_unit_of_what_is_bought() {
        let sold = money(10_000, "EUR");
        for bought in [253_104, 253_105, 253_106] {
            assert!(Conversion::new(sold, money(bought, "CZK"), rate("25.3105")).is_ok());
        }
        for bought in [253_103, 253_107] {
            let refused = Conversion::new(sold, money(bought, "CZK"), rate("25.3105"));
            assert_eq!(refused, Err(ConversionError::Rate { expected: 253_105 }));
        }
        let eur = "EUR".parse().expect("euro");
        let same = Conversion::new(sold, money(10_000, "EUR"), rate("1"));
        assert_eq!(same, Err(ConversionError::OneCurrency(eur)));
    }

    fn position(minor: i64, currency: &str) -> [Leg; 2] {
        let leg = |code: &str, minor| Leg {
            target: Target::Gl(code.to_owned()),
            amount: money(minor, currency),
            counterparty: String::new(),
        };
        [leg(POSITION_GL, minor), leg("1010", -minor)]
    }

    #[test]
    fn the_legs_on_the_position_account_are_those_of_the_conversions() {
        let one = |sold, bought, at| {
            Conversion::new(sold, bought, rate(at)).expect("agrees with its rate")
        };
        let euros_to_crowns = one(money(10_000, "EUR"), money(253_105, "CZK"), "25.3105");
        let crowns_to_francs = one(money(253_105, "CZK"), money(9_400, "CHF"), "0.03714");
        let legs = |parts: &[[Leg; 2]]| Legs::new(parts.concat()).expect("balanced");
        let both = legs(&[position(10_000, "EUR"), position(-253_105, "CZK")]);
        assert_eq!(agree(&both, std::slice::from_ref(&euros_to_crowns)), Ok(()));
        // By way of a third currency, whose position ends as it was.
        let across = legs(&[position(10_000, "EUR"), position(-9_400, "CHF")]);
        let chain = [euros_to_crowns.clone(), crowns_to_francs];
        assert_eq!(agree(&across, &chain), Ok(()));
        for (parts, conversions) in [
            (vec![position(10_000, "EUR"), position(-253_105, "CZK")], vec![]),
            (vec![position(10_000, "EUR")], vec![euros_to_crowns.clone()]),
            (
                vec![position(-10_000, "EUR"), position(253_105, "CZK")],
                vec![euros_to_crowns.clone()],
            ),
            (
                vec![position(10_000, "EUR"), position(-253_104, "CZK")],
                vec![euros_to_crowns.clone()],
            ),
            (
                vec![position(10_000, "EUR"), position(-253_105, "CZK")],
                vec![euros_to_crowns.clone(); 2],
            ),
        ] {
            assert!(agree(&legs(&parts), &conversions).is_err(), "{parts:?} {conversions:?}");
        }
        assert_eq!(agree(&legs(&[position(5, "EUR")]), &[]), Ok(()), "a result is realised");
    }
}
