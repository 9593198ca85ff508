//! What is done with an authorisation, each under a reference of the card network.

use florin_kernel::{AuthorisationId, Money, TransactionId, UnixMicros};

use crate::domain::Failure;

macro_rules! numbered {
    ($(#[$doc:meta])* $name:ident { $($(#[$of:meta])* $one:ident = $code:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $($(#[$of])* $one),* }

        impl $name {
            /// The number in the contract and in the database.
            #[must_use]
            pub const fn code(self) -> i64 {
                match self { $(Self::$one => $code),* }
            }

            /// What a number stands for; None where it is none.
            #[must_use]
            pub const fn from_code(code: i64) -> Option<Self> {
                match code {
                    $($code => Some(Self::$one),)*
                    _ => None,
                }
            }
        }
    };
}

numbered!(
    /// What an operation does.
    OperationKind {
        /// It begins the authorisation.
        Authorise = 1,
        /// It raises the authorised amount.
        Increment = 2,
        /// It books what the merchant presents.
        Capture = 3,
        /// It gives back.
        Reverse = 4,
        /// Time is over.
        Expire = 5,
    }
);

numbered!(
    /// What became of an operation.
    Decision {
        /// Nothing yet.
        Pending = 1,
        /// Approved, or done.
        Approved = 2,
        /// Declined, or not done.
        Declined = 3,
    }
);

numbered!(
    /// Who decided.
    Decider {
        /// The ledger.
        Ledger = 1,
        /// A limit.
        Limit = 2,
        /// The score.
        Score = 3,
        /// The stand-in: nobody else had in time.
        StandIn = 4,
    }
);

/// An operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// Its authorisation.
    pub authorisation: AuthorisationId,
    /// From 1.
    pub number: i64,
    /// What it does.
    pub kind: OperationKind,
    /// Card network; empty where the bank itself does it.
    pub network: String,
    /// The network's reference, unique in it for ever.
    pub reference: String,
    /// SHA-256 of the request.
    pub request_hash: Vec<u8>,
    /// Amount.
    pub amount: Money,
    /// Of a capture: whether it is the last.
    pub last: bool,
    /// For how long the ledger holds what it sets aside, in seconds: fixed, since a repeat asks
    /// the same.
    pub hold_seconds: i64,
    /// When whoever asked is to be answered; None where nobody stands in.
    pub answer_by: Option<UnixMicros>,
    /// Who set it going: an encoded `florin.common.v1.Initiator`.
    pub initiator: Vec<u8>,
    /// Trace of the request.
    pub traceparent: Option<String>,
    /// The rules of the score that it met.
    pub score: Vec<String>,
    /// When it came.
    pub created_at: UnixMicros,
    /// What became of it.
    pub decision: Decision,
    /// Who decided.
    pub decided_by: Option<Decider>,
    /// When.
    pub decided_at: Option<UnixMicros>,
    /// Why it was declined.
    pub failure: Option<Failure>,
    /// Journal transaction of a capture.
    pub transaction: Option<TransactionId>,
    /// What of it the bank paid for want of funds, minor units.
    pub shortfall: i64,
    /// The counters of limits in which a program of before has reserved its amount.
    pub reserved: Vec<String>,
    /// What of it was given back to them, minor units.
    pub given_back: i64,
}

impl Operation {
    /// Whether it asks for an approval, which is held and answered in time.
    #[must_use]
    pub const fn asks_approval(&self) -> bool {
        matches!(self.kind, OperationKind::Authorise | OperationKind::Increment)
    }

    /// The decision; it is made once.
    pub fn decide(&mut self, decision: Decision, by: Decider, now: UnixMicros) {
        self.decision = decision;
        self.decided_by = Some(by);
        self.decided_at = Some(now);
    }

    /// Declines it.
    pub fn decline(&mut self, failure: Failure, by: Decider, now: UnixMicros) {
        self.decide(Decision::Declined, by, now);
        self.failure = Some(failure);
    }

    /// The reference in the ledger of the hold that it places.
    #[must_use]
    pub fn hold_reference(&self) -> String {
        hold_reference(self.authorisation, self.number)
    }

    /// The reference under which a hold is given back that came after it was declined.
    #[must_use]
    pub fn undo_reference(&self) -> String {
        format!("{}/undo/{}", self.authorisation, self.number)
    }

    /// The reference of the posting of a capture.
    #[must_use]
    pub fn capture_reference(&self) -> String {
        format!("{}/capture/{}", self.authorisation, self.number)
    }

    /// The reference of its posting where the bank pays what the account has no funds for.
    #[must_use]
    pub fn shortfall_reference(&self) -> String {
        format!("{}/capture/{}/shortfall", self.authorisation, self.number)
    }

    /// The reference under which it gives a hold back.
    #[must_use]
    pub fn release_reference(&self, hold: i64) -> String {
        format!("{}/release/{}/{hold}", self.authorisation, self.number)
    }
}

/// The reference in the ledger of the hold that an operation placed.
#[must_use]
pub fn hold_reference(id: AuthorisationId, number: i64) -> String {
    format!("{id}/hold/{number}")
}

/// What an operation gives back to limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// The number of the operation.
    pub number: i64,
    /// How much, minor units.
    pub amount: i64,
    /// The counters in which a program of before has reserved it.
    pub reserved: Vec<String>,
}

/// Of what was reserved for approved operations, what each gives back so that so much has been
/// given back together, the youngest first. It is noted in them.
pub fn give_back(operations: &mut [Operation], together: i64) -> Vec<Given> {
    let before = operations.iter().fold(0_i64, |sum, one| sum.saturating_add(one.given_back));
    let mut left = together.saturating_sub(before).max(0);
    let mut back = Vec::new();
    for one in operations.iter_mut().rev() {
        let amount = left.min(one.amount.minor().saturating_sub(one.given_back));
        if amount > 0 {
            one.given_back = one.given_back.saturating_add(amount);
            left = left.saturating_sub(amount);
            back.push(Given { number: one.number, amount, reserved: one.reserved.clone() });
        }
    }
    back
}
