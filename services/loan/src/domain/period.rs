//! Periods of a schedule: when instalments fall due, and which part of a year lies between.

use std::{fmt, str::FromStr};

use florin_kernel::{Broken, Date, DayCount, Rate, YearFraction};
use jiff::Span;

use super::decimal::Decimal;

/// What the distance of two instalments is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Calendar days.
    Days,
    /// Weeks of seven days.
    Weeks,
    /// Months of the calendar; a day that a month lacks is its last.
    Months,
}

/// The distance of two instalments: so many units, from one to [`Spacing::most`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spacing {
    every: u16,
    unit: Unit,
}

impl Spacing {
    /// The greatest distance in a unit: a year.
    #[must_use]
    pub const fn most(unit: Unit) -> u16 {
        match unit {
            Unit::Days => 366,
            Unit::Weeks => 52,
            Unit::Months => 12,
        }
    }

    /// A distance; None where it is zero or more than a year.
    #[must_use]
    pub fn new(every: i64, unit: Unit) -> Option<Self> {
        let every = u16::try_from(every).ok()?;
        (1..=Self::most(unit)).contains(&every).then_some(Self { every, unit })
    }

    /// How many units.
    #[must_use]
    pub const fn every(self) -> u16 {
        self.every
    }

    /// The unit.
    #[must_use]
    pub const fn unit(self) -> Unit {
        self.unit
    }

    /// The date so many distances after another. It is reckoned from that date, never from the
    /// one before: from 31 January come 29 February and 31 March. None after the calendar's end.
    #[must_use]
    pub fn after(self, anchor: Date, count: u32) -> Option<Date> {
        let units = i64::from(self.every) * i64::from(count);
        let span = match self.unit {
            Unit::Days => Span::new().try_days(units),
            Unit::Weeks => Span::new().try_weeks(units),
            Unit::Months => Span::new().try_months(units),
        };
        anchor.checked_add(span.ok()?).ok()
    }
}

/// How a period becomes a part of a year.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// 30/360: a month has 30 days, a year 360. A period of whole months counts 30 days each
    /// whatever the calendar has; days and weeks count as they are; a first period of another
    /// length is counted as [`DayCount::Thirty360Isda`].
    Thirty360,
    /// Actual days over 360.
    Act360,
    /// Actual days over 364 (52 weeks).
    Act364,
    /// Actual days over 365, in leap years too.
    Act365F,
    /// Actual days over those of the calendar year they lie in. The first day of a period does
    /// not count and its last does, so a period is split at 31 December. [`DayCount::ActActIsda`]
    /// counts the first and not the last: a day later it says the same.
    ActAct,
}

/// No basis has this name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be one of 30/360, ACT/360, ACT/364, ACT/365F, ACT/ACT")]
pub struct UnknownBasis;

impl Broken for UnknownBasis {
    fn rule(&self) -> &'static str {
        "UNKNOWN_DAY_COUNT"
    }
}

impl Basis {
    /// Every basis.
    pub const ALL: &'static [Self] =
        &[Self::Thirty360, Self::Act360, Self::Act364, Self::Act365F, Self::ActAct];

    /// The name by which it is known and stored.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Thirty360 => "30/360",
            Self::Act360 => "ACT/360",
            Self::Act364 => "ACT/364",
            Self::Act365F => "ACT/365F",
            Self::ActAct => "ACT/ACT",
        }
    }

    /// The part of a year between two dates; None where the second is before the first. The
    /// denominator depends on the basis alone.
    #[must_use]
    pub fn between(self, from: Date, until: Date) -> Option<YearFraction> {
        let of = |count: DayCount| count.year_fraction(from, until).ok();
        match self {
            Self::Thirty360 => of(DayCount::Thirty360Isda),
            Self::Act360 => of(DayCount::Act360),
            Self::Act364 => Some(YearFraction { denominator: 364, ..of(DayCount::Act360)? }),
            Self::Act365F => of(DayCount::Act365F),
            Self::ActAct => {
                let (from, until) = (from.tomorrow().ok()?, until.tomorrow().ok()?);
                DayCount::ActActIsda.year_fraction(from, until).ok()
            }
        }
    }
}

impl fmt::Display for Basis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Basis {
    type Err = UnknownBasis;

    fn from_str(name: &str) -> Result<Self, UnknownBasis> {
        Self::ALL.iter().copied().find(|one| one.name() == name).ok_or(UnknownBasis)
    }
}

/// A period: it bears interest from a date until the instalment falls due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    from: Date,
    due: Date,
    basis: Basis,
    part: YearFraction,
    free: bool,
}

impl Period {
    /// The periods of a schedule: the first begins on a date and ends on the first due date, or
    /// one distance later. `free` of them bear no interest. None after the calendar's end, or
    /// where the first due date is not after the start.
    #[must_use]
    pub fn all(
        (start, first_due): (Date, Option<Date>),
        (spacing, basis): (Spacing, Basis),
        (count, free): (u32, u32),
    ) -> Option<Vec<Self>> {
        let regular = spacing.after(start, 1)?;
        let mut periods = Vec::new();
        let mut from = start;
        for number in 0..count {
            // A first due date that is one distance away keeps the start as the anchor, so that
            // from 31 January on the months' last days stay.
            let due = match first_due.filter(|first| *first != regular) {
                None => spacing.after(start, number.checked_add(1)?)?,
                Some(first) => spacing.after(first, number)?,
            };
            if due <= from {
                return None;
            }
            let odd = number == 0 && due != regular;
            let part = part_of(basis, spacing, (from, due), odd)?;
            periods.push(Self { from, due, basis, part, free: number < free });
            from = due;
        }
        Some(periods)
    }

    /// The day from which it bears interest.
    #[must_use]
    pub const fn from(&self) -> Date {
        self.from
    }

    /// The day on which the instalment falls due; the next period begins with it.
    #[must_use]
    pub const fn due(&self) -> Date {
        self.due
    }

    /// Days of the calendar in it.
    #[must_use]
    pub fn days(&self) -> i64 {
        days(self.from, self.due)
    }

    /// What one unit of principal bears over the period at a yearly rate.
    #[must_use]
    pub fn factor(&self, rate: Rate) -> Option<Decimal> {
        if self.free {
            return Some(Decimal::zero());
        }
        // A rate's unit is 10^-8 of the whole.
        let yearly = Decimal::ratio(rate.units().into(), 100_000_000)?;
        let part = Decimal::ratio(self.part.numerator.into(), self.part.denominator.into())?;
        Some(yearly.times(&part))
    }

    /// The weight of the days from a date until another within it, against [`Period::weight`] of
    /// the whole. Weights add up however the period is split: of 30/360 they are actual days.
    #[must_use]
    pub fn weight_between(&self, from: Date, until: Date) -> i128 {
        let (from, until) = (from.max(self.from), until.min(self.due));
        if until <= from {
            return 0;
        }
        match self.basis {
            Basis::ActAct => {
                self.basis.between(from, until).map_or(0, |part| i128::from(part.numerator))
            }
            Basis::Thirty360 | Basis::Act360 | Basis::Act364 | Basis::Act365F => {
                i128::from(days(from, until))
            }
        }
    }

    /// The weight of the whole period; positive.
    #[must_use]
    pub fn weight(&self) -> i128 {
        self.weight_between(self.from, self.due)
    }
}

fn days(from: Date, until: Date) -> i64 {
    DayCount::Act360.year_fraction(from, until).map_or(0, |part| part.numerator)
}

fn part_of(
    basis: Basis,
    spacing: Spacing,
    (from, due): (Date, Date),
    odd: bool,
) -> Option<YearFraction> {
    match (basis, spacing.unit()) {
        (Basis::Thirty360, Unit::Months) if !odd => {
            Some(YearFraction { numerator: 30 * i64::from(spacing.every()), denominator: 360 })
        }
        (Basis::Thirty360, Unit::Days | Unit::Weeks) => Basis::Act360.between(from, due),
        (Basis::Thirty360 | Basis::Act360 | Basis::Act364 | Basis::Act365F | Basis::ActAct, _) => {
            basis.between(from, due)
        }
    }
}

#[cfg(test)]
mod tests;
