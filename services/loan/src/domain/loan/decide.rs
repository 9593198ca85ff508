//! What may happen to a loan. Each decision gives the events to record, none where the reference
//! shows that it was taken before, or says why not; it changes nothing.

use florin_kernel::Date;

use super::{Entry, Loan, State, is_repayment};
use crate::domain::{
    book::{Beyond, Book},
    event::Event,
    plan::PlanError,
    refusal::Refusal,
    terms::Terms,
};

/// What happens with money that nothing owes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overpayment {
    /// More than pays the loan off is refused.
    Refused,
    /// The rest goes back.
    Returned,
}

type Decided = Result<Vec<Event>, Refusal>;

impl Loan {
    const fn allow(&self, allowed: bool, verb: &'static str) -> Result<(), Refusal> {
        if allowed { Ok(()) } else { Err(Refusal::NotAllowed { state: self.state, verb }) }
    }

    /// A person other than the maker approves an amount; above a limit two such persons do.
    ///
    /// # Errors
    /// The state, the person or the amount does not allow it.
    pub fn approve(&self, by: &str, amount: i64, limit: i64) -> Decided {
        self.allow(self.state == State::Applied, "approved")?;
        let requested = self.application.request.principal();
        if !(1..=requested).contains(&amount) {
            return Err(Refusal::AboveRequest { amount, requested });
        }
        let same = Refusal::SamePerson { person: by.to_owned() };
        if by == self.application.maker {
            return Err(same);
        }
        let by = by.to_owned();
        match &self.endorsed {
            _ if amount <= limit => Ok(vec![Event::Approved { by, amount }]),
            None => Ok(vec![Event::Endorsed { by, amount }]),
            Some((first, _)) if *first == by => Err(same),
            Some((_, endorsed)) if *endorsed != amount => {
                Err(Refusal::OtherAmount { endorsed: *endorsed, amount })
            }
            Some(_) => Ok(vec![Event::Approved { by, amount }]),
        }
    }

    /// A person other than the maker rejects the application.
    ///
    /// # Errors
    /// The state or the person does not allow it, or there is no reason.
    pub fn reject(&self, by: &str, reasons: Vec<String>) -> Decided {
        self.allow(self.state == State::Applied, "rejected")?;
        if by == self.application.maker {
            return Err(Refusal::SamePerson { person: by.to_owned() });
        }
        if reasons.iter().all(|reason| reason.trim().is_empty()) {
            return Err(Refusal::NoReason);
        }
        Ok(vec![Event::Rejected { by: by.to_owned(), reasons }])
    }

    /// The customer accepts what was approved.
    ///
    /// # Errors
    /// The state does not allow it.
    pub fn accept(&self) -> Decided {
        self.allow(self.state == State::Approved, "accepted")?;
        Ok(vec![Event::Accepted])
    }

    /// Ends it before money has moved.
    ///
    /// # Errors
    /// The state does not allow it.
    pub fn cancel(&self, reason: &str) -> Decided {
        let early = matches!(self.state, State::Applied | State::Approved | State::Accepted);
        self.allow(early, "cancelled")?;
        Ok(vec![Event::Cancelled { reason: reason.to_owned() }])
    }

    /// Pays out the loan or a tranche of it.
    ///
    /// # Errors
    /// State, day, approval, number of tranches or plan do not allow it.
    pub fn disburse(&self, reference: &str, on: Date, amount: i64) -> Decided {
        let event = Event::Disbursed { reference: reference.to_owned(), on, amount };
        if self.happened(&event)? {
            return Ok(Vec::new());
        }
        self.allow(self.state == State::Accepted || self.state == State::Active, "disbursed")?;
        self.in_order(on)?;
        let lent = self.book.as_ref().map_or(0, Book::lent);
        let left = self.approved.saturating_sub(lent);
        if amount > left {
            return Err(Refusal::AboveApproval { amount, left });
        }
        let is_tranche = |event: &Event| matches!(event, Event::Disbursed { .. });
        let made = self.entries.iter().filter(|entry| is_tranche(&entry.event)).count();
        let most = self.application.tranches;
        if u32::try_from(made).unwrap_or(u32::MAX) >= most {
            return Err(Refusal::NoTrancheLeft { most });
        }
        match self.application.request.first_due() {
            Some(first_due) if self.book.is_none() && first_due <= on => {
                return Err(Refusal::FirstDuePassed { on, first_due });
            }
            Some(_) | None => {}
        }
        self.tried(event)
    }

    /// Takes in a repayment.
    ///
    /// # Errors
    /// The state or the day does not allow it, or it is more than pays the loan off and is not to
    /// be returned.
    pub fn repay(
        &self,
        reference: &str,
        (on, amount): (Date, i64),
        beyond: Beyond,
        overpayment: Overpayment,
    ) -> Decided {
        if let Some(before) = self.by_reference(reference) {
            let same = matches!(before, Event::Repaid { on: then, amount: came, beyond: how, .. }
                if *then == on && *came == amount && *how == beyond);
            let reference = reference.to_owned();
            return if same { Ok(Vec::new()) } else { Err(Refusal::ReferenceReused { reference }) };
        }
        let Some(book) = self.book.as_ref().filter(|_| self.state.is_running()) else {
            return Err(Refusal::NotAllowed { state: self.state, verb: "repaid" });
        };
        self.in_order(on)?;
        if amount <= 0 {
            return Err(Refusal::Plan(PlanError::NotPositive));
        }
        let pay_off = book.pay_off(on)?.total;
        let returned = amount.saturating_sub(pay_off).max(0);
        if returned > 0 && overpayment == Overpayment::Refused {
            return Err(Refusal::AbovePayOff { amount, pay_off });
        }
        let reference = reference.to_owned();
        self.tried(Event::Repaid { reference, on, amount, returned, beyond })
    }

    /// Ends a loan on which as much was paid ahead as pays it off, and returns what is more
    /// (`returned` of the event); of a loan that is repaid, what it still holds.
    ///
    /// # Errors
    /// The state or the day does not allow it, or something remains to be paid.
    pub fn settle(&self, reference: &str, on: Date) -> Decided {
        if let Some(before) = self.by_reference(reference) {
            let same = matches!(before, Event::Repaid { on: then, amount: 0, .. } if *then == on);
            let reference = reference.to_owned();
            return if same { Ok(Vec::new()) } else { Err(Refusal::ReferenceReused { reference }) };
        }
        let verb = "settled";
        let closed = self.to_return() > 0;
        let Some(book) = self.book.as_ref().filter(|_| closed || self.state.is_running()) else {
            return Err(Refusal::NotAllowed { state: self.state, verb });
        };
        self.in_order(on)?;
        let pay_off = book.pay_off(on)?;
        self.allow(pay_off.total == 0, verb)?;
        let returned = pay_off.credit.saturating_sub(pay_off.owed.total());
        let (reference, beyond) = (reference.to_owned(), Beyond::Ahead);
        self.tried(Event::Repaid { reference, on, amount: 0, returned, beyond })
    }

    /// Undoes a repayment; the later ones are taken in again, in their order.
    ///
    /// # Errors
    /// There is none, it was undone before, or the state does not allow it.
    pub fn reverse(&self, reference: &str, repayment: &str) -> Decided {
        let event =
            Event::Reversed { reference: reference.to_owned(), repayment: repayment.to_owned() };
        if self.happened(&event)? {
            return Ok(Vec::new());
        }
        self.allow(self.state.is_running() || self.state == State::Closed, "reopened")?;
        let repayment = repayment.to_owned();
        match self.entries.iter().find(|entry| is_repayment(&entry.event, &repayment)) {
            None => Err(Refusal::RepaymentNotFound { reference: repayment }),
            Some(entry) if entry.reversed => Err(Refusal::AlreadyReversed { reference: repayment }),
            Some(_) => self.tried(event),
        }
    }

    /// Puts other terms in the place of those that hold: another number of instalments, another
    /// rate, a holiday (a grace). There is no second down payment.
    ///
    /// # Errors
    /// The state, the day or the plan does not allow it.
    pub fn restructure(
        &self,
        reference: &str,
        on: Date,
        terms: Terms,
        first_due: Option<Date>,
    ) -> Decided {
        let (reference, terms) = (reference.to_owned(), terms.without_down_payment());
        let event = Event::Restructured { reference, on, terms, first_due };
        if self.happened(&event)? {
            return Ok(Vec::new());
        }
        self.allow(self.state.is_running(), "restructured")?;
        self.in_order(on)?;
        let (expected, given) = (self.application.request.terms().currency, terms.currency);
        if expected != given {
            return Err(Refusal::CurrencyMismatch { expected, given });
        }
        match first_due {
            Some(first_due) if first_due <= on => {
                return Err(Refusal::FirstDuePassed { on, first_due });
            }
            Some(_) | None => {}
        }
        let left = self.book.as_ref().map_or(0, Book::principal);
        self.allow(left > 0, "restructured: no principal is left")?;
        self.tried(event)
    }

    /// Gives up what is owed, by two persons.
    ///
    /// # Errors
    /// The state, the day or the persons do not allow it.
    pub fn write_off(&self, reference: &str, on: Date, maker: &str, checker: &str) -> Decided {
        let event = Event::WrittenOff {
            reference: reference.to_owned(),
            on,
            maker: maker.to_owned(),
            checker: checker.to_owned(),
        };
        if self.happened(&event)? {
            return Ok(Vec::new());
        }
        self.allow(self.state.is_running(), "written off")?;
        if maker == checker {
            return Err(Refusal::SamePerson { person: maker.to_owned() });
        }
        self.in_order(on)?;
        self.tried(event)
    }

    /// Takes in money after a write-off, at most what was given up.
    ///
    /// # Errors
    /// The state, the day or the amount does not allow it.
    pub fn recover(&self, reference: &str, on: Date, amount: i64) -> Decided {
        let event = Event::Recovered { reference: reference.to_owned(), on, amount };
        if self.happened(&event)? {
            return Ok(Vec::new());
        }
        self.allow(self.state == State::WrittenOff, "recovered")?;
        self.in_order(on)?;
        let recovered = |entry: &Entry| {
            let Event::Recovered { on, .. } = &entry.event else { return None };
            Some(*on)
        };
        match self.entries.iter().filter_map(recovered).next_back() {
            Some(last) if on < last => return Err(Refusal::Backdated { on, last }),
            Some(_) | None => {}
        }
        self.tried(event)
    }

    fn by_reference(&self, reference: &str) -> Option<&Event> {
        let mut events = self.entries.iter().map(|entry| &entry.event);
        events.find(|event| event.reference() == Some(reference))
    }

    /// Whether the very event happened before.
    fn happened(&self, event: &Event) -> Result<bool, Refusal> {
        let reference = event.reference().unwrap_or_default();
        match self.by_reference(reference) {
            None => Ok(false),
            Some(before) if before == event => Ok(true),
            Some(_) => Err(Refusal::ReferenceReused { reference: reference.to_owned() }),
        }
    }

    fn in_order(&self, on: Date) -> Result<(), Refusal> {
        match self.book.as_ref().map(Book::through) {
            Some(last) if on < last => Err(Refusal::Backdated { on, last }),
            Some(_) | None => Ok(()),
        }
    }

    /// The event, if a copy of the loan takes it in.
    fn tried(&self, event: Event) -> Decided {
        let mut then = self.clone();
        then.apply(event.clone())?;
        Ok(vec![event])
    }
}
