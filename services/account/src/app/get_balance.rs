//! Balances: now, or as of one of the three dates.

use florin_kernel::{AccountId, Date, UnixMicros};
use florin_rpc::{CallContext, Error};
use florin_runtime::internal;

use super::{answer, get_account::get_account, ledger::Ledger};
use crate::{domain::account::Account, store::entries};

/// As of when a balance is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AsOf {
    /// As it stands.
    Now,
    /// As known at an instant.
    Recorded(UnixMicros),
    /// At the end of a booking date.
    Booked(Date),
    /// At the end of a value date.
    Valued(Date),
}

/// A balance; minor units of the account's currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Balance {
    /// The account as it stands.
    pub account: Account,
    /// Sum of the entries as of then.
    pub posted: i64,
    /// None as of a booking or value date: holds have neither.
    pub spendable: Option<Spendable>,
    /// Version of the account; 0 as of a booking or value date.
    pub version: i64,
}

/// What was on hold, and what could be spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spendable {
    /// Sum of the open holds.
    pub held: i64,
    /// Posted less held plus overdraft limit, which does not change.
    pub available: i64,
}

/// Reads a balance of an account that the caller may see.
///
/// # Errors
/// `ACCOUNT_NOT_FOUND`.
pub async fn get_balance(
    ledger: &Ledger,
    context: &CallContext,
    id: AccountId,
    as_of: AsOf,
) -> Result<Balance, Error> {
    let (account, _) = get_account(ledger, context, id).await?;
    let read = ledger.db.read();
    let (posted, held, version) = match as_of {
        AsOf::Now => (account.posted, Some(account.held), account.version),
        AsOf::Recorded(at) => {
            let found = entries::as_recorded(read, &account.id, at).await.map_err(internal)?;
            (found.0, Some(found.1), found.2)
        }
        AsOf::Booked(on) => {
            (entries::as_booked(read, &account.id, on).await.map_err(internal)?, None, 0)
        }
        AsOf::Valued(on) => {
            (entries::as_valued(read, &account.id, on).await.map_err(internal)?, None, 0)
        }
    };
    // Before its opening an account has no limit either.
    let spendable = held.map(|held| {
        let limit = if version > 0 { account.overdraft_limit } else { 0 };
        let then = Account { posted, held, overdraft_limit: limit, ..account.clone() };
        then.available().map(|available| Spendable { held, available })
    });
    let spendable = spendable.transpose().map_err(|refusal| answer::error(&refusal))?;
    Ok(Balance { account, posted, spendable, version })
}
