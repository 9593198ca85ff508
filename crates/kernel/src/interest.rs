//! Interest by the day, in decimals of ten places. Each day's interest is rounded half to even to
//! ten places by itself, over its own part of the year ([`DayCount::of_day`]), and the days are
//! added exactly: the total is the same however they are divided into runs. [`Accrued::over`] of
//! a longer part rounds once and may differ from the sum of its days.

use std::{cmp::Ordering, fmt, str::FromStr};

use jiff::civil::Date;

use crate::{Currency, DayCount, YearFraction};

/// Decimals of a percentage.
const PERCENT_DECIMALS: usize = 6;
/// Units of a rate in one percent.
const PER_PERCENT: i64 = 1_000_000;
/// The greatest rate: a thousand percent a year.
const GREATEST: i64 = 1_000 * PER_PERCENT;
/// Units of an [`Accrued`] in one unit of the currency: ten places.
const PER_UNIT: i128 = 10_000_000_000;

/// A part of an amount (of a year's interest, of a fee), in percent with six decimals; from zero
/// to a thousand percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Rate(i64);

/// The text is no rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a percentage from 0 to 1000 with at most 6 decimals, such as 1.25")]
pub struct NoRate;

impl NoRate {
    pub(crate) const fn rule_name(&self) -> &'static str {
        "MALFORMED_RATE"
    }
}

impl Rate {
    /// Of millionths of a percent; None below zero or above a thousand percent.
    #[must_use]
    pub const fn from_units(units: i64) -> Option<Self> {
        if units < 0 || units > GREATEST { None } else { Some(Self(units)) }
    }

    /// Millionths of a percent, 10^-8 of the whole.
    #[must_use]
    pub const fn units(self) -> i64 {
        self.0
    }

    /// This part of an amount in minor units, rounded half to even; None beyond 64 bits.
    #[must_use]
    pub fn of(self, minor: i64) -> Option<i64> {
        let product = i128::from(minor).checked_mul(i128::from(self.0))?;
        i64::try_from(half_even(product, i128::from(PER_PERCENT) * 100)?).ok()
    }
}

impl FromStr for Rate {
    type Err = NoRate;

    fn from_str(percent: &str) -> Result<Self, NoRate> {
        let units = scaled(percent, PERCENT_DECIMALS).ok_or(NoRate)?;
        i64::try_from(units).ok().and_then(Self::from_units).ok_or(NoRate)
    }
}

/// The percentage, without needless zeros: `1.25`.
impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / PER_PERCENT, self.0 % PER_PERCENT);
        let text = format!("{whole}.{rest:06}");
        f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

/// Interest that has accrued: a decimal of ten places of the currency's unit (not its minor
/// unit).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Accrued(i128);

/// The text is no decimal of ten places.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a decimal of at most ten places")]
pub struct NoDecimal;

impl Accrued {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// The interest of a part of a year: of `weighted`, the sum of amounts in minor units times
    /// their rates in [`Rate::units`]. Rounded half to even to ten places; None beyond the range.
    #[must_use]
    pub fn over(weighted: i128, part: YearFraction, currency: Currency) -> Option<Self> {
        // A rate's unit is 10^-8, so 10^10 of the result over it leaves 10^2.
        let above = weighted.checked_mul(i128::from(part.numerator))?.checked_mul(100)?;
        let below =
            i128::from(part.denominator).checked_mul(10_i128.checked_pow(currency.exponent())?)?;
        half_even(above, below).map(Self)
    }

    /// The sum; None beyond the range.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// Rounded to minor units of a currency, half to even; None beyond 64 bits.
    #[must_use]
    pub fn rounded(self, currency: Currency) -> Option<i64> {
        let below = PER_UNIT.checked_div(10_i128.checked_pow(currency.exponent())?)?;
        i64::try_from(half_even(self.0, below)?).ok()
    }
}

impl FromStr for Accrued {
    type Err = NoDecimal;

    fn from_str(text: &str) -> Result<Self, NoDecimal> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let units = scaled(digits, 10).ok_or(NoDecimal)?;
        Ok(Self(if digits.len() < text.len() { -units } else { units }))
    }
}

/// With all ten places: `-0.0500000000`.
impl fmt::Display for Accrued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = self.0.unsigned_abs();
        let (whole, rest) = (units / PER_UNIT.unsigned_abs(), units % PER_UNIT.unsigned_abs());
        let sign = if self.0 < 0 { "-" } else { "" };
        write!(f, "{sign}{whole}.{rest:010}")
    }
}

impl DayCount {
    /// The part of a year from a day to the next: the difference of the fractions from the first
    /// of its month, so that the days of a month of 30 add up to it. None at the calendar's end.
    #[must_use]
    pub fn of_day(self, day: Date) -> Option<YearFraction> {
        let first = day.first_of_month();
        let until = self.year_fraction(first, day.tomorrow().ok()?).ok()?;
        let before = self.year_fraction(first, day).ok()?;
        let numerator = until.numerator.checked_sub(before.numerator)?;
        Some(YearFraction { numerator, ..until })
    }
}

/// The digits of a decimal with at most so many places, shifted to a whole number.
fn scaled(text: &str, places: usize) -> Option<i128> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || fraction.len() > places {
        return None;
    }
    format!("{whole}{fraction:0<places$}").parse().ok()
}

/// The quotient, rounded half to even; `below` is positive. None beyond the range.
fn half_even(above: i128, below: i128) -> Option<i128> {
    let (quotient, rest) = (above.checked_div_euclid(below)?, above.checked_rem_euclid(below)?);
    let up = match rest.checked_mul(2)?.cmp(&below) {
        Ordering::Less => false,
        Ordering::Equal => quotient % 2 != 0,
        Ordering::Greater => true,
    };
    if up { quotient.checked_add(1) } else { Some(quotient) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn currency(code: &str) -> Currency {
        code.parse().expect(code)
    }

    #[test]
    fn rates_are_percentages_of_six_decimals() {
        for (text, units) in
            [("0", 0), ("1.25", 1_250_000), ("0.000001", 1), ("1000", GREATEST), ("3.0", 3_000_000)]
        {
            assert_eq!(text.parse(), Ok(Rate(units)), "{text}");
        }
        assert_eq!(Rate(1_250_000).to_string(), "1.25");
        assert_eq!(Rate(10_000_000).to_string(), "10");
        assert_eq!(Rate(0).to_string(), "0");
        for text in ["", "-1", "1.", ".5", "1e2", "1000.000001", "0.0000001", "+1", " 1"] {
            assert_eq!(text.parse::<Rate>(), Err(NoRate), "{text}");
        }
        assert_eq!((Rate::from_units(-1), Rate::from_units(GREATEST + 1)), (None, None));
    }

    #[test]
    fn a_part_of_an_amount_is_rounded_half_to_even() {
        let half = "50".parse::<Rate>().expect("a rate");
        for (minor, part) in [(1, 0), (3, 2), (5, 2), (7, 4), (-1, 0), (-3, -2), (100, 50)] {
            assert_eq!(half.of(minor), Some(part), "{minor}");
        }
        assert_eq!(Rate(GREATEST).of(i64::MAX), None);
    }

    #[test]
    fn a_years_days_add_up_to_the_years_interest_in_each_convention() {
        for convention in DayCount::ALL {
            let mut day = Date::constant(2027, 1, 1);
            let mut sum = Accrued::ZERO;
            let mut counted = 0;
            while day < Date::constant(2028, 1, 1) {
                let part = convention.of_day(day).expect("within the calendar");
                assert!(part.numerator >= 0, "{convention} {day}");
                counted += part.numerator;
                // 3,600.00 EUR at 3.65 %.
                let weighted = 360_000 * i128::from(3_650_000);
                let one = Accrued::over(weighted, part, currency("EUR")).expect("in range");
                sum = sum.checked_add(one).expect("in range");
                day = day.tomorrow().expect("within the calendar");
            }
            let whole = convention
                .year_fraction(Date::constant(2027, 1, 1), Date::constant(2028, 1, 1))
                .expect("forwards");
            assert_eq!(counted, whole.numerator, "{convention}");
            let expected = if *convention == DayCount::Act360 { 13_322 } else { 13_140 };
            assert_eq!(sum.rounded(currency("EUR")), Some(expected), "{convention}: {sum}");
        }
        assert_eq!(DayCount::Act360.of_day(Date::MAX), None);
    }

    #[test]
    fn the_days_of_every_month_add_up_to_it_in_each_convention() {
        for convention in DayCount::ALL {
            for (year, month) in [(2027, 1), (2027, 2), (2028, 2), (2027, 4), (2027, 12)] {
                let first = Date::constant(year, month, 1);
                let next = first.last_of_month().tomorrow().expect("within the calendar");
                let days = first.series(jiff::Span::new().days(1)).take_while(|day| *day < next);
                let sum: i64 =
                    days.map(|day| convention.of_day(day).expect("a day").numerator).sum();
                let whole = convention.year_fraction(first, next).expect("forwards");
                assert_eq!(sum, whole.numerator, "{convention} {first}");
            }
        }
    }

    #[test]
    fn accrued_interest_is_written_with_ten_places_and_read_back() {
        for (text, units) in [
            ("0.0000000000", 0),
            ("-0.0500000000", -500_000_000),
            ("12.3456789012", 123_456_789_012),
            ("-17014118346046923173168730371.5884105728", i128::MIN),
        ] {
            if units != i128::MIN {
                assert_eq!(text.parse(), Ok(Accrued(units)));
            }
            assert_eq!(Accrued(units).to_string(), text);
        }
        for text in ["", "-", "1.00000000001", "x", "--1"] {
            assert_eq!(text.parse::<Accrued>(), Err(NoDecimal), "{text}");
        }
    }

    #[test]
    fn what_is_booked_is_rounded_half_to_even_to_the_digits_of_the_currency() {
        for (text, code, minor) in [
            ("0.005", "EUR", 0),
            ("0.015", "EUR", 2),
            ("0.0150000001", "EUR", 2),
            ("0.0049999999", "EUR", 0),
            ("-0.015", "EUR", -2),
            ("-0.005", "EUR", 0),
            ("2.5", "JPY", 2),
            ("0.0005", "KWD", 0),
            ("0.00015", "CLF", 2),
        ] {
            let accrued: Accrued = text.parse().expect(text);
            assert_eq!(accrued.rounded(currency(code)), Some(minor), "{text} {code}");
        }
        assert_eq!(Accrued(i128::MAX).rounded(currency("EUR")), None);
        assert_eq!(Accrued(i128::MAX).checked_add(Accrued(1)), None);
        let part = YearFraction { numerator: 1, denominator: 360 };
        assert_eq!(Accrued::over(i128::MAX, part, currency("EUR")), None);
    }
}
