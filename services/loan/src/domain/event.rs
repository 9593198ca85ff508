//! What happened to a loan. A loan is the fold of its events.

use florin_kernel::{CustomerId, Date};

use super::{
    book::{Beyond, Policy},
    request::Request,
    terms::Terms,
};

/// What was applied for, and by which version of a product: it stays, whatever comes after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Application {
    /// Who borrows.
    pub customer: CustomerId,
    /// The product's code.
    pub product: String,
    /// The number of its version.
    pub version: u32,
    /// What the version says of loans under way.
    pub policy: Policy,
    /// Most disbursements.
    pub tranches: u32,
    /// What is asked for.
    pub request: Request,
    /// The person who entered it; who approves is another.
    pub maker: String,
}

/// An event after the application. Those that move money have a reference, unique in the loan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// One of two persons agrees.
    Endorsed {
        /// Who.
        by: String,
        /// The principal agreed to.
        amount: i64,
    },
    /// The bank is ready to lend.
    Approved {
        /// Who said so, last.
        by: String,
        /// At most this principal.
        amount: i64,
    },
    /// The bank does not lend.
    Rejected {
        /// Who said so.
        by: String,
        /// Why; at least one.
        reasons: Vec<String>,
    },
    /// The customer agrees.
    Accepted,
    /// Ended before money moved.
    Cancelled {
        /// Why.
        reason: String,
    },
    /// Money went to the customer.
    Disbursed {
        /// Its reference.
        reference: String,
        /// When.
        on: Date,
        /// How much, before the fee that is kept back.
        amount: i64,
    },
    /// Money came from the customer; or, where nothing came in, the loan was settled with what had
    /// been paid ahead.
    Repaid {
        /// Its reference.
        reference: String,
        /// When.
        on: Date,
        /// How much came in; zero settles.
        amount: i64,
        /// How much of it went back, for nothing owed it.
        returned: i64,
        /// What it is for beyond what is due.
        beyond: Beyond,
    },
    /// A repayment was undone: it never counted.
    Reversed {
        /// The reversal's reference.
        reference: String,
        /// That of the repayment.
        repayment: String,
    },
    /// Other terms hold from a day on.
    Restructured {
        /// Its reference.
        reference: String,
        /// The day.
        on: Date,
        /// The new terms.
        terms: Terms,
        /// The first new due date, where it is not one distance later.
        first_due: Option<Date>,
    },
    /// The bank gave up what is owed.
    WrittenOff {
        /// Its reference.
        reference: String,
        /// When.
        on: Date,
        /// Who proposed it.
        maker: String,
        /// Who agreed.
        checker: String,
    },
    /// Money came in after that.
    Recovered {
        /// Its reference.
        reference: String,
        /// When.
        on: Date,
        /// How much.
        amount: i64,
    },
}

impl Event {
    /// The reference of an event that moves money.
    #[must_use]
    pub fn reference(&self) -> Option<&str> {
        match self {
            Self::Disbursed { reference, .. }
            | Self::Repaid { reference, .. }
            | Self::Reversed { reference, .. }
            | Self::Restructured { reference, .. }
            | Self::WrittenOff { reference, .. }
            | Self::Recovered { reference, .. } => Some(reference),
            Self::Endorsed { .. }
            | Self::Approved { .. }
            | Self::Rejected { .. }
            | Self::Accepted
            | Self::Cancelled { .. } => None,
        }
    }
}
