//! Regulation Z, Appendix J: the actuarial method.

use florin_kernel::{Date, Rate};

use super::{Flows, NoApr, counted_back, days, percentage, powers, root};
use crate::domain::{
    decimal::Decimal,
    period::{Spacing, Unit},
};

/// Days of a month, where a part of one is counted: (b)(5)(ii).
const MONTH: i128 = 30;

/// A distance in unit-periods: whole ones, and a part of one.
struct Distance {
    whole: u32,
    part: Decimal,
}

/// The nominal rate that Appendix J calls annual percentage rate: the rate of a unit-period, with
/// which part of one bears simple interest, times the unit-periods in a year (equation (b)(8)).
/// With four decimals.
///
/// The unit-period is the distance of the payments, of which most are equal: (b)(4)(i). Where
/// there is one advance and one payment it is the term, in months or else days, of a year at
/// most: (b)(4)(ii).
///
/// # Errors
/// Nothing is lent, less is paid than is lent, or the rate is above a thousand percent.
pub fn actuarial(flows: &Flows) -> Result<Rate, NoApr> {
    flows.check()?;
    let (unit, per_year) = unit_period(flows).ok_or(NoApr::OutOfRange)?;
    let start = flows.start().ok_or(NoApr::NoCost)?;
    let measured = |all: &[super::Flow]| {
        let measure = |flow: &super::Flow| Some((distance(start, flow.on, unit)?, flow.amount));
        all.iter().map(measure).collect::<Option<Vec<_>>>()
    };
    let advances = measured(&flows.advances).ok_or(NoApr::OutOfRange)?;
    let payments = measured(&flows.payments).ok_or(NoApr::OutOfRange)?;
    let rate = root(|rate| {
        let (lent, lent_slope) = present(&advances, rate)?;
        let (paid, paid_slope) = present(&payments, rate)?;
        Some((lent.minus(&paid), lent_slope.minus(&paid_slope)))
    });
    percentage(&rate.ok_or(NoApr::OutOfRange)?.times(&per_year))
}

/// The present value of amounts at the rate of a unit-period, and its slope.
fn present(all: &[(Distance, i64)], rate: &Decimal) -> Option<(Decimal, Decimal)> {
    let last = all.iter().map(|(distance, _)| distance.whole).max().unwrap_or(0);
    let grown = Decimal::one().plus(rate);
    let discounts = powers(&Decimal::one().over(&grown)?, last);
    let (mut value, mut slope) = (Decimal::zero(), Decimal::zero());
    for (distance, amount) in all {
        let simple = Decimal::one().plus(&distance.part.times(rate));
        let discount = discounts.get(usize::try_from(distance.whole).ok()?)?;
        let one = Decimal::whole((*amount).into()).times(discount).over(&simple)?;
        let by_whole = Decimal::whole(distance.whole.into()).over(&grown)?;
        let by_part = distance.part.over(&simple)?;
        slope = slope.minus(&one.times(&by_whole.plus(&by_part)));
        value = value.plus(&one);
    }
    Some((value, slope))
}

/// The unit-period, and how many there are in a year. Seven days are a week, of which a year has
/// 52: (b)(3)(iii) and (b)(5)(iv).
fn unit_period(flows: &Flows) -> Option<(Spacing, Decimal)> {
    let spacing = match flows.payments.as_slice() {
        [single] if flows.advances.len() == 1 => term(flows.start()?, single.on)?,
        _ => match (flows.spacing.unit(), i64::from(flows.spacing.every())) {
            (Unit::Days, days) if days % 7 == 0 => Spacing::new(days / 7, Unit::Weeks)?,
            (Unit::Days | Unit::Weeks | Unit::Months, _) => flows.spacing,
        },
    };
    let units_a_year = match spacing.unit() {
        Unit::Days => 365,
        Unit::Weeks => 52,
        Unit::Months => 12,
    };
    Some((spacing, Decimal::ratio(units_a_year, spacing.every().into())?))
}

/// The term of one advance and one payment, a year at most.
fn term(start: Date, end: Date) -> Option<Spacing> {
    let (months, rest) = counted_back(start, end, Unit::Months)?;
    if months >= 12 {
        return Spacing::new(12, Unit::Months);
    }
    if rest == 0 {
        return Spacing::new(months.into(), Unit::Months);
    }
    Spacing::new(days(start, end)?.into(), Unit::Days)
}

/// Full unit-periods, counted back from the later date, and the part of one that is left: months
/// and thirtieths of them, or days; of a year twelfths where whole months are left, or else days
/// over 365: (b)(5).
fn distance(start: Date, on: Date, unit: Spacing) -> Option<Distance> {
    let every = u32::from(unit.every());
    let (whole, rest, below) = match unit.unit() {
        Unit::Months => {
            let (months, rest) = counted_back(start, on, Unit::Months)?;
            if every == 12 && rest != 0 {
                let years = months / every;
                let back = jiff::Span::new().try_years(i64::from(years)).ok()?;
                let left = days(start, on.checked_sub(back).ok()?)?;
                return Some(Distance { whole: years, part: Decimal::ratio(left.into(), 365)? });
            }
            let left = MONTH.checked_mul((months % every).into())?.checked_add(rest.into())?;
            (months / every, left, MONTH.checked_mul(every.into())?)
        }
        Unit::Weeks => {
            let (count, length) = (days(start, on)?, every.checked_mul(7)?);
            (count / length, (count % length).into(), length.into())
        }
        Unit::Days => {
            let count = days(start, on)?;
            (count / every, (count % every).into(), every.into())
        }
    };
    Some(Distance { whole, part: Decimal::ratio(rest, below)? })
}
