//! What two persons decide where nobody answers: the end of a payment between banks, and of money
//! in suspense.

use florin_kernel::{AccountId, ApprovalId};

use super::{Arrival, Stage};

/// What is decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remedy {
    /// The network has settled it.
    Settle,
    /// It has not and never will, by this code of ISO 20022.
    Reject(String),
    /// It goes back from suspense once more.
    Return,
    /// It is credited to this account; a recall of it is answered with this code.
    Credit(AccountId, String),
    /// It is booked to this GL account.
    BookOut(String),
    /// It was dealt with otherwise.
    Dismiss,
}

impl Remedy {
    /// Every number in the database and in the contract.
    pub const CODES: std::ops::RangeInclusive<i64> = 1..=6;

    /// The number in the database and in the contract.
    #[must_use]
    pub const fn code(&self) -> i64 {
        match self {
            Self::Settle => 1,
            Self::Reject(_) => 2,
            Self::Return => 3,
            Self::Credit(..) => 4,
            Self::BookOut(_) => 5,
            Self::Dismiss => 6,
        }
    }

    /// Whether the ledger books it, by a posting of the repair's own.
    #[must_use]
    pub const fn is_booked(&self) -> bool {
        matches!(self, Self::Credit(..) | Self::BookOut(_))
    }
}

/// What is to be repaired, as this bank has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ailing {
    /// A payment on its way out; and whether the network has spoken against where it is.
    Out(Stage, bool),
    /// So a return.
    Back(Stage, bool),
    /// Come in; whether it is a return, and whether a repair has it.
    In(Arrival, bool, bool),
    /// A message that could not be taken; whether it was dealt with.
    Unread(bool),
}

impl Ailing {
    /// Whether people may decide so: what the network still has to answer, what it answered in
    /// two ways before the ledger was done, what rests in suspense, what was said against an end.
    #[must_use]
    pub const fn takes(self, remedy: &Remedy) -> bool {
        match (self, remedy) {
            (
                Self::Out(Stage::Submitting, _)
                | Self::Back(Stage::Submitting, _)
                | Self::Out(Stage::Rejected, true)
                | Self::Back(Stage::Rejected, true),
                Remedy::Settle | Remedy::Reject(_),
            )
            // Its money is in suspense still: it can leave as if nothing had been said before.
            | (Self::Back(Stage::Unpaid, true), Remedy::Settle)
            | (
                Self::Out(Stage::Done | Stage::Unpaid, true)
                | Self::Back(Stage::Done | Stage::Unpaid, true),
                Remedy::Dismiss,
            )
            | (Self::In(Arrival::Kept, false, false), Remedy::Return)
            | (Self::In(Arrival::Kept, _, false), Remedy::Credit(..) | Remedy::BookOut(_))
            | (Self::Unread(false), Remedy::Dismiss) => true,
            (
                Self::Out(..) | Self::Back(..) | Self::In(..) | Self::Unread(_),
                Remedy::Settle
                | Remedy::Reject(_)
                | Remedy::Return
                | Remedy::Credit(..)
                | Remedy::BookOut(_)
                | Remedy::Dismiss,
            ) => false,
        }
    }
}

/// How far a repair is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RepairStage {
    /// A second person is asked for.
    Proposed,
    /// The ledger is, or may have been, asked.
    Executing,
    /// The end: it was done.
    Done,
    /// The end: people said no.
    Rejected,
    /// The end: nothing is left to decide.
    Lapsed,
    /// The end: the ledger refused, and its reference is void.
    Failed,
}

impl RepairStage {
    /// Every stage.
    pub const ALL: &'static [Self] =
        &[Self::Proposed, Self::Executing, Self::Done, Self::Rejected, Self::Lapsed, Self::Failed];

    /// The number in the database and in the contract.
    #[must_use]
    pub const fn code(self) -> i64 {
        match self {
            Self::Proposed => 1,
            Self::Executing => 2,
            Self::Done => 3,
            Self::Rejected => 4,
            Self::Lapsed => 5,
            Self::Failed => 6,
        }
    }

    /// The stage of a number; None where there is none.
    #[must_use]
    pub fn from_code(code: i64) -> Option<Self> {
        Self::ALL.iter().copied().find(|stage| stage.code() == code)
    }
}

/// The natural reference of the posting of a repair.
#[must_use]
pub fn repair_reference(id: ApprovalId) -> String {
    format!("{id}/repair")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remedies() -> [Remedy; 6] {
        let account = AccountId::from_parts(1, [1; 10]);
        [
            Remedy::Settle,
            Remedy::Reject("AC04".into()),
            Remedy::Return,
            Remedy::Credit(account, "CUST".into()),
            Remedy::BookOut("2600".into()),
            Remedy::Dismiss,
        ]
    }

    #[test]
    fn actions_and_stages_are_stored_under_these_numbers_for_ever() {
        let codes: Vec<_> = remedies().iter().map(Remedy::code).collect();
        assert_eq!(codes, [1, 2, 3, 4, 5, 6]);
        let codes: Vec<_> = RepairStage::ALL.iter().map(|stage| stage.code()).collect();
        assert_eq!(codes, [1, 2, 3, 4, 5, 6]);
        assert_eq!(RepairStage::from_code(7), None);
    }

    #[test]
    fn people_end_what_waits_for_the_network_or_for_them_and_nothing_else() {
        let of = |ailing: Ailing| {
            let taken = remedies().into_iter().filter(|remedy| ailing.takes(remedy));
            taken.map(|remedy| remedy.code()).collect::<Vec<_>>()
        };
        for stage in Stage::ALL {
            let (quiet, against) = match stage {
                Stage::Submitting => (vec![1, 2], vec![1, 2]),
                Stage::Rejected => (vec![], vec![1, 2]),
                Stage::Done | Stage::Unpaid => (vec![], vec![6]),
                Stage::New | Stage::Holding | Stage::Settled => (vec![], vec![]),
            };
            assert_eq!(of(Ailing::Out(*stage, false)), quiet, "{stage:?}");
            assert_eq!(of(Ailing::Out(*stage, true)), against, "{stage:?}");
            assert_eq!(of(Ailing::Back(*stage, false)), quiet, "{stage:?}");
            let back = if *stage == Stage::Unpaid { vec![1, 6] } else { against };
            assert_eq!(of(Ailing::Back(*stage, true)), back, "{stage:?}");
        }
        for stage in Arrival::ALL {
            let kept = *stage == Arrival::Kept;
            let (own, back) = if kept { (vec![3, 4, 5], vec![4, 5]) } else { (vec![], vec![]) };
            assert_eq!(of(Ailing::In(*stage, false, false)), own, "{stage:?}");
            assert_eq!(of(Ailing::In(*stage, true, false)), back, "{stage:?}");
            assert_eq!(of(Ailing::In(*stage, false, true)), Vec::<i64>::new(), "{stage:?}");
        }
        assert_eq!(of(Ailing::Unread(false)), [6]);
        assert_eq!(of(Ailing::Unread(true)), Vec::<i64>::new());
    }
}
