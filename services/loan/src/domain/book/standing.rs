//! Where a loan stands on a day: pay-off, arrears, accrual.

use florin_kernel::Date;

use super::{Amounts, Book, Claim, Component, PlanError, days};

/// What pays the loan off on a day, minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PayOff {
    /// The day.
    pub on: Date,
    /// What is owed, by component; interest until the day, of which it does not count itself.
    pub owed: Amounts,
    /// What was paid ahead and is owed by nothing.
    pub credit: i64,
    /// What remains to be paid; not negative.
    pub total: i64,
}

/// How long the oldest unpaid instalment is past due: 1 to 30 days and so on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bucket {
    /// Nothing is past due.
    Current,
    /// 1 to 30 days.
    To30,
    /// 31 to 60 days.
    To60,
    /// 61 to 90 days.
    To90,
    /// More than 90 days.
    Over90,
}

impl Bucket {
    /// The bucket of a number of days past due.
    #[must_use]
    pub const fn of(days: i64) -> Self {
        match days {
            ..=0 => Self::Current,
            1..=30 => Self::To30,
            31..=60 => Self::To60,
            61..=90 => Self::To90,
            91.. => Self::Over90,
        }
    }
}

/// What is past due on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrears {
    /// The due date of the oldest instalment that is not paid.
    pub since: Option<Date>,
    /// Days from it to the day.
    pub days: i64,
    /// The bucket of these days.
    pub bucket: Bucket,
    /// What is past due.
    pub overdue: Amounts,
}

/// What a loan has earned until a day, since its beginning; minor units. What a run books is the
/// difference to what was booked, so any split of days sums to the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accrual {
    /// Interest, as the borrower owes it now or later.
    pub interest: i64,
    /// Penalty interest.
    pub penalty: i64,
    /// The part of the interest that is income: while the loan is more than the product's days
    /// past due, what was paid, so that what had accrued before and is not paid is taken back.
    /// When the arrears are paid it is all of it again.
    pub recognised: i64,
    /// Whether the loan is past due too long for more to be recognised.
    pub suspended: bool,
}

impl Book {
    /// What pays the loan off on a day that is not before the last move, early fee included.
    ///
    /// # Errors
    /// An amount leaves the range.
    pub fn pay_off(&self, on: Date) -> Result<PayOff, PlanError> {
        let mut then = self.clone();
        then.advance(on)?;
        then.call_in(on)?;
        let owed = then.open();
        let total = owed.total().saturating_sub(then.credit).max(0);
        Ok(PayOff { on, owed, credit: then.credit, total })
    }

    /// What is past due on a day. An instalment is past due from the day after its due date.
    #[must_use]
    pub fn arrears(&self, on: Date) -> Arrears {
        let past = |claim: &&Claim| claim.due < on || claim.due == on && claim.is_charge();
        let overdue = self.claims.iter().filter(past);
        let mut overdue = overdue.fold(Amounts::default(), |sum, claim| sum.plus(&claim.open()));
        overdue.add(Component::Penalty, self.charges_until(on).unwrap_or(0));
        let since = self.unpaid_since().filter(|due| *due < on);
        let days = since.map_or(0, |due| days(due, on));
        Arrears { since, days, bucket: Bucket::of(days), overdue }
    }

    /// Penalty interest and late fees until a day that are no claims yet.
    fn charges_until(&self, on: Date) -> Option<i64> {
        if self.written_off.is_some() || on <= self.through {
            return Some(0);
        }
        let penalty = self.penalty_of(self.weight_until(on)?)?;
        let fees = self.late_fees(on)?.iter().map(|(_, fee)| fee.owed.penalty).sum::<i64>();
        penalty.checked_sub(self.penalty_claimed)?.max(0).checked_add(fees)
    }

    fn unpaid_since(&self) -> Option<Date> {
        let open = |claim: &&Claim| claim.is_scheduled() && claim.open().total() > 0;
        self.claims.iter().find(open).map(|claim| claim.due)
    }

    /// What the loan has earned until a day, which itself does not count and is not before the
    /// last move: None where it is, or an amount leaves the range.
    #[must_use]
    pub fn accrual(&self, until: Date) -> Option<Accrual> {
        if until < self.through {
            return None;
        }
        let until = self.written_off.map_or(until, |one| until.min(one.on));
        let earned = |day: Date| self.earned_before.checked_add(self.plan.earned_until(day)?);
        let interest = earned(until)?;
        let penalty = self.penalty_of(self.weight_until(until)?)?;
        let limit = jiff::Span::new().try_days(i64::from(self.policy.non_accrual_days)).ok()?;
        let last = self.unpaid_since().and_then(|since| since.checked_add(limit).ok());
        // A loan that was restructured while it was suspended stays so until it has performed.
        let last = if self.probation_until(until).is_some() { Some(Date::MIN) } else { last };
        let suspended = last.is_some_and(|last| until > last);
        let recognised = if suspended { self.paid().interest.min(interest) } else { interest };
        Some(Accrual { interest, penalty, recognised, suspended })
    }
}
