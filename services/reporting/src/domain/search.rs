//! What somebody looks for.

use florin_kernel::{AccountId, Currency, CustomerId, Date};

use super::Direction;

/// Which accounts are searched; one of the two is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// One account.
    Account(AccountId),
    /// All accounts that a customer holds.
    Customer(CustomerId),
    /// One account, provided that the customer holds it.
    AccountOf(AccountId, CustomerId),
}

/// Where the next page goes on: after this entry, in the order from newest to oldest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// Its sort key.
    pub sort_key: String,
    /// Its account.
    pub account_id: String,
}

impl Cursor {
    /// As it stands inside a page token.
    #[must_use]
    pub fn to_text(&self) -> String {
        format!("{} {}", self.sort_key, self.account_id)
    }

    /// Reads it back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (sort_key, account_id) = text.split_once(' ')?;
        Some(Self { sort_key: sort_key.to_owned(), account_id: account_id.to_owned() })
    }
}

/// A search; every filter given must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    /// Which accounts.
    pub scope: Scope,
    /// Booking date not before.
    pub from: Option<Date>,
    /// Booking date not after.
    pub to: Option<Date>,
    /// Currency of the amount.
    pub currency: Option<Currency>,
    /// Amount at least, minor units of the currency.
    pub min_minor: Option<i64>,
    /// Amount at most, minor units of the currency.
    pub max_minor: Option<i64>,
    /// Kind of transaction.
    pub kind: Option<String>,
    /// Part of the counterparty, folded.
    pub counterparty: Option<String>,
    /// Prefixes of words, folded; each must be met.
    pub words: Vec<String>,
    /// Side.
    pub direction: Option<Direction>,
    /// Entries on a page.
    pub page_size: usize,
    /// Where to go on.
    pub after: Option<Cursor>,
}
