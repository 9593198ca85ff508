//! A loan: the fold of its events.

use std::fmt;

use florin_kernel::{Date, LoanId};

use super::{
    book::Book,
    event::{Application, Event},
    plan::{Plan, PlanError},
};

mod decide;

pub use decide::Overpayment;

/// Where a loan is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Applied for.
    Applied,
    /// The bank is ready to lend.
    Approved,
    /// The bank does not lend; final.
    Rejected,
    /// The customer agrees; no money has moved.
    Accepted,
    /// Ended before money moved; final.
    Cancelled,
    /// Disbursed and not repaid.
    Active,
    /// As [`State::Active`], by other terms than it was granted with.
    Restructured,
    /// Repaid. A reversal of a repayment opens it again.
    Closed,
    /// Given up; money may still come in.
    WrittenOff,
}

impl State {
    /// Every state.
    pub const ALL: &'static [Self] = &[
        Self::Applied,
        Self::Approved,
        Self::Rejected,
        Self::Accepted,
        Self::Cancelled,
        Self::Active,
        Self::Restructured,
        Self::Closed,
        Self::WrittenOff,
    ];

    /// The name as it is stored.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Applied => "APPLIED",
            Self::Approved => "APPROVED",
            Self::Rejected => "REJECTED",
            Self::Accepted => "ACCEPTED",
            Self::Cancelled => "CANCELLED",
            Self::Active => "ACTIVE",
            Self::Restructured => "RESTRUCTURED",
            Self::Closed => "CLOSED",
            Self::WrittenOff => "WRITTEN_OFF",
        }
    }

    /// Whether money is lent and expected back.
    #[must_use]
    pub const fn is_running(self) -> bool {
        matches!(self, Self::Active | Self::Restructured)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A move of money as the book takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    event: Event,
    reversed: bool,
}

/// A loan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loan {
    id: LoanId,
    application: Application,
    state: State,
    endorsed: Option<(String, i64)>,
    approved: i64,
    reasons: Vec<String>,
    entries: Vec<Entry>,
    book: Option<Book>,
}

impl Loan {
    /// A loan that is applied for.
    #[must_use]
    pub const fn apply_for(id: LoanId, application: Application) -> Self {
        Self {
            id,
            application,
            state: State::Applied,
            endorsed: None,
            approved: 0,
            reasons: Vec::new(),
            entries: Vec::new(),
            book: None,
        }
    }

    /// The loan after its events.
    ///
    /// # Errors
    /// An event that no loan can have had in this place.
    pub fn replay(
        id: LoanId,
        application: Application,
        events: impl IntoIterator<Item = Event>,
    ) -> Result<Self, PlanError> {
        let mut loan = Self::apply_for(id, application);
        for event in events {
            loan.apply(event)?;
        }
        Ok(loan)
    }

    /// Its id.
    #[must_use]
    pub const fn id(&self) -> LoanId {
        self.id
    }

    /// What was applied for.
    #[must_use]
    pub const fn application(&self) -> &Application {
        &self.application
    }

    /// Its state.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// The principal that was approved; zero before.
    #[must_use]
    pub const fn approved(&self) -> i64 {
        self.approved
    }

    /// What a loan that is repaid holds of its borrower's money, to be returned by
    /// [`Loan::settle`]: a reversal may leave it, when what came later pays for more than is owed
    /// without it.
    #[must_use]
    pub fn to_return(&self) -> i64 {
        let book = self.book.as_ref().filter(|_| self.state == State::Closed);
        book.map_or(0, Book::credit)
    }

    /// Why it was rejected or cancelled.
    #[must_use]
    pub fn reasons(&self) -> &[String] {
        &self.reasons
    }

    /// What is owed and paid; None before money moved.
    #[must_use]
    pub const fn book(&self) -> Option<&Book> {
        self.book.as_ref()
    }

    /// The loan as it was at the end of a day: without what happened on later ones. A repayment
    /// that was reversed since never counted.
    ///
    /// # Errors
    /// As [`Loan::replay`].
    pub fn as_of(&self, day: Date) -> Result<Self, PlanError> {
        if self.book.as_ref().is_none_or(|book| book.through() <= day) {
            return Ok(self.clone());
        }
        let happened = |entry: &&Entry| {
            if let Event::Recovered { on, .. } = &entry.event {
                return *on <= day;
            }
            day_of(&entry.event).is_none_or(|on| on <= day)
        };
        let entries: Vec<Entry> = self.entries.iter().filter(happened).cloned().collect();
        let book = self.folded(&entries)?;
        let mut then = Self { entries, book, ..self.clone() };
        then.state = if then.book.is_none() { State::Accepted } else { then.state_of_money() };
        Ok(then)
    }

    /// The loan after an event.
    ///
    /// # Errors
    /// The plan refuses it.
    pub fn after(&self, event: &Event) -> Result<Self, PlanError> {
        let mut then = self.clone();
        then.apply(event.clone())?;
        Ok(then)
    }

    /// The repayments, in their order: reference, what was kept of each, and whether it was
    /// reversed.
    pub fn repayments(&self) -> impl Iterator<Item = (&str, i64, bool)> {
        self.entries.iter().filter_map(|entry| match &entry.event {
            Event::Repaid { reference, amount, returned, .. } => {
                Some((reference.as_str(), amount.saturating_sub(*returned), entry.reversed))
            }
            Event::Endorsed { .. }
            | Event::Approved { .. }
            | Event::Rejected { .. }
            | Event::Accepted
            | Event::Cancelled { .. }
            | Event::Disbursed { .. }
            | Event::Reversed { .. }
            | Event::Restructured { .. }
            | Event::WrittenOff { .. }
            | Event::Recovered { .. } => None,
        })
    }

    /// Takes an event in. The loan is as before where it cannot.
    ///
    /// # Errors
    /// The plan refuses it.
    pub fn apply(&mut self, event: Event) -> Result<(), PlanError> {
        match event {
            Event::Endorsed { by, amount } => self.endorsed = Some((by, amount)),
            Event::Approved { amount, .. } => {
                self.approved = amount;
                self.state = State::Approved;
            }
            Event::Rejected { reasons, .. } => {
                self.reasons = reasons;
                self.state = State::Rejected;
            }
            Event::Accepted => self.state = State::Accepted,
            Event::Cancelled { reason } => {
                self.reasons = vec![reason];
                self.state = State::Cancelled;
            }
            Event::Reversed { ref repayment, .. } => {
                let mut entries = self.entries.clone();
                for entry in &mut entries {
                    entry.reversed |= is_repayment(&entry.event, repayment);
                }
                entries.push(Entry { event, reversed: false });
                self.book = self.folded(&entries)?;
                self.entries = entries;
                self.state = self.state_of_money();
            }
            Event::Disbursed { .. }
            | Event::Repaid { .. }
            | Event::Restructured { .. }
            | Event::WrittenOff { .. }
            | Event::Recovered { .. } => {
                self.book = self.moved(self.book.clone(), &event)?;
                self.entries.push(Entry { event, reversed: false });
                self.state = self.state_of_money();
            }
        }
        Ok(())
    }

    /// The book of entries from the beginning, in their order, without those that were reversed.
    fn folded(&self, entries: &[Entry]) -> Result<Option<Book>, PlanError> {
        let mut book = None;
        for entry in entries.iter().filter(|entry| !entry.reversed) {
            book = self.moved(book, &entry.event)?;
        }
        Ok(book)
    }

    fn moved(&self, book: Option<Book>, event: &Event) -> Result<Option<Book>, PlanError> {
        let Some(mut book) = book else {
            let Event::Disbursed { on, amount, .. } = event else { return Ok(None) };
            let request = &self.application.request;
            let plan = Plan::new(*request.terms(), *on, request.first_due())?;
            let mut book = Book::new(self.application.policy, plan);
            book.disburse(*on, *amount)?;
            return Ok(Some(book));
        };
        match event {
            Event::Disbursed { on, amount, .. } => book.disburse(*on, *amount)?,
            Event::Repaid { on, amount: 0, returned, .. } => book.settle(*on, *returned)?,
            Event::Repaid { on, amount, returned, beyond, .. } => {
                book.repay(*on, amount.saturating_sub(*returned), *beyond)?;
            }
            Event::Restructured { on, terms, first_due, .. } => {
                book.restructure(*on, *terms, *first_due)?;
            }
            Event::WrittenOff { on, .. } => book.write_off(*on)?,
            Event::Recovered { amount, .. } => book.recover(*amount)?,
            Event::Reversed { .. }
            | Event::Endorsed { .. }
            | Event::Approved { .. }
            | Event::Rejected { .. }
            | Event::Accepted
            | Event::Cancelled { .. } => {}
        }
        Ok(Some(book))
    }

    fn state_of_money(&self) -> State {
        match &self.book {
            None => self.state,
            Some(book) if book.written_off().is_some() => State::WrittenOff,
            Some(book) if book.is_settled() => State::Closed,
            Some(book) if book.former().is_empty() => State::Active,
            Some(_) => State::Restructured,
        }
    }
}

/// The day of what has one: a reversal counts wherever what it undoes does, and what comes in after
/// a write-off earns nothing.
const fn day_of(event: &Event) -> Option<Date> {
    match event {
        Event::Disbursed { on, .. }
        | Event::Repaid { on, .. }
        | Event::Restructured { on, .. }
        | Event::WrittenOff { on, .. } => Some(*on),
        Event::Endorsed { .. }
        | Event::Approved { .. }
        | Event::Rejected { .. }
        | Event::Accepted
        | Event::Cancelled { .. }
        | Event::Reversed { .. }
        | Event::Recovered { .. } => None,
    }
}

fn is_repayment(event: &Event, wanted: &str) -> bool {
    matches!(event, Event::Repaid { reference, .. } if reference == wanted)
}

#[cfg(test)]
mod properties;
#[cfg(test)]
pub(super) mod tests;
