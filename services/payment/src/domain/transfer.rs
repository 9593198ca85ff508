//! The state machine of a transfer.
//!
//! ```text
//! PROCESSING --screened--> POSTING --posted---> COMPLETED
//!     |                       `-----refused--> FAILED
//!     `------cancelled------> CANCELLED
//!
//! between banks:
//! PROCESSING --screened--> HOLDING --held--> SUBMITTING --settled--> SETTLING --posted--> COMPLETED
//!                             `--refused--> FAILED `--rejected--> RELEASING --released--> FAILED
//! ```
//!
//! SUBMITTING is committed with the exact bytes before the network hears of them. Nothing but
//! the network's answer leads out of it, or two persons who have it otherwise (a repair): no
//! timer, and no refusal of the ledger out of SETTLING.
//!
//! POSTING is committed before the ledger is called, so a transfer that may have reached the
//! ledger is never cancelled. AWAITING_SCORE of the contract has no state here while there is
//! no fraud role to wait for.

use std::collections::BTreeMap;

use florin_kernel::{TransactionId, TransferId, UnixMicros};

use super::Order;

/// State of a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// Accepted; nothing has moved.
    Processing,
    /// The ledger is, or may have been, asked to move the money.
    Posting,
    /// The ledger is, or may have been, asked to set the money aside for another bank.
    Holding,
    /// The money is set aside, and the clearing network has, or may have, the payment.
    Submitting,
    /// The network has settled it; the ledger is taking what was set aside.
    Settling,
    /// The network has rejected it; the ledger is giving back what was set aside.
    Releasing,
    /// The money has moved.
    Completed,
    /// Ended unpaid, for a reason.
    Failed,
    /// Ended unpaid by request.
    Cancelled,
}

/// A number that is no state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} is no state of a transfer")]
pub struct StatusError(pub i64);

impl Status {
    /// Every state.
    pub const ALL: &'static [Self] = &[
        Self::Processing,
        Self::Posting,
        Self::Completed,
        Self::Failed,
        Self::Cancelled,
        Self::Holding,
        Self::Submitting,
        Self::Settling,
        Self::Releasing,
    ];

    /// The number in the contract and in the database.
    #[must_use]
    pub const fn code(self) -> i64 {
        match self {
            Self::Processing => 1,
            Self::Posting => 3,
            Self::Completed => 4,
            Self::Failed => 5,
            Self::Cancelled => 6,
            Self::Holding => 7,
            Self::Submitting => 8,
            Self::Settling => 9,
            Self::Releasing => 10,
        }
    }

    /// The state of a number.
    ///
    /// # Errors
    /// There is none.
    pub fn from_code(code: i64) -> Result<Self, StatusError> {
        Self::ALL.iter().copied().find(|status| status.code() == code).ok_or(StatusError(code))
    }

    /// The name in the contract, without prefix.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Processing => "PROCESSING",
            Self::Posting => "POSTING",
            Self::Completed => "COMPLETED",
            Self::Failed => "FAILED",
            Self::Cancelled => "CANCELLED",
            Self::Holding => "HOLDING",
            Self::Submitting => "SUBMITTING",
            Self::Settling => "SETTLING",
            Self::Releasing => "RELEASING",
        }
    }

    /// Whether nothing follows.
    #[must_use]
    pub const fn is_end(self) -> bool {
        match self {
            Self::Processing
            | Self::Posting
            | Self::Holding
            | Self::Submitting
            | Self::Settling
            | Self::Releasing => false,
            Self::Completed | Self::Failed | Self::Cancelled => true,
        }
    }
}

/// Result of the scoring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Screening {
    /// There is no fraud role.
    NotScreened,
}

impl Screening {
    /// The name in the contract and in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotScreened => "NOT_SCREENED",
        }
    }
}

/// Why a transfer ended unpaid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Reason of the ledger, without prefix: `INSUFFICIENT_FUNDS`.
    pub reason: String,
    /// Whose reason it is: `account.florin.bank`.
    pub domain: String,
    /// In words.
    pub message: String,
    /// Its facts by name, as the ledger told them.
    pub facts: BTreeMap<String, String>,
}

/// What can happen to a transfer after its acceptance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The scoring let it pass.
    Screened(Screening),
    /// The ledger posted it, now or in an earlier attempt.
    Posted(TransactionId),
    /// The ledger decided against it; nothing was posted.
    Refused(Failure),
    /// Its client wants it undone.
    Cancelled,
    /// The ledger has set the money aside, now or in an earlier attempt.
    Held,
    /// The clearing network has settled it.
    Settled,
    /// The clearing network has rejected it, by this code of ISO 20022.
    Rejected(String),
    /// The ledger has given back what it had set aside.
    Released(Failure),
}

impl Event {
    /// The event in one word.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Screened(_) => "screened",
            Self::Posted(_) => "posted",
            Self::Refused(_) => "refused",
            Self::Cancelled => "cancelled",
            Self::Held => "held",
            Self::Settled => "settled",
            Self::Rejected(_) => "rejected",
            Self::Released(_) => "released",
        }
    }
}

/// The state does not take the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a transfer that is {} cannot be {event}", status.name())]
pub struct NotAllowed {
    /// The state.
    pub status: Status,
    /// The event.
    pub event: &'static str,
}

/// How a transfer ended, or that it has not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// It has not.
    NotYet,
    /// The money has moved by this journal transaction.
    Paid(TransactionId),
    /// Unpaid, for this reason.
    Unpaid(Failure),
    /// Unpaid by request.
    Withdrawn,
}

/// One state that a transfer went through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The state.
    pub status: Status,
    /// Since when.
    pub at: UnixMicros,
    /// Why, without prefix: of FAILED, and the network's code of RELEASING.
    pub reason: String,
}

/// A transfer, cash deposit or cash withdrawal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    id: TransferId,
    order: Order,
    status: Status,
    screening: Option<Screening>,
    ended: Ended,
    steps: Vec<Step>,
}

impl Transfer {
    /// A transfer that has just been accepted.
    #[must_use]
    pub fn accept(id: TransferId, order: Order, at: UnixMicros) -> Self {
        let first = Step { status: Status::Processing, at, reason: String::new() };
        Self {
            id,
            order,
            status: Status::Processing,
            screening: None,
            ended: Ended::NotYet,
            steps: vec![first],
        }
    }

    /// A transfer as it was stored. None where the parts contradict each other: the last step
    /// is the state, and an end state has its end.
    #[must_use]
    pub fn restore(
        id: TransferId,
        order: Order,
        screening: Option<Screening>,
        ended: Ended,
        steps: Vec<Step>,
    ) -> Option<Self> {
        let status = steps.last()?.status;
        let fits = match (&ended, status) {
            (Ended::NotYet, status) => !status.is_end(),
            (Ended::Paid(_), status) => status == Status::Completed,
            (Ended::Unpaid(_), status) => status == Status::Failed,
            (Ended::Withdrawn, status) => status == Status::Cancelled,
        };
        fits.then_some(Self { id, order, status, screening, ended, steps })
    }

    /// Moves on.
    ///
    /// # Errors
    /// The state does not take the event; then nothing has changed.
    pub fn apply(&mut self, event: Event, at: UnixMicros) -> Result<(), NotAllowed> {
        let refused = NotAllowed { status: self.status, event: event.name() };
        let between_banks = self.order.route().other_bank().is_some();
        let (status, reason) = match (self.status, event) {
            (Status::Processing, Event::Screened(screening)) => {
                self.screening = Some(screening);
                (if between_banks { Status::Holding } else { Status::Posting }, String::new())
            }
            (Status::Processing, Event::Cancelled) => {
                self.ended = Ended::Withdrawn;
                (Status::Cancelled, String::new())
            }
            (Status::Posting | Status::Settling, Event::Posted(transaction)) => {
                self.ended = Ended::Paid(transaction);
                (Status::Completed, String::new())
            }
            (Status::Posting | Status::Holding, Event::Refused(failure))
            | (Status::Releasing, Event::Released(failure)) => {
                let reason = failure.reason.clone();
                self.ended = Ended::Unpaid(failure);
                (Status::Failed, reason)
            }
            (Status::Holding, Event::Held) => (Status::Submitting, String::new()),
            // Out of RELEASING by people alone, where the network has said both.
            (Status::Submitting | Status::Releasing, Event::Settled) => {
                (Status::Settling, String::new())
            }
            (Status::Submitting, Event::Rejected(code)) => (Status::Releasing, code),
            (
                Status::Processing
                | Status::Posting
                | Status::Completed
                | Status::Failed
                | Status::Cancelled
                | Status::Holding
                | Status::Submitting
                | Status::Settling
                | Status::Releasing,
                Event::Screened(_)
                | Event::Posted(_)
                | Event::Refused(_)
                | Event::Cancelled
                | Event::Held
                | Event::Settled
                | Event::Rejected(_)
                | Event::Released(_),
            ) => return Err(refused),
        };
        // The clock of a database may step back; the states are in order all the same.
        let at = self.steps.last().map_or(at, |last| last.at.max(at));
        self.status = status;
        self.steps.push(Step { status, at, reason });
        Ok(())
    }

    /// Its id.
    #[must_use]
    pub const fn id(&self) -> TransferId {
        self.id
    }

    /// What was asked for.
    #[must_use]
    pub const fn order(&self) -> &Order {
        &self.order
    }

    /// Its state.
    #[must_use]
    pub const fn status(&self) -> Status {
        self.status
    }

    /// Result of the scoring; None before.
    #[must_use]
    pub const fn screening(&self) -> Option<Screening> {
        self.screening
    }

    /// How it ended.
    #[must_use]
    pub const fn ended(&self) -> &Ended {
        &self.ended
    }

    /// Every state with its time, in order.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// When it was accepted.
    #[must_use]
    pub fn created_at(&self) -> UnixMicros {
        self.steps.first().map_or(UnixMicros(0), |step| step.at)
    }

    /// When it last changed.
    #[must_use]
    pub fn changed_at(&self) -> UnixMicros {
        self.steps.last().map_or(UnixMicros(0), |step| step.at)
    }
}

#[cfg(test)]
mod tests;
