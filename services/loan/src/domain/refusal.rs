//! Why the domain refuses: each variant is a fact with its data. Amounts in minor units.

use florin_kernel::{Currency, Date};

use super::{loan::State, plan::PlanError};

/// A refusal decided on the state of a loan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The state does not allow it.
    #[error("a loan that is {state} cannot be {verb}")]
    NotAllowed {
        /// The state.
        state: State,
        /// What was to happen: `approved`.
        verb: &'static str,
    },
    /// The second person is the first.
    #[error("{person} has acted on it before; another person is asked for")]
    SamePerson {
        /// Who.
        person: String,
    },
    /// The two persons who approve said different amounts.
    #[error(
        "the first approval is for {endorsed}, this one for {amount}: both name one amount, or it is rejected"
    )]
    OtherAmount {
        /// The first amount.
        endorsed: i64,
        /// The second.
        amount: i64,
    },
    /// More than was applied for.
    #[error("{amount} is not from 1 to the {requested} applied for")]
    AboveRequest {
        /// What was to be approved.
        amount: i64,
        /// What was applied for.
        requested: i64,
    },
    /// A rejection without a reason.
    #[error("a rejection names a reason")]
    NoReason,
    /// More than is left of what was approved.
    #[error("{amount} is more than the {left} left of the approval")]
    AboveApproval {
        /// What was to be disbursed.
        amount: i64,
        /// What is left.
        left: i64,
    },
    /// All disbursements of the product were made.
    #[error("all {most} disbursements were made")]
    NoTrancheLeft {
        /// How many there may be.
        most: u32,
    },
    /// The first instalment would be due before the money is there.
    #[error("the first instalment is due on {first_due}, not after {on}")]
    FirstDuePassed {
        /// The day of the disbursement.
        on: Date,
        /// The first due date that was agreed.
        first_due: Date,
    },
    /// More than pays the loan off, without leave to return the rest.
    #[error("{amount} is more than the {pay_off} that pay the loan off")]
    AbovePayOff {
        /// What came in.
        amount: i64,
        /// What pays it off.
        pay_off: i64,
    },
    /// New terms in another currency.
    #[error("the loan is in {expected}, the new terms are in {given}")]
    CurrencyMismatch {
        /// The loan's.
        expected: Currency,
        /// That of the terms.
        given: Currency,
    },
    /// Before the last move of money.
    #[error("{on} is before {last}, when money moved last")]
    Backdated {
        /// The day.
        on: Date,
        /// The day of the last move.
        last: Date,
    },
    /// The reference belongs to something else.
    #[error("reference {reference} was used with other content")]
    ReferenceReused {
        /// The reference.
        reference: String,
    },
    /// No repayment has the reference.
    #[error("no repayment was made under reference {reference}")]
    RepaymentNotFound {
        /// The reference.
        reference: String,
    },
    /// The repayment is undone already.
    #[error("repayment {reference} was reversed before")]
    AlreadyReversed {
        /// The reference.
        reference: String,
    },
    /// The plan refuses it.
    #[error(transparent)]
    Plan(#[from] PlanError),
}
