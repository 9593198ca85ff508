//! A card-style authorisation: money held for a merchant until it is captured, reversed or
//! expires.
//!
//! ```text
//! PENDING -> AUTHORISED -> CAPTURED (final capture) | REVERSED | EXPIRED
//!         -> DECLINED
//! ```
//!
//! One operation at a time waits for the ledger. Meanwhile nothing here changes, so that what
//! the ledger is asked is a function of what is kept, and a repeat asks the same.

mod operation;
mod status;

use florin_kernel::{AccountId, AuthorisationId, Currency, CustomerId, Money, UnixMicros};

pub use self::{
    operation::{Decider, Decision, Given, Operation, OperationKind, give_back, hold_reference},
    status::AuthorisationStatus,
};

/// Holds of an authorisation: the ledger captures so many in one transaction.
pub const MOST_HOLDS: usize = 8;

/// Who is paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merchant {
    /// The acquirer's id.
    pub id: String,
    /// Name.
    pub name: String,
    /// Merchant category code, 4 digits.
    pub mcc: String,
    /// ISO 3166-1 alpha-2, or empty.
    pub country: String,
}

/// A hold that the ledger has open for it, by the operation that placed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CardHold {
    /// Number of the operation.
    pub number: i64,
    /// What is set aside, minor units.
    pub remaining: i64,
}

/// An authorisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorisation {
    /// Its id.
    pub id: AuthorisationId,
    /// The account that pays.
    pub account: AccountId,
    /// Whose limits count it.
    pub customer: Option<CustomerId>,
    /// By which channel it came.
    pub channel: String,
    /// Card network.
    pub network: String,
    /// The network's id of the whole transaction, or empty.
    pub network_reference: String,
    /// Who is paid.
    pub merchant: Merchant,
    /// GL account that captures are booked against.
    pub settlement_gl_code: String,
    /// GL account of what the account has no funds for; None: such a capture is declined.
    pub shortfall_gl_code: Option<String>,
    /// Currency.
    pub currency: Currency,
    /// State.
    pub status: AuthorisationStatus,
    /// Approved together, less what was reversed; minor units.
    pub authorised: i64,
    /// Captured together, minor units.
    pub captured: i64,
    /// What the ledger has open for it, oldest first.
    pub holds: Vec<CardHold>,
    /// When it expires.
    pub expires_at: UnixMicros,
    /// How many operations it has.
    pub operations: i64,
    /// The operation that waits for the ledger.
    pub pending: Option<i64>,
    /// Version of its last event.
    pub version: i64,
    /// When it came.
    pub created_at: UnixMicros,
    /// When it last changed.
    pub changed_at: UnixMicros,
}

/// A part of a hold that is captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// The hold.
    pub number: i64,
    /// How much of it, minor units.
    pub amount: i64,
    /// Whether the rest stays set aside.
    pub keep_rest: bool,
}

/// A hold that is given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Released {
    /// The hold.
    pub number: i64,
    /// How much of it; None for all that remains.
    pub amount: Option<i64>,
}

/// What the ledger is asked for a capture or a reversal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// What is captured of holds.
    pub parts: Vec<Part>,
    /// What the account pays beyond them, minor units.
    pub beyond: i64,
    /// What is given back.
    pub released: Vec<Released>,
}

/// How much captures may be above what was authorised.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tolerance {
    /// In percent of what was authorised.
    pub percent: u32,
    /// And at most so much, minor units.
    pub at_most: Option<i64>,
}

impl Tolerance {
    /// How much above this amount is let pass, minor units.
    #[must_use]
    pub fn above(self, authorised: i64) -> i64 {
        let share = i128::from(authorised).saturating_mul(i128::from(self.percent)) / 100;
        let share = i64::try_from(share).unwrap_or(i64::MAX);
        self.at_most.map_or(share, |most| share.min(most))
    }
}

/// Why an operation is not taken on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    /// Its state does not allow it.
    #[error("the authorisation is {}", .0.name())]
    State(AuthorisationStatus),
    /// Another operation is under way.
    #[error("another operation of the authorisation is under way")]
    Busy,
    /// It has as many holds as can be captured together.
    #[error("the authorisation has been incremented as often as can be")]
    TooManyHolds,
    /// Above the tolerance.
    #[error("at most {left} can be captured by the tolerance")]
    AboveTolerance {
        /// The most that can be captured now.
        left: Money,
    },
    /// More than remains.
    #[error("{left} remains to be reversed")]
    AboveRemainder {
        /// What remains.
        left: Money,
    },
    /// A sum leaves the range of amounts.
    #[error("the amounts together are out of range")]
    OutOfRange,
}

impl Authorisation {
    /// An amount of its currency.
    #[must_use]
    pub const fn money(&self, minor: i64) -> Money {
        Money::new(minor, self.currency)
    }

    /// What is approved and not captured, minor units; nothing once it has ended.
    #[must_use]
    pub fn remainder(&self) -> i64 {
        match self.status {
            AuthorisationStatus::Authorised => self.authorised.saturating_sub(self.captured).max(0),
            AuthorisationStatus::Pending
            | AuthorisationStatus::Declined
            | AuthorisationStatus::Captured
            | AuthorisationStatus::Reversed
            | AuthorisationStatus::Expired => 0,
        }
    }

    /// What the ledger has set aside for it, minor units.
    #[must_use]
    pub fn held(&self) -> i64 {
        self.holds.iter().fold(0, |sum, hold| sum.saturating_add(hold.remaining))
    }

    /// Whether another operation may begin at an instant.
    ///
    /// # Errors
    /// [`NotTaken::State`], also where its time is over and nobody has noticed yet;
    /// [`NotTaken::Busy`].
    pub fn is_free(&self, now: UnixMicros) -> Result<(), NotTaken> {
        match self.status {
            // What is under way decides what comes of this.
            AuthorisationStatus::Pending => Err(NotTaken::Busy),
            AuthorisationStatus::Authorised if self.pending.is_some() => Err(NotTaken::Busy),
            AuthorisationStatus::Authorised if now < self.expires_at => Ok(()),
            AuthorisationStatus::Authorised => Err(NotTaken::State(AuthorisationStatus::Expired)),
            AuthorisationStatus::Declined
            | AuthorisationStatus::Captured
            | AuthorisationStatus::Reversed
            | AuthorisationStatus::Expired => Err(NotTaken::State(self.status)),
        }
    }

    /// Whether it can be raised by an amount.
    ///
    /// # Errors
    /// [`NotTaken::TooManyHolds`], [`NotTaken::OutOfRange`].
    pub fn may_increment(&self, amount: i64) -> Result<(), NotTaken> {
        if self.holds.len() >= MOST_HOLDS {
            return Err(NotTaken::TooManyHolds);
        }
        let raised = self.authorised.checked_add(amount);
        let raised = raised.filter(|minor| self.money(*minor).movable().is_ok());
        raised.map(drop).ok_or(NotTaken::OutOfRange)
    }

    /// Whether so much can be captured, by the tolerance.
    ///
    /// # Errors
    /// [`NotTaken::AboveTolerance`].
    pub fn may_capture(&self, amount: i64, tolerance: Tolerance) -> Result<(), NotTaken> {
        let most = self.authorised.saturating_add(tolerance.above(self.authorised));
        let left = most.saturating_sub(self.captured).max(0);
        if amount <= left {
            return Ok(());
        }
        Err(NotTaken::AboveTolerance { left: self.money(left) })
    }

    /// Whether so much can be reversed.
    ///
    /// # Errors
    /// [`NotTaken::AboveRemainder`].
    pub fn may_reverse(&self, amount: i64) -> Result<(), NotTaken> {
        let left = self.remainder();
        if amount <= left {
            return Ok(());
        }
        Err(NotTaken::AboveRemainder { left: self.money(left) })
    }

    /// What a capture asks of the ledger: out of the holds, the oldest first, and beyond them
    /// out of the account. The last one gives the others back.
    #[must_use]
    pub fn plan_capture(&self, amount: i64, last: bool) -> Plan {
        let mut plan = Plan { beyond: amount, ..Plan::default() };
        for hold in &self.holds {
            let taken = hold.remaining.min(plan.beyond);
            if taken > 0 {
                let keep_rest = !last && taken < hold.remaining;
                plan.parts.push(Part { number: hold.number, amount: taken, keep_rest });
                plan.beyond = plan.beyond.saturating_sub(taken);
            } else if last {
                plan.released.push(Released { number: hold.number, amount: None });
            }
        }
        plan
    }

    /// What a reversal asks of the ledger: first what is not held needs nothing of it, then the
    /// youngest holds. One of all that remains gives every hold back.
    #[must_use]
    pub fn plan_reversal(&self, amount: i64) -> Plan {
        let whole = amount >= self.remainder();
        let unheld = self.remainder().saturating_sub(self.held()).max(0);
        let mut left = amount.saturating_sub(unheld).max(0);
        let mut plan = Plan::default();
        for hold in self.holds.iter().rev() {
            let given = hold.remaining.min(left);
            if whole || given == hold.remaining {
                plan.released.push(Released { number: hold.number, amount: None });
            } else if given > 0 {
                plan.released.push(Released { number: hold.number, amount: Some(given) });
            }
            left = left.saturating_sub(given);
        }
        plan
    }

    /// The ledger has set an amount aside.
    pub fn hold(&mut self, number: i64, remaining: i64) {
        self.holds.push(CardHold { number, remaining });
    }

    /// An authorisation or increment is approved.
    ///
    /// # Errors
    /// [`NotTaken::OutOfRange`].
    pub fn approve(&mut self, amount: i64) -> Result<(), NotTaken> {
        self.authorised = self.authorised.checked_add(amount).ok_or(NotTaken::OutOfRange)?;
        self.status = AuthorisationStatus::Authorised;
        Ok(())
    }

    /// A capture is booked.
    ///
    /// # Errors
    /// [`NotTaken::OutOfRange`].
    pub fn capture(&mut self, amount: i64, last: bool, plan: &Plan) -> Result<(), NotTaken> {
        self.captured = self.captured.checked_add(amount).ok_or(NotTaken::OutOfRange)?;
        for part in &plan.parts {
            self.lower(part.number, part.amount);
        }
        if last {
            self.end(AuthorisationStatus::Captured);
        }
        Ok(())
    }

    /// A reversal is done; without a rest it is the end.
    pub fn reverse(&mut self, amount: i64, plan: &Plan) {
        self.authorised = self.authorised.saturating_sub(amount);
        for released in &plan.released {
            match released.amount {
                None => self.holds.retain(|hold| hold.number != released.number),
                Some(given) => self.lower(released.number, given),
            }
        }
        if self.remainder() == 0 {
            self.end(AuthorisationStatus::Reversed);
        }
    }

    /// It ends, and nothing is held for it any more.
    pub fn end(&mut self, status: AuthorisationStatus) {
        self.status = status;
        self.holds.clear();
    }

    fn lower(&mut self, number: i64, by: i64) {
        for hold in self.holds.iter_mut().filter(|hold| hold.number == number) {
            hold.remaining = hold.remaining.saturating_sub(by);
        }
        self.holds.retain(|hold| hold.remaining > 0);
    }
}

#[cfg(test)]
mod tests;
