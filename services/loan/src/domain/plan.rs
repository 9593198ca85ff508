//! The plan of a loan: its schedule, reckoned anew from the period in which money is lent or
//! repaid early.
//!
//! For equal instalments over periods with the factors f, of which the first is 1: the instalment
//! is the principal times all (1 + f) over F, where F is 1 for the first period and
//! 1 + F (1 + f) for each after it. Interest is the balance times f, rounded half to even to the
//! minor unit; principal is the rest of the instalment; the last instalment has what is left.
//!
//! Flat interest is one sum for the term: the principal times the sum of the factors, rounded
//! once. The instalments that bear interest have it evenly, whatever the days of their periods,
//! the last of them the rest, as Apache Fineract spreads it. Where a tranche is lent or principal
//! is repaid early the period of that day is divided by days; those after it have evenly what is
//! left. Interest accrues within a period by its days.

use florin_kernel::Date;

use super::{
    period::Period,
    terms::{Method, Terms},
};

mod accrual;
mod lines;

/// What a line of a schedule is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineKind {
    /// Due on the day of a disbursement.
    DownPayment,
    /// Due at the end of a period.
    Instalment,
}

/// A line of a schedule, amounts in minor units; none is negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// From one, by due date.
    pub number: u32,
    /// What it is.
    pub kind: LineKind,
    /// The first day of its period.
    pub from: Date,
    /// When it falls due.
    pub due: Date,
    /// Principal due.
    pub principal: i64,
    /// Interest due.
    pub interest: i64,
    /// The interest of its period, due here or, in the grace on interest, later.
    pub earned: i64,
    /// The fee due with it.
    pub fee: i64,
    /// Principal that is left after it.
    pub balance: i64,
}

impl Line {
    /// Principal and interest due; what is called the instalment.
    #[must_use]
    pub const fn total(&self) -> i64 {
        self.principal.saturating_add(self.interest)
    }

    /// All that is due with it.
    #[must_use]
    pub const fn due_amount(&self) -> i64 {
        self.total().saturating_add(self.fee)
    }

    /// Days of the calendar in its period.
    #[must_use]
    pub fn days(&self) -> i64 {
        florin_kernel::DayCount::Act360
            .year_fraction(self.from, self.due)
            .map_or(0, |part| part.numerator)
    }
}

/// What an early repayment changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// The instalments stay and are fewer.
    Shorten,
    /// They are as many and lower.
    Lower,
}

/// Why there is no such plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// A due date after the year 9999, or a first due date that is not after the start.
    #[error("the due dates leave the calendar")]
    BeyondCalendar,
    /// An amount leaves 64 bits.
    #[error("an amount leaves the range of 64 bits of minor units")]
    OutOfRange,
    /// Before money moved last (at first: not the first day), or after the last period.
    #[error("{on} is not a day from {start} until {end}")]
    OutsideTerm {
        /// The date.
        on: Date,
        /// The first day on which money can move.
        start: Date,
        /// The day on which it no longer can.
        end: Date,
    },
    /// Nothing, or less.
    #[error("an amount must be greater than zero")]
    NotPositive,
    /// More than is left to repay.
    #[error("{amount} minor units are more than the {balance} that are left")]
    AboveBalance {
        /// What was to be repaid.
        amount: i64,
        /// The principal that is left.
        balance: i64,
    },
}

/// Money lent (above zero) or repaid early (below) on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Draw {
    on: Date,
    amount: i64,
    /// With the down payment; zero where it is repaid.
    disbursed: i64,
    /// By how much the amount changes that flat interest is reckoned on.
    base: i64,
}

/// A schedule and what it was reckoned from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    terms: Terms,
    periods: Vec<Period>,
    draws: Vec<Draw>,
    down_payments: Vec<Line>,
    lines: Vec<Line>,
    /// What an instalment comes to, or its principal where that is what is equal.
    level: i64,
    lent: i64,
}

impl Plan {
    /// A plan without money: its periods begin on a date, and the first instalment falls due on
    /// another or one distance later.
    ///
    /// # Errors
    /// [`PlanError::BeyondCalendar`].
    pub fn new(terms: Terms, start: Date, first_due: Option<Date>) -> Result<Self, PlanError> {
        let periods = Period::all(
            (start, first_due),
            (terms.spacing, terms.basis),
            (terms.instalments, terms.grace.free),
        );
        Ok(Self {
            terms,
            periods: periods.ok_or(PlanError::BeyondCalendar)?,
            draws: Vec::new(),
            down_payments: Vec::new(),
            lines: Vec::new(),
            level: 0,
            lent: 0,
        })
    }

    /// Lends an amount, a tranche: what is not paid down is repaid with the instalments that are
    /// left.
    ///
    /// # Errors
    /// The day is not within the term, or the amount not positive or too large.
    pub fn disburse(&mut self, on: Date, amount: i64) -> Result<(), PlanError> {
        if amount <= 0 {
            return Err(PlanError::NotPositive);
        }
        let period = self.period_of(on)?;
        let down = self.down_payment(amount).ok_or(PlanError::OutOfRange)?;
        let financed = amount.checked_sub(down).ok_or(PlanError::OutOfRange)?;
        self.lent = self.lent.checked_add(amount).ok_or(PlanError::OutOfRange)?;
        if down > 0 {
            let balance = self.balance_on(on).checked_add(financed);
            self.down_payments.push(Line {
                number: 0,
                kind: LineKind::DownPayment,
                from: on,
                due: on,
                principal: down,
                interest: 0,
                earned: 0,
                fee: 0,
                balance: balance.ok_or(PlanError::OutOfRange)?,
            });
        }
        self.draws.push(Draw { on, amount: financed, disbursed: amount, base: financed });
        self.reckon(period, None).ok_or(PlanError::OutOfRange)
    }

    /// Takes principal off before it is due.
    ///
    /// # Errors
    /// The day is not within the term, or the amount is not positive or more than is left.
    pub fn repay_early(&mut self, on: Date, amount: i64, effect: Effect) -> Result<(), PlanError> {
        let period = self.period_of(on)?;
        let balance = self.balance_on(on);
        if amount <= 0 {
            return Err(PlanError::NotPositive);
        }
        if amount > balance {
            return Err(PlanError::AboveBalance { amount, balance });
        }
        let base = self.flat_share(amount, balance).ok_or(PlanError::OutOfRange)?;
        self.draws.push(Draw { on, amount: -amount, disbursed: 0, base: -base });
        self.reckon(period, Some(effect)).ok_or(PlanError::OutOfRange)
    }

    /// The schedule, by due date, numbered from one. A down payment precedes an instalment that
    /// falls due on a later day and follows one of the same day.
    #[must_use]
    pub fn schedule(&self) -> Vec<Line> {
        let mut all: Vec<Line> = self.lines.clone();
        all.extend(&self.down_payments);
        all.sort_by_key(|line| (line.due, line.kind == LineKind::DownPayment));
        for (number, line) in (1..).zip(&mut all) {
            line.number = number;
        }
        all
    }

    /// The terms.
    #[must_use]
    pub const fn terms(&self) -> &Terms {
        &self.terms
    }

    /// The first day of the term.
    #[must_use]
    pub fn start(&self) -> Date {
        self.periods.first().map_or(Date::MIN, Period::from)
    }

    /// The last due date: of the schedule, or of the periods while there is none.
    #[must_use]
    pub fn end(&self) -> Date {
        let last = self.lines.last().map(|line| line.due);
        last.or_else(|| self.periods.last().map(Period::due)).unwrap_or(Date::MIN)
    }

    /// All that was lent, down payments included.
    #[must_use]
    pub const fn lent(&self) -> i64 {
        self.lent
    }

    /// Day and amount of each disbursement.
    pub fn disbursements(&self) -> impl Iterator<Item = (Date, i64)> {
        let disbursed = self.draws.iter().filter(|draw| draw.disbursed > 0);
        disbursed.map(|draw| (draw.on, draw.disbursed))
    }

    /// Principal that is not due yet on a day, after what falls due on it.
    #[must_use]
    pub fn balance_on(&self, day: Date) -> i64 {
        let due = self.lines.iter().filter(|line| line.due <= day).map(|line| line.principal);
        let drawn = self.draws.iter().filter(|draw| draw.on <= day).map(|draw| draw.amount);
        drawn.sum::<i64>().saturating_sub(due.sum())
    }

    /// What flat interest is reckoned on.
    fn flat_base(&self) -> i64 {
        self.draws.iter().map(|draw| draw.base).sum()
    }

    /// The period that a day lies in; a due date lies in the next. Money moves in the order of
    /// its days, for the first time on the first day of the term.
    fn period_of(&self, on: Date) -> Result<usize, PlanError> {
        let start = self.draws.last().map_or(self.start(), |draw| draw.on);
        let end =
            if self.draws.is_empty() { start.tomorrow().unwrap_or(start) } else { self.end() };
        if on < start || on >= end {
            return Err(PlanError::OutsideTerm { on, start, end });
        }
        Ok(self.periods.iter().take_while(|period| period.due() <= on).count())
    }

    fn down_payment(&self, amount: i64) -> Option<i64> {
        let exact = self.terms.down_payment.of(amount)?;
        self.to_multiple(&super::decimal::Decimal::whole(exact.into())).map(|down| down.min(amount))
    }

    /// The part of the base of flat interest that goes with principal repaid early.
    fn flat_share(&self, amount: i64, balance: i64) -> Option<i64> {
        if self.terms.method != Method::Flat {
            return Some(amount);
        }
        let part = i128::from(self.flat_base()).checked_mul(amount.into())?;
        super::decimal::Decimal::ratio(part, balance.into())?.nearest()
    }
}

#[cfg(test)]
mod tests;
