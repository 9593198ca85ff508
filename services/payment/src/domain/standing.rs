//! Scheduled and standing orders: on which dates they pay, and what to do on a business date.
//!
//! An order's own date is *nominal*. It is done on the first business date that is not before it,
//! or, by its holiday rule, on the last one before it: business dates are those that the bank
//! opens, and what its calendar has next is told with the one that is open.

use florin_kernel::Date;
use jiff::{Span, ToSpan as _};

use super::{HolidayRule, Opened};

/// How often an order pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frequency {
    /// On its first date alone.
    Once,
    /// Every so many weeks.
    Weekly,
    /// Every so many months, on the day of the first date or the last of a shorter month.
    Monthly,
    /// Every so many days.
    Daily,
}

impl Frequency {
    /// Every frequency.
    pub const ALL: &'static [Self] = &[Self::Once, Self::Weekly, Self::Monthly, Self::Daily];

    /// The number in the contract and in the database.
    #[must_use]
    pub const fn code(self) -> i64 {
        match self {
            Self::Once => 1,
            Self::Weekly => 2,
            Self::Monthly => 3,
            Self::Daily => 4,
        }
    }

    /// The frequency of a number; None where there is none.
    #[must_use]
    pub fn from_code(code: i64) -> Option<Self> {
        Self::ALL.iter().copied().find(|one| one.code() == code)
    }
}

/// The nominal dates of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// How often.
    pub frequency: Frequency,
    /// Every so many days, weeks or months, at least 1.
    pub every: i64,
    /// The first date.
    pub first_on: Date,
    /// The last date that may be.
    pub last_on: Option<Date>,
    /// When a date is done on which the bank is closed.
    pub holiday_rule: HolidayRule,
}

impl Schedule {
    /// The date of a number, counted from 0; None behind the last one. Each is reckoned from the
    /// first, so that the 31st comes back after a February.
    #[must_use]
    pub fn date(&self, number: i64) -> Option<Date> {
        let steps = number.checked_mul(self.every)?;
        let span = match self.frequency {
            Frequency::Once => (number == 0).then(Span::new),
            Frequency::Daily => Span::new().try_days(steps).ok(),
            Frequency::Weekly => Span::new().try_weeks(steps).ok(),
            Frequency::Monthly => Span::new().try_months(steps).ok(),
        };
        let date = self.first_on.checked_add(span?).ok()?;
        self.last_on.is_none_or(|last| date <= last).then_some(date)
    }
}

/// State of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderStatus {
    /// It pays on its dates.
    Active,
    /// It does not, until it is resumed.
    Suspended,
    /// It has no date to come.
    Ended,
    /// Ended by request.
    Cancelled,
}

impl OrderStatus {
    /// Every state.
    pub const ALL: &'static [Self] = &[Self::Active, Self::Suspended, Self::Ended, Self::Cancelled];

    /// The number in the contract and in the database.
    #[must_use]
    pub const fn code(self) -> i64 {
        match self {
            Self::Active => 1,
            Self::Suspended => 2,
            Self::Ended => 3,
            Self::Cancelled => 4,
        }
    }

    /// The state of a number; None where there is none.
    #[must_use]
    pub fn from_code(code: i64) -> Option<Self> {
        Self::ALL.iter().copied().find(|one| one.code() == code)
    }

    /// The name in the contract, without prefix.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Suspended => "SUSPENDED",
            Self::Ended => "ENDED",
            Self::Cancelled => "CANCELLED",
        }
    }
}

/// The state of the order does not allow it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an order that is {} cannot be {what}", status.name())]
pub struct OrderState {
    /// The state.
    pub status: OrderStatus,
    /// What was asked for.
    pub what: &'static str,
}

/// What became of the last attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Last {
    /// Paid, or ended by request: it is not tried again.
    Settled,
    /// It has not ended.
    Waits,
    /// Refused, or ended unpaid.
    Unpaid,
}

/// What an order does on a business date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It becomes a transfer for this date of its own, for the so-many-th time.
    Pay {
        /// The nominal date.
        date: Date,
        /// From 1.
        attempt: i64,
    },
    /// Nothing.
    Wait,
}

/// How far an order is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Its dates.
    pub schedule: Schedule,
    /// On how many later business dates a failed transfer is tried again.
    pub retries: i64,
    /// Its state.
    pub status: OrderStatus,
    /// How many of its dates are behind it.
    pub passed: i64,
    /// The date that is being tried.
    pub current_on: Option<Date>,
    /// How often it was.
    pub attempt: i64,
    /// From when the last attempt is looked at again.
    pub check_on: Option<Date>,
}

impl Standing {
    /// An order that begins.
    #[must_use]
    pub const fn new(schedule: Schedule, retries: i64) -> Self {
        Self {
            schedule,
            retries,
            status: OrderStatus::Active,
            passed: 0,
            current_on: None,
            attempt: 0,
            check_on: None,
        }
    }

    /// The next nominal date; None where none is to come.
    #[must_use]
    pub fn next_on(&self) -> Option<Date> {
        self.schedule.date(self.passed)
    }

    /// Whether its next date, where it has one, is done on this business date.
    fn is_next(&self, opened: Opened) -> Option<Date> {
        let rule = self.schedule.holiday_rule;
        self.next_on().filter(|date| {
            *date <= opened.on || opened.next.is_some_and(|next| rule.is_done_before(*date, next))
        })
    }

    /// Whether there is something to do on this business date.
    #[must_use]
    pub fn is_due(&self, opened: Opened) -> bool {
        let retried = self.check_on.is_some_and(|check| check <= opened.on);
        self.status == OrderStatus::Active && (retried || self.is_next(opened).is_some())
    }

    /// The first date of a business date on which there is something to do, but for what is done
    /// before its own date; None where nothing is.
    #[must_use]
    pub fn run_on(&self) -> Option<Date> {
        match self.status {
            OrderStatus::Active => [self.next_on(), self.check_on].into_iter().flatten().min(),
            OrderStatus::Suspended | OrderStatus::Ended | OrderStatus::Cancelled => None,
        }
    }

    /// One step on a business date. What it says is done in the transaction that writes the
    /// order; afterwards [`Self::run_on`] is later, or the next of several dates that came at
    /// once. A retry does not outlive the order's next date.
    pub fn step(&mut self, opened: Opened, last: Last) -> Step {
        if self.status != OrderStatus::Active {
            return Step::Wait;
        }
        let today = opened.on;
        let step = match (self.is_next(opened), self.current_on, self.check_on) {
            (Some(next), _, _) => {
                self.passed = self.passed.saturating_add(1);
                self.current_on = Some(next);
                self.attempt = 1;
                Step::Pay { date: next, attempt: 1 }
            }
            (_, Some(date), Some(check)) if check <= today => match last {
                Last::Unpaid => {
                    self.attempt = self.attempt.saturating_add(1);
                    Step::Pay { date, attempt: self.attempt }
                }
                Last::Waits => {
                    self.check_on = today.checked_add(1.day()).ok();
                    Step::Wait
                }
                Last::Settled => {
                    self.check_on = None;
                    Step::Wait
                }
            },
            _ => Step::Wait,
        };
        if matches!(step, Step::Pay { .. }) {
            let again = today.checked_add(1.day()).ok().filter(|_| self.attempt <= self.retries);
            // Whoever is told of a retry has it: the next date comes in place of what is later.
            self.check_on = again.filter(|check| {
                let retried = opened.next.unwrap_or(*check).max(*check);
                self.next_on().is_none_or(|next| next > retried)
            });
        }
        self.end_if_done();
        step
    }

    /// Changes the last date; None for no last one. An order of which no date is left ends, and
    /// a date behind the last one is not tried again. Where it had no date to come, those that
    /// it gets and that are not after today are passed over and returned: none was its own.
    ///
    /// # Errors
    /// The order has ended.
    pub fn end_on(&mut self, last_on: Option<Date>, today: Date) -> Result<Vec<Date>, OrderState> {
        self.may_change()?;
        let had_next = self.next_on().is_some();
        self.schedule.last_on = last_on;
        let passed = if had_next { Vec::new() } else { self.pass_over(today) };
        if last_on.is_some_and(|last| self.current_on.is_some_and(|date| date > last)) {
            self.check_on = None;
        }
        self.end_if_done();
        Ok(passed)
    }

    /// Passes over the dates that are not after today.
    fn pass_over(&mut self, today: Date) -> Vec<Date> {
        let mut passed = Vec::new();
        // Days of a century: no order has more dates behind it.
        while passed.len() < 36_600
            && let Some(next) = self.next_on().filter(|next| *next <= today)
        {
            passed.push(next);
            self.passed = self.passed.saturating_add(1);
        }
        passed
    }

    /// Whether what it does can be changed.
    ///
    /// # Errors
    /// The order has ended.
    pub const fn may_change(&self) -> Result<(), OrderState> {
        match self.status {
            OrderStatus::Active | OrderStatus::Suspended => Ok(()),
            OrderStatus::Ended | OrderStatus::Cancelled => {
                Err(OrderState { status: self.status, what: "changed" })
            }
        }
    }

    /// Passes over the next date, which whoever skips has to name: what was paid or skipped
    /// meanwhile costs no further date.
    ///
    /// # Errors
    /// The order has ended, or its next date is another.
    pub fn skip(&mut self, date: Date) -> Result<(), OrderState> {
        let refused = OrderState { status: self.status, what: "skipped" };
        let next = self.next_on().ok_or(refused)?;
        match self.status {
            OrderStatus::Active | OrderStatus::Suspended => {}
            OrderStatus::Ended | OrderStatus::Cancelled => return Err(refused),
        }
        if next != date {
            let what = "skipped on a date that is not its next";
            return Err(OrderState { status: self.status, what });
        }
        self.passed = self.passed.saturating_add(1);
        self.end_if_done();
        Ok(())
    }

    /// Suspends it; a retry that was to come is dropped.
    ///
    /// # Errors
    /// It is not active.
    pub fn suspend(&mut self) -> Result<(), OrderState> {
        if self.status != OrderStatus::Active {
            return Err(OrderState { status: self.status, what: "suspended" });
        }
        self.status = OrderStatus::Suspended;
        self.check_on = None;
        Ok(())
    }

    /// Resumes it. The dates that are not after today are passed over and returned.
    ///
    /// # Errors
    /// It is not suspended.
    pub fn resume(&mut self, today: Date) -> Result<Vec<Date>, OrderState> {
        if self.status != OrderStatus::Suspended {
            return Err(OrderState { status: self.status, what: "resumed" });
        }
        self.status = OrderStatus::Active;
        let passed = self.pass_over(today);
        self.end_if_done();
        Ok(passed)
    }

    /// Cancels it for good.
    ///
    /// # Errors
    /// It has ended.
    pub const fn cancel(&mut self) -> Result<(), OrderState> {
        match self.status {
            OrderStatus::Active | OrderStatus::Suspended => {
                self.status = OrderStatus::Cancelled;
                self.check_on = None;
                Ok(())
            }
            OrderStatus::Ended | OrderStatus::Cancelled => {
                Err(OrderState { status: self.status, what: "cancelled" })
            }
        }
    }

    fn end_if_done(&mut self) {
        let done = self.next_on().is_none() && self.check_on.is_none();
        if done && matches!(self.status, OrderStatus::Active | OrderStatus::Suspended) {
            self.status = OrderStatus::Ended;
        }
    }
}

#[cfg(test)]
mod tests;
