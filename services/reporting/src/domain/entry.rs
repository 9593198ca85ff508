//! Entries.

use florin_kernel::{AccountId, Date, Money, TransactionId, UnixMicros};

use super::fold;

/// The side of an entry, from the customer's view of the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Lowers the balance.
    Debit,
    /// Raises the balance.
    Credit,
}

impl Direction {
    /// As the database spells it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Debit => "debit",
            Self::Credit => "credit",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Debit, Self::Credit].into_iter().find(|side| side.name() == name)
    }
}

/// One debit or credit of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The account.
    pub account_id: AccountId,
    /// Its version after the entry.
    pub account_version: i64,
    /// The journal transaction.
    pub transaction_id: TransactionId,
    /// Business date.
    pub booking_date: Date,
    /// Date for interest.
    pub value_date: Date,
    /// Side.
    pub direction: Direction,
    /// Positive.
    pub amount: Money,
    /// Posted balance after it.
    pub posted_after: Money,
    /// Kind of transaction.
    pub kind: String,
    /// Text of the statement.
    pub description: String,
    /// The other side, as the bank knows it.
    pub counterparty: String,
    /// When the transaction was recorded.
    pub recorded_at: UnixMicros,
}

impl Entry {
    /// Sorts the entries of an account from the oldest to the newest: booking date, recording
    /// time, version, each at a fixed width. Unique within the account by the version.
    #[must_use]
    pub fn sort_key(&self) -> String {
        let (booked, at, version) = (self.booking_date, self.recorded_at.0, self.account_version);
        format!("{booked}{at:017}{version:012}")
    }

    /// The words that a search finds it by.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        fold::words(&self.description)
    }
}
