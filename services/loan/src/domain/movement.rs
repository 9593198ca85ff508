//! Movements of money: one journal transaction each, asked for by a worker under a reference
//! that is used for nothing else, ever.

use std::collections::BTreeMap;

use florin_kernel::{Date, LoanId, Money, TransactionId, UnixMicros};

/// What a movement is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MovementKind {
    /// To the customer.
    Disbursement,
    /// From the customer.
    Repayment,
    /// A repayment back to the customer.
    Reversal,
    /// What is given up.
    WriteOff,
    /// From the customer, after that.
    Recovery,
}

impl MovementKind {
    /// Every kind.
    pub const ALL: &'static [Self] =
        &[Self::Disbursement, Self::Repayment, Self::Reversal, Self::WriteOff, Self::Recovery];

    /// The number that is stored.
    #[must_use]
    pub const fn code(self) -> i64 {
        match self {
            Self::Disbursement => 1,
            Self::Repayment => 2,
            Self::Reversal => 3,
            Self::WriteOff => 4,
            Self::Recovery => 5,
        }
    }

    /// That of a number.
    #[must_use]
    pub fn from_code(code: i64) -> Option<Self> {
        Self::ALL.iter().copied().find(|one| one.code() == code)
    }

    /// The word in its reference.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Disbursement => "disburse",
            Self::Repayment => "repay",
            Self::Reversal => "reverse",
            Self::WriteOff => "writeoff",
            Self::Recovery => "recover",
        }
    }

    /// The kind of its journal transaction.
    #[must_use]
    pub const fn journal_kind(self) -> &'static str {
        match self {
            Self::Disbursement => "loan_disbursement",
            Self::Repayment => "loan_repayment",
            Self::Reversal => "loan_repayment_reversal",
            Self::WriteOff => "loan_write_off",
            Self::Recovery => "loan_recovery",
        }
    }

    /// The reference of a loan's movement of a number: numbers are used once, whatever the kind.
    #[must_use]
    pub fn reference(self, loan: LoanId, number: i64) -> String {
        format!("{loan}/{}/{number}", self.word())
    }
}

/// Where a movement is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MovementState {
    /// The ledger is being asked.
    Pending,
    /// It is being taken back.
    Undoing,
    /// The money has moved.
    Done,
    /// The ledger refused it, and it never moves.
    Failed,
    /// It was taken back, and it never moves.
    Undone,
}

impl MovementState {
    /// Every state.
    pub const ALL: &'static [Self] =
        &[Self::Pending, Self::Undoing, Self::Done, Self::Failed, Self::Undone];

    /// The number that is stored.
    #[must_use]
    pub const fn code(self) -> i64 {
        match self {
            Self::Pending => 1,
            Self::Undoing => 2,
            Self::Done => 3,
            Self::Failed => 4,
            Self::Undone => 5,
        }
    }

    /// That of a number.
    #[must_use]
    pub fn from_code(code: i64) -> Option<Self> {
        Self::ALL.iter().copied().find(|one| one.code() == code)
    }

    /// Whether it has not ended.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::Undoing)
    }
}

/// Why the ledger refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The reason.
    pub reason: String,
    /// Its domain.
    pub domain: String,
    /// In words.
    pub message: String,
    /// Its facts.
    pub facts: BTreeMap<String, String>,
}

/// A movement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Movement {
    /// Its reference in the ledger.
    pub reference: String,
    /// Of which loan.
    pub loan: LoanId,
    /// Its number among the loan's.
    pub number: i64,
    /// What.
    pub kind: MovementKind,
    /// What the journal transaction debits in all.
    pub amount: Money,
    /// The business date by which it counts.
    pub on: Date,
    /// Where it is.
    pub state: MovementState,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// The journal transaction.
    pub transaction: Option<TransactionId>,
    /// When it was asked for.
    pub created_at: UnixMicros,
    /// When its state last changed.
    pub changed_at: UnixMicros,
}

impl Movement {
    /// Ends it: with its journal transaction.
    pub fn done(&mut self, transaction: TransactionId, now: UnixMicros) {
        self.transaction = Some(transaction);
        self.end(MovementState::Done, now);
    }

    /// Ends it: refused, or undone where that was asked for, and its reference void.
    pub fn void(&mut self, failure: Failure, now: UnixMicros) {
        if self.state == MovementState::Undoing {
            self.end(MovementState::Undone, now);
            return;
        }
        self.failure = Some(failure);
        self.end(MovementState::Failed, now);
    }

    fn end(&mut self, state: MovementState, now: UnixMicros) {
        self.state = state;
        self.changed_at = self.changed_at.max(now);
    }
}
