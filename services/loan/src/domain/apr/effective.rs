//! The directives' annual percentage rate of charge.

use florin_kernel::{Date, Rate};

use super::{Flow, Flows, NoApr, counted_back, percentage, powers, root};
use crate::domain::{decimal::Decimal, period::Unit};

/// Terms of a power series that are added at most.
const MOST_TERMS: i128 = 60;

/// Time in years: whole units of which a year has so many, and days of a year of 365 or 366.
struct Time {
    whole: u32,
    days: u32,
    leap: bool,
    years: Decimal,
}

/// The rate X at which the sum of the advances over (1 + X) to the power of their times in years
/// equals that of the payments. With four decimals.
///
/// Times start at the first advance: point (b). They are whole months of a twelfth of a year,
/// weeks of a 52nd or years, as the payments are spaced; what is left are days, over the 365 or
/// 366 of the year that ends with them: point (c).
///
/// # Errors
/// Nothing is lent, less is paid than is lent, or the rate is above a thousand percent.
pub fn effective(flows: &Flows) -> Result<Rate, NoApr> {
    flows.check()?;
    let start = flows.start().ok_or(NoApr::NoCost)?;
    let unit = flows.spacing.unit();
    let timed = |all: &[Flow]| {
        let time = |flow: &Flow| Some((time(start, flow.on, unit)?, flow.amount));
        all.iter().map(time).collect::<Option<Vec<_>>>()
    };
    let advances = timed(&flows.advances).ok_or(NoApr::OutOfRange)?;
    let payments = timed(&flows.payments).ok_or(NoApr::OutOfRange)?;
    // Sought is the logarithm of 1 + X, of which present values are powers of e.
    let force = root(|force| {
        let (lent, lent_slope) = present(&advances, force, unit)?;
        let (paid, paid_slope) = present(&payments, force, unit)?;
        Some((lent.minus(&paid), lent_slope.minus(&paid_slope)))
    });
    let grown = exponential(&force.ok_or(NoApr::OutOfRange)?).ok_or(NoApr::OutOfRange)?;
    percentage(&grown.minus(&Decimal::one()))
}

const fn units_a_year(unit: Unit) -> i128 {
    match unit {
        Unit::Months => 12,
        Unit::Weeks => 52,
        // Days are counted as years and days.
        Unit::Days => 1,
    }
}

fn present(all: &[(Time, i64)], force: &Decimal, unit: Unit) -> Option<(Decimal, Decimal)> {
    let discount = |below: i128| {
        let exponent = force.over(&Decimal::whole(below))?;
        Decimal::one().over(&exponential(&exponent)?)
    };
    let last = all.iter().map(|(time, _)| time.whole).max().unwrap_or(0);
    let by_whole = powers(&discount(units_a_year(unit))?, last);
    let most_days = all.iter().map(|(time, _)| time.days).max().unwrap_or(0);
    let by_day = powers(&discount(365)?, most_days);
    let by_leap_day = powers(&discount(366)?, most_days);
    let (mut value, mut slope) = (Decimal::zero(), Decimal::zero());
    for (time, amount) in all {
        let by_days = if time.leap { &by_leap_day } else { &by_day };
        let discount = by_whole
            .get(usize::try_from(time.whole).ok()?)?
            .times(by_days.get(usize::try_from(time.days).ok()?)?);
        let one = Decimal::whole((*amount).into()).times(&discount);
        slope = slope.minus(&one.times(&time.years));
        value = value.plus(&one);
    }
    Some((value, slope))
}

fn time(start: Date, on: Date, unit: Unit) -> Option<Time> {
    let (whole, days) = match unit {
        Unit::Months | Unit::Weeks => counted_back(start, on, unit)?,
        Unit::Days => {
            let (months, _) = counted_back(start, on, Unit::Months)?;
            let years = months / 12;
            let back = jiff::Span::new().try_years(i64::from(years)).ok()?;
            (years, super::days(start, on.checked_sub(back).ok()?.max(start))?)
        }
    };
    let end = start.checked_add(jiff::Span::new().try_days(i64::from(days)).ok()?).ok()?;
    let before = end.checked_sub(jiff::Span::new().try_years(1).ok()?).ok()?;
    let leap = super::days(before, end)? == 366;
    let year = if leap { 366 } else { 365 };
    let years =
        Decimal::ratio(whole.into(), units_a_year(unit))?.plus(&Decimal::ratio(days.into(), year)?);
    Some(Time { whole, days, leap, years })
}

/// e to a power, by its series for a 16th of it.
fn exponential(power: &Decimal) -> Option<Decimal> {
    let small = power.over(&Decimal::whole(16))?;
    let smallest = Decimal::ratio(1, 10_i128.checked_pow(34)?)?;
    let (mut sum, mut term) = (Decimal::one(), Decimal::one());
    for count in 1..=MOST_TERMS {
        term = term.times(&small).over(&Decimal::whole(count))?;
        sum = sum.plus(&term);
        if term.magnitude() < smallest {
            break;
        }
    }
    for _ in 0..4 {
        sum = sum.times(&sum);
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_series_gives_e() {
        let e = exponential(&Decimal::one()).expect("in range");
        let known = Decimal::ratio(2_718_281_828_459_045_235_360_287_471, 10_i128.pow(27));
        let off = e.minus(&known.expect("not over zero")).magnitude();
        assert!(off < Decimal::ratio(1, 10_i128.pow(26)).expect("not over zero"));
        assert_eq!(exponential(&Decimal::zero()), Some(Decimal::one()));
    }
}
