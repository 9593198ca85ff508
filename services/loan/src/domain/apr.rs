//! The annual percentage rate of a loan, by the two laws that define it.
//!
//! [`effective`]: Directive (EU) 2023/2225 on consumer credit, Annex III, the same equation as
//! Directive 2008/48/EC, Annex I. [`actuarial`]: Regulation Z (12 CFR part 1026), Appendix J.
//!
//! Both are the rate at which what is lent and what is paid have one present value. It is sought
//! by Newton's method in decimals of 34 digits until a step is below 10^-15
//! ([`TOLERANCE_DIGITS`]), from zero upwards.

use florin_kernel::{Date, Rate};

use super::{
    decimal::Decimal,
    period::{Spacing, Unit},
    plan::Plan,
};

mod actuarial;
mod effective;

pub use actuarial::actuarial;
pub use effective::effective;

/// A step below ten to the minus so many ends the search.
pub const TOLERANCE_DIGITS: u32 = 15;
/// Most steps of the search.
const MOST_STEPS: u32 = 200;

/// An amount on a day, minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flow {
    /// The day.
    pub on: Date,
    /// Not negative.
    pub amount: i64,
}

/// What is lent and what is paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flows {
    advances: Vec<Flow>,
    payments: Vec<Flow>,
    spacing: Spacing,
}

/// Why there is no rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoApr {
    /// Nothing is paid out first: the fee that is kept back takes all of it.
    #[error("the fee that is kept back leaves nothing to be paid out")]
    NothingPaidOut,
    /// Less is paid than is lent, or nothing is lent.
    #[error("what is paid is not at least what is lent")]
    NoCost,
    /// Above a thousand percent.
    #[error("the annual percentage rate is above 1000 percent")]
    OutOfRange,
}

/// What a loan costs its borrower.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// All interest, minor units.
    pub interest: i64,
    /// All fees that are known beforehand: kept back, and with the instalments.
    pub fees: i64,
    /// Their sum: the total cost of the credit (Directive (EU) 2023/2225, article 3).
    pub total: i64,
    /// Total cost and total amount of the credit: the total amount payable.
    pub payable: i64,
}

impl Flows {
    /// Of advances and payments, and the distance of the payments. Payments on the day of the
    /// first advance lessen it.
    #[must_use]
    pub fn new(mut advances: Vec<Flow>, payments: Vec<Flow>, spacing: Spacing) -> Self {
        advances.sort_by_key(|flow| flow.on);
        let mut payments: Vec<Flow> =
            payments.into_iter().filter(|flow| flow.amount != 0).collect();
        payments.sort_by_key(|flow| flow.on);
        if let Some(first) = advances.first_mut() {
            let same = payments.iter().filter(|flow| flow.on == first.on);
            first.amount = first.amount.saturating_sub(same.map(|flow| flow.amount).sum());
            let on = first.on;
            payments.retain(|flow| flow.on != on);
        }
        Self { advances, payments, spacing }
    }

    /// Of a plan: each disbursement less the fee that is kept back, and the schedule.
    #[must_use]
    pub fn of(plan: &Plan) -> Option<Self> {
        let upfront = plan.terms().fees.upfront;
        let advance = |(on, amount): (Date, i64)| {
            Some(Flow { on, amount: amount.checked_sub(upfront.of(amount)?)? })
        };
        let advances = plan.disbursements().map(advance).collect::<Option<Vec<_>>>()?;
        let schedule = plan.schedule();
        let paid = schedule.iter().map(|line| Flow { on: line.due, amount: line.due_amount() });
        Some(Self::new(advances, paid.collect(), plan.terms().spacing))
    }

    fn start(&self) -> Option<Date> {
        self.advances.first().map(|flow| flow.on)
    }

    /// Whether at least as much is paid as is lent.
    fn check(&self) -> Result<(), NoApr> {
        let sum = |flows: &[Flow]| flows.iter().map(|flow| i128::from(flow.amount)).sum::<i128>();
        if self.advances.first().is_some_and(|first| first.amount <= 0) {
            return Err(NoApr::NothingPaidOut);
        }
        if !self.advances.is_empty() && sum(&self.payments) >= sum(&self.advances) {
            Ok(())
        } else {
            Err(NoApr::NoCost)
        }
    }
}

impl Cost {
    /// Of a plan; None beyond the range.
    #[must_use]
    pub fn of(plan: &Plan) -> Option<Self> {
        let schedule = plan.schedule();
        let interest = schedule.iter().map(|line| line.interest).sum();
        let with_instalments: i64 = schedule.iter().map(|line| line.fee).sum();
        let upfront = plan.terms().fees.upfront;
        let kept = plan.disbursements().map(|(_, amount)| upfront.of(amount));
        let kept: i64 = kept.collect::<Option<Vec<_>>>()?.into_iter().sum();
        let fees = with_instalments.checked_add(kept)?;
        let total = fees.checked_add(interest)?;
        // The fee that is kept back is paid out of the credit.
        let payable = plan.lent().checked_add(interest)?.checked_add(with_instalments)?;
        Some(Self { interest, fees, total, payable })
    }
}

/// Newton's method from zero: `at` gives value and slope.
fn root(at: impl Fn(&Decimal) -> Option<(Decimal, Decimal)>) -> Option<Decimal> {
    let tolerance = Decimal::ratio(1, 10_i128.checked_pow(TOLERANCE_DIGITS)?)?;
    let mut found = Decimal::zero();
    for _ in 0..MOST_STEPS {
        let (value, slope) = at(&found)?;
        let step = value.over(&slope)?;
        found = found.minus(&step);
        if step.magnitude() < tolerance {
            return Some(found);
        }
    }
    None
}

/// A part of one as a percentage with four decimals, the fifth from five on rounding up.
fn percentage(part: &Decimal) -> Result<Rate, NoApr> {
    let units = part.times(&Decimal::whole(1_000_000)).nearest_half_up();
    let units = units.and_then(|units| units.checked_mul(100)).map(|units| units.max(0));
    units.and_then(Rate::from_units).ok_or(NoApr::OutOfRange)
}

/// The powers of a number from the zeroth to the last.
fn powers(base: &Decimal, last: u32) -> Vec<Decimal> {
    let mut all = vec![Decimal::one()];
    for _ in 0..last {
        let next = all.last().map(|power| power.times(base));
        all.extend(next);
    }
    all
}

/// The distance of two dates as whole units, counted back from the later one, and the days that
/// are left. A date that follows another by whole months, as the months' last days do, has no
/// days left.
fn counted_back(from: Date, until: Date, unit: Unit) -> Option<(u32, u32)> {
    let spacing = Spacing::new(1, unit)?;
    let mut whole: u32 = 0;
    while spacing.after(from, whole.checked_add(1)?)? <= until {
        whole = whole.checked_add(1)?;
    }
    if spacing.after(from, whole)? == until {
        return Some((whole, 0));
    }
    let back = match unit {
        Unit::Months => {
            let back = |count: u32| {
                let span = jiff::Span::new().try_months(i64::from(count)).ok()?;
                until.checked_sub(span).ok()
            };
            let reached = back(whole).filter(|reached| *reached >= from);
            let counted = if reached.is_some() { whole } else { whole.saturating_sub(1) };
            whole = counted;
            back(counted)?
        }
        Unit::Days | Unit::Weeks => {
            let units = spacing.after(from, whole)?;
            return Some((whole, days(units, until)?));
        }
    };
    Some((whole, days(from, back)?))
}

fn days(from: Date, until: Date) -> Option<u32> {
    let part = florin_kernel::DayCount::Act360.year_fraction(from, until).ok()?;
    u32::try_from(part.numerator).ok()
}

#[cfg(test)]
mod tests;
