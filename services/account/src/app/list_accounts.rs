//! Lists accounts: of one customer, or for staff of all.

use florin_rpc::{CallContext, Error, page};
use florin_runtime::internal;

use super::ledger::Ledger;
use crate::store::records::{self, AccountRecord};

/// Accounts of a page where none is asked for.
const DEFAULT: i32 = 50;
/// Most accounts of a page.
pub const MOST: i32 = 200;
/// Sorts behind every id.
const LAST: &str = "acc_~";

/// A page and the token of the next, or empty.
///
/// # Errors
/// `PAGE_TOKEN_INVALID`.
pub async fn list_accounts(
    ledger: &Ledger,
    context: &CallContext,
    customer: &str,
    page_size: i32,
    page_token: &str,
) -> Result<(Vec<AccountRecord>, String), Error> {
    let below = page::decode(context.method, customer.as_bytes(), page_token)?;
    let below = below.as_deref().unwrap_or(LAST);
    let size = i64::from(if page_size == 0 { DEFAULT } else { page_size });
    let found = records::accounts(ledger.db.read(), customer, below, size + 1).await;
    let mut accounts = found.map_err(internal)?;
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    let more = accounts.len() > size;
    accounts.truncate(size);
    let next = accounts
        .last()
        .filter(|_| more)
        .map(|(account, _)| page::encode(context.method, customer.as_bytes(), &account.id));
    Ok((accounts, next.unwrap_or_default()))
}
