//! Lists what the bank books by: GL accounts and products, each by its code.

use florin_rpc::{CallContext, Error, page};
use florin_runtime::internal;

use super::ledger::Ledger;
use crate::{
    domain::posting::GlAccount,
    store::chart::{self, Product},
};

/// Items of a page where none is asked for.
const DEFAULT: i32 = 50;
/// Most items of a page.
pub const MOST: i32 = 200;

/// A page of the chart and the token of the next, or empty. A page is asked for by its size,
/// where 0 is the default, and its token.
///
/// # Errors
/// `PAGE_TOKEN_INVALID`.
pub async fn list_gl_accounts(
    ledger: &Ledger,
    context: &CallContext,
    (size, token): (i32, &str),
) -> Result<(Vec<GlAccount>, String), Error> {
    let after = page::decode(context.method, b"", token)?.unwrap_or_default();
    let size = size_of(size);
    let found = chart::gl_accounts_after(ledger.db.read(), &after, i64::from(size) + 1).await;
    Ok(cut(context, found.map_err(internal)?, size, |gl| &gl.code))
}

/// A page of the products, as [`list_gl_accounts`].
///
/// # Errors
/// `PAGE_TOKEN_INVALID`.
pub async fn list_products(
    ledger: &Ledger,
    context: &CallContext,
    (size, token): (i32, &str),
) -> Result<(Vec<Product>, String), Error> {
    let after = page::decode(context.method, b"", token)?.unwrap_or_default();
    let mut found = chart::products(ledger.db.read()).await.map_err(internal)?;
    found.retain(|product| product.code > after);
    Ok(cut(context, found, size_of(size), |product| &product.code))
}

const fn size_of(size: i32) -> i32 {
    if size == 0 { DEFAULT } else { size }
}

/// The first of the items that were found, and a token where there are more.
fn cut<T>(
    context: &CallContext,
    mut found: Vec<T>,
    size: i32,
    code: impl Fn(&T) -> &str,
) -> (Vec<T>, String) {
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    let more = found.len() > size;
    found.truncate(size);
    let next = found.last().filter(|_| more);
    let next = next.map(|item| page::encode(context.method, b"", code(item)));
    (found, next.unwrap_or_default())
}
