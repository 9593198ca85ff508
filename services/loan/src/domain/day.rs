//! What a loan comes to at the end of a day, and where its money stands in the general ledger.

use florin_kernel::Date;

use super::{
    allocation::Amounts,
    book::{Arrears, Book},
    plan::PlanError,
};

/// What a loan has earned since its beginning, as far as it is income; minor units. What the end of
/// a day books is the difference to what was booked before, so any split of days sums to the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Earned {
    /// Interest.
    pub interest: i64,
    /// Fees that have fallen due.
    pub fee: i64,
    /// Penalty interest and late fees.
    pub penalty: i64,
}

impl Earned {
    /// Each sum's difference; None beyond 64 bits.
    #[must_use]
    pub fn since(&self, before: &Self) -> Option<Self> {
        Some(Self {
            interest: self.interest.checked_sub(before.interest)?,
            fee: self.fee.checked_sub(before.fee)?,
            penalty: self.penalty.checked_sub(before.penalty)?,
        })
    }

    /// Each sum's sum; None beyond 64 bits.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Option<Self> {
        Some(Self {
            interest: self.interest.checked_add(other.interest)?,
            fee: self.fee.checked_add(other.fee)?,
            penalty: self.penalty.checked_add(other.penalty)?,
        })
    }

    /// Whether it is nothing.
    #[must_use]
    pub const fn is_zero(&self) -> bool {
        self.interest == 0 && self.fee == 0 && self.penalty == 0
    }
}

/// Where a loan stands when a day is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayEnd {
    /// What it has earned.
    pub earned: Earned,
    /// What is past due on the next morning.
    pub arrears: Arrears,
    /// Whether it earns no income because it is past due for too long.
    pub suspended: bool,
    /// The earliest day on which something unpaid is or falls due.
    pub due_on: Option<Date>,
    /// What is unpaid of that day.
    pub due: Amounts,
}

/// What lending, repaying and the like move on the asset accounts of a loan, debits positive, minor
/// units. What was paid and is owed by nothing yet is taken off the principal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Moved {
    /// What is lent.
    pub principal: i64,
    /// Interest receivable.
    pub interest: i64,
    /// Fees and penalties receivable.
    pub charge: i64,
}

impl Moved {
    /// Each sum's difference; None beyond 64 bits.
    #[must_use]
    pub fn since(&self, before: &Self) -> Option<Self> {
        Some(Self {
            principal: self.principal.checked_sub(before.principal)?,
            interest: self.interest.checked_sub(before.interest)?,
            charge: self.charge.checked_sub(before.charge)?,
        })
    }

    /// All of it; None beyond 64 bits.
    #[must_use]
    pub fn total(&self) -> Option<i64> {
        self.principal.checked_add(self.interest)?.checked_add(self.charge)
    }
}

impl Book {
    /// What was moved on the asset accounts since the beginning, without what was earned and what
    /// was given up.
    #[must_use]
    pub fn moved(&self) -> Moved {
        let paid = self.paid();
        Moved {
            principal: self.lent().saturating_sub(paid.principal).saturating_sub(self.credit()),
            interest: paid.interest.saturating_neg(),
            charge: paid.fee.saturating_add(paid.penalty).saturating_neg(),
        }
    }

    /// Where the loan stands at the end of a day that is not before the last move.
    ///
    /// # Errors
    /// An amount leaves the range, or the day is before the last move.
    pub fn day_end(&self, day: Date) -> Result<DayEnd, PlanError> {
        let next = day.tomorrow().map_err(|_| PlanError::BeyondCalendar)?;
        let accrual = self.accrual(next).ok_or(PlanError::OutOfRange)?;
        let then = self.by(next)?;
        let paid = then.paid();
        let (mut fee, mut penalty): (i64, i64) = (0, 0);
        for claim in then.claims() {
            penalty = penalty.saturating_add(claim.owed.penalty);
            let owed = if claim.due <= day { claim.owed.fee } else { claim.paid.fee };
            fee = fee.saturating_add(owed);
        }
        let is_cash = accrual.suspended;
        let earned = Earned {
            interest: accrual.recognised,
            fee: if is_cash { paid.fee } else { fee },
            penalty: if is_cash { paid.penalty } else { penalty },
        };
        let unpaid = then.claims().iter().find(|claim| claim.open().total() > 0);
        let due_on = unpaid.map(|claim| claim.due);
        let of_day = then.claims().iter().filter(|claim| Some(claim.due) == due_on);
        let due = of_day.fold(Amounts::default(), |sum, claim| sum.plus(&claim.open()));
        Ok(DayEnd { earned, arrears: then.arrears(next), suspended: is_cash, due_on, due })
    }

    /// What is due by a day and not paid, penalties and fees for paying late until it included.
    ///
    /// # Errors
    /// An amount leaves the range.
    pub fn due_by(&self, day: Date) -> Result<Amounts, PlanError> {
        let then = self.by(day)?;
        let due = then.claims().iter().filter(|claim| claim.due <= day);
        Ok(due.fold(Amounts::default(), |sum, claim| sum.plus(&claim.open())))
    }

    /// What is given up, as it stands in the ledger: what was earned and moved, given what of it
    /// was booked as earned.
    #[must_use]
    pub fn left(&self, earned: &Earned) -> Option<Moved> {
        let moved = self.moved();
        Some(Moved {
            principal: moved.principal,
            interest: moved.interest.checked_add(earned.interest)?,
            charge: moved.charge.checked_add(earned.fee)?.checked_add(earned.penalty)?,
        })
    }

    /// Whether days to come change nothing but the interest: nothing is past due.
    #[must_use]
    pub fn is_even(&self, day: Date) -> bool {
        let mut due = self.claims().iter().filter(|claim| claim.due <= day);
        due.all(|claim| claim.open().total() == 0)
    }
}

/// The interest of the days to come while nothing happens: a fold made in advance, so that the end
/// of a day need not fold each loan again.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Track {
    /// The first day.
    pub from: Option<Date>,
    /// What is earned at the end of each day from it on.
    pub interest: Vec<i64>,
}

impl Track {
    /// The days after one on which nothing falls due, at most so many; empty where a loan is past
    /// due or given up.
    #[must_use]
    pub fn of(book: &Book, day: Date, until: Option<Date>, most: usize) -> Self {
        let mut track = Self::default();
        if book.written_off().is_some() || !book.is_even(day) {
            return track;
        }
        let Ok(first) = day.tomorrow() else { return track };
        let mut on = first;
        while track.interest.len() < most && until.is_some_and(|until| on < until) {
            let Some(accrual) = on.tomorrow().ok().and_then(|next| book.accrual(next)) else {
                break;
            };
            if accrual.suspended {
                break;
            }
            track.interest.push(accrual.recognised);
            let Ok(next) = on.tomorrow() else { break };
            on = next;
        }
        track.from = Some(first).filter(|_| !track.interest.is_empty());
        track
    }

    /// What is earned at the end of a day; None where the day is not among them.
    #[must_use]
    pub fn on(&self, day: Date) -> Option<i64> {
        let from = self.from.filter(|from| *from <= day)?;
        let days = day.since(from).ok()?.get_days();
        self.interest.get(usize::try_from(days).ok()?).copied()
    }
}

#[cfg(test)]
mod tests;
