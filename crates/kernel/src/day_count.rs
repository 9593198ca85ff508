//! Day-count conventions: which part of a year lies between two dates, as an exact fraction.
//!
//! Sources: ISDA 2006 Definitions section 4.16 (ACT/ACT ISDA is (b), ACT/365F (d), ACT/360 (e),
//! 30/360 (f), 30E/360 (g)); the Bond Market Association (PSA) for its own 30/360; NL/365 as
//! "No Leap" of the market.

use std::{fmt, str::FromStr};

use jiff::civil::Date;

/// How days are counted, and against how long a year.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DayCount {
    /// Actual days; those of leap years over 366, the others over 365.
    ActActIsda,
    /// Actual days over 360.
    Act360,
    /// Actual days over 365, in leap years too ("fixed").
    Act365F,
    /// Actual days without any 29 February, over 365.
    Nl365,
    /// Months of 30 days; the 31st counts as the 30th at the start, and at the end where the
    /// start is then the 30th ("bond basis").
    Thirty360Isda,
    /// As [`DayCount::Thirty360Isda`], and the last day of February counts as the 30th at the
    /// start.
    Thirty360Psa,
    /// Months of 30 days; a 31st counts as the 30th on either side ("Eurobond basis").
    ThirtyE360,
}

/// No convention has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be one of {}", names())]
pub struct UnknownDayCount;

impl UnknownDayCount {
    pub(crate) const fn rule_name(&self) -> &'static str {
        "UNKNOWN_DAY_COUNT"
    }
}

/// The period ends before it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the period from {start} to {end} ends before it starts")]
pub struct NegativePeriod {
    /// The first day.
    pub start: Date,
    /// The day after the last.
    pub end: Date,
}

/// A part of a year (or more than one): `numerator / denominator`, in no lowest terms; not
/// negative, the denominator positive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct YearFraction {
    /// Above the line; below 2^32.
    pub numerator: i64,
    /// Below it: 360, 365, or 365 * 366.
    pub denominator: i64,
}

impl DayCount {
    /// Every convention.
    pub const ALL: &'static [Self] = &[
        Self::ActActIsda,
        Self::Act360,
        Self::Act365F,
        Self::Nl365,
        Self::Thirty360Isda,
        Self::Thirty360Psa,
        Self::ThirtyE360,
    ];

    /// The name by which it is known and stored.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ActActIsda => "ACT/ACT ISDA",
            Self::Act360 => "ACT/360",
            Self::Act365F => "ACT/365F",
            Self::Nl365 => "NL/365",
            Self::Thirty360Isda => "30/360 ISDA",
            Self::Thirty360Psa => "30/360 PSA",
            Self::ThirtyE360 => "30E/360",
        }
    }

    /// The part of a year from `start` to `end`, of which the first counts and the last does
    /// not. For a split period take differences of fractions from one start: the parts of a
    /// month of 30 days do not add up.
    ///
    /// # Errors
    /// [`NegativePeriod`].
    pub fn year_fraction(self, start: Date, end: Date) -> Result<YearFraction, NegativePeriod> {
        if end < start {
            return Err(NegativePeriod { start, end });
        }
        let of = |numerator, denominator| Ok(YearFraction { numerator, denominator });
        match self {
            Self::ActActIsda => {
                let (common, leap) = by_kind_of_year(start, end);
                of(common * 366 + leap * 365, 365 * 366)
            }
            Self::Act360 => of(days(start, end), 360),
            Self::Act365F => of(days(start, end), 365),
            Self::Nl365 => of(days(start, end) - leap_days(start, end), 365),
            Self::Thirty360Isda => {
                let first = start.day().min(30);
                let last = if first == 30 { end.day().min(30) } else { end.day() };
                of(thirty(start, first, end, last), 360)
            }
            Self::Thirty360Psa => {
                let february = start.month() == 2 && start.day() == start.days_in_month();
                let first = if february { 30 } else { start.day().min(30) };
                let last = if first == 30 { end.day().min(30) } else { end.day() };
                of(thirty(start, first, end, last), 360)
            }
            Self::ThirtyE360 => of(thirty(start, start.day().min(30), end, end.day().min(30)), 360),
        }
    }
}

impl fmt::Display for DayCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for DayCount {
    type Err = UnknownDayCount;

    fn from_str(name: &str) -> Result<Self, UnknownDayCount> {
        Self::ALL.iter().copied().find(|one| one.name() == name).ok_or(UnknownDayCount)
    }
}

fn names() -> String {
    let names: Vec<_> = DayCount::ALL.iter().map(|one| one.name()).collect();
    names.join(", ")
}

/// Days of the proleptic Gregorian calendar from 0000-01-01.
fn ordinal(date: Date) -> i64 {
    let year = i64::from(date.year());
    let before = year - 1;
    // The year 0 is a leap year.
    let leaps = before.div_euclid(4) - before.div_euclid(100) + before.div_euclid(400) + 1;
    year * 365 + leaps + i64::from(date.day_of_year())
}

fn days(start: Date, end: Date) -> i64 {
    ordinal(end) - ordinal(start)
}

/// Days in common years, and days in leap years.
fn by_kind_of_year(start: Date, end: Date) -> (i64, i64) {
    let (mut common, mut leap) = (0, 0);
    let mut from = start;
    while from < end {
        let next = first_of_next_year(from).filter(|next| *next < end).unwrap_or(end);
        let count = days(from, next);
        if from.in_leap_year() {
            leap += count
        } else {
            common += count
        }
        from = next;
    }
    (common, leap)
}

/// None after the last year of the calendar.
fn first_of_next_year(date: Date) -> Option<Date> {
    Date::new(date.year().checked_add(1)?, 1, 1).ok()
}

/// How many 29ths of February are after `start` and not after `end`.
fn leap_days(start: Date, end: Date) -> i64 {
    let until = |date: Date| {
        let leaps = |year: i64| year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
        let year = i64::from(date.year());
        let passed = date.in_leap_year() && date.day_of_year() >= 60;
        leaps(year - 1) + i64::from(passed)
    };
    until(end) - until(start)
}

/// Days between two dates whose months have 30, the days of the month as given.
fn thirty(start: Date, first: i8, end: Date, last: i8) -> i64 {
    let years = i64::from(end.year()) - i64::from(start.year());
    let months = i64::from(end.month()) - i64::from(start.month());
    // From the 30th to the 29th of the same February there is no day.
    (years * 360 + months * 30 + i64::from(last) - i64::from(first)).max(0)
}

#[cfg(test)]
mod tests;
