//! The end of a business date: steps in order, each for every account that it concerns.

use std::fmt;

use florin_kernel::{AccountId, Date, TransactionId};

/// A step of the end of a business date, in the order in which they are done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Interest accrues.
    Accrual,
    /// Interest is paid to the accounts, or taken from them, where a period ends.
    Capitalisation,
    /// Fees of the month are charged where it ends.
    Fees,
    /// A statement is made where the month ends.
    Statement,
    /// The history of every account that changed is sealed.
    Seal,
}

impl Step {
    /// Every step, in order.
    pub const ALL: &'static [Self] =
        &[Self::Accrual, Self::Capitalisation, Self::Fees, Self::Statement, Self::Seal];

    /// The number in the table and in the contract.
    #[must_use]
    pub const fn number(self) -> i32 {
        match self {
            Self::Accrual => 1,
            Self::Capitalisation => 2,
            Self::Fees => 3,
            Self::Seal => 4,
            Self::Statement => 5,
        }
    }

    /// The step of a number; None for any other.
    #[must_use]
    pub fn from_number(number: i64) -> Option<Self> {
        Self::ALL.iter().copied().find(|step| i64::from(step.number()) == number)
    }

    /// The word in references: `acc_../accrual/2026-11-21`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accrual => "accrual",
            Self::Capitalisation => "capitalisation",
            Self::Fees => "fee",
            Self::Statement => "statement",
            Self::Seal => "seal",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A business date that was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClosedDay {
    /// The date.
    pub closed: Date,
    /// The last day that its end accrues.
    pub through: Date,
}

/// One step for one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountStep {
    /// The account.
    pub account: AccountId,
    /// What is to be done.
    pub step: Step,
    /// At the end of which day.
    pub day: ClosedDay,
    /// The id that its journal transaction gets, if there is one: minted by the caller, so that
    /// a repeated batch is the same.
    pub id: TransactionId,
    /// Who set it going, as JSON.
    pub initiator: String,
    /// Whether somebody asked for it in the midst of a period, on the open date.
    pub settles: bool,
}

impl AccountStep {
    /// Its natural reference: once for an account, a step and a business date.
    #[must_use]
    pub fn reference(&self) -> String {
        format!("{}/{}/{}", self.account, self.step, self.day.closed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_keeps_its_number_and_its_word() {
        let told: Vec<_> = Step::ALL.iter().map(|step| (step.number(), step.name())).collect();
        assert_eq!(
            told,
            [(1, "accrual"), (2, "capitalisation"), (3, "fee"), (5, "statement"), (4, "seal")]
        );
        for step in Step::ALL {
            assert_eq!(Step::from_number(step.number().into()), Some(*step));
        }
        assert_eq!((Step::from_number(0), Step::from_number(99)), (None, None));
        assert!(Step::ALL.is_sorted());
    }
}
