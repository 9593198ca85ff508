//! Balances: now, or as of one of the three dates.

use florin_kernel::{AccountId, Date, UnixMicros};
use florin_rpc::{CallContext, Error};
use florin_runtime::internal;

use super::{get_account::get_account, ledger::Ledger};
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
    /// The account with posted and held as of then.
    pub account: Account,
    /// Version of the account; 0 as of a booking or value date.
    pub version: i64,
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
    let (mut account, _) = get_account(ledger, context, id).await?;
    let read = ledger.db.read();
    let (posted, held, version) = match as_of {
        AsOf::Now => (account.posted, account.held, account.version),
        AsOf::Recorded(at) => {
            entries::as_recorded(read, &account.id, at).await.map_err(internal)?
        }
        AsOf::Booked(on) => {
            (entries::as_booked(read, &account.id, on).await.map_err(internal)?, 0, 0)
        }
        AsOf::Valued(on) => {
            (entries::as_valued(read, &account.id, on).await.map_err(internal)?, 0, 0)
        }
    };
    account.posted = posted;
    account.held = held;
    Ok(Balance { account, version })
}
