//! Lists the entries of an account, newest first.

use florin_kernel::AccountId;
use florin_rpc::{CallContext, Error, page};
use florin_runtime::internal;

use super::{get_account::get_account, ledger::Ledger};
use crate::{
    domain::account::Account,
    store::entries::{self, EntryRow},
};

/// Entries of a page where none is asked for.
const DEFAULT: i32 = 50;
/// Most entries of a page.
pub const MOST: i32 = 500;

/// The account, a page of its entries, and the token of the next page or empty.
///
/// # Errors
/// `ACCOUNT_NOT_FOUND`, `PAGE_TOKEN_INVALID`.
pub async fn list_entries(
    ledger: &Ledger,
    context: &CallContext,
    id: AccountId,
    page_size: i32,
    page_token: &str,
) -> Result<(Account, Vec<EntryRow>, String), Error> {
    let (account, _) = get_account(ledger, context, id).await?;
    let filter = account.id.clone();
    let below = page::decode(context.method, filter.as_bytes(), page_token)?;
    let below = below.and_then(|cursor| cursor.parse().ok()).unwrap_or(i64::MAX);
    let size = i64::from(if page_size == 0 { DEFAULT } else { page_size });
    let found = entries::page(ledger.db.read(), &account.id, below, size + 1).await;
    let mut rows = found.map_err(internal)?;
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    let more = rows.len() > size;
    rows.truncate(size);
    let next = rows
        .last()
        .filter(|_| more)
        .map(|row| page::encode(context.method, filter.as_bytes(), &row.event.version.to_string()));
    Ok((account, rows, next.unwrap_or_default()))
}
