//! Opens many accounts at once, each by its own reference: for imports.

use std::collections::BTreeSet;

use florin_kernel::Date;
use florin_rpc::{CallContext, Error};
use florin_runtime::internal;

use super::{
    command::{Command, Outcome, Work},
    ledger::{self, Ledger},
    open_account::{Opening, open_of},
    standing,
};
use crate::{
    domain::account::Holder,
    store::{chart, records},
};

/// An account as another bank had it.
#[derive(Debug, Clone)]
pub struct Item {
    /// What to open; with a reference.
    pub opening: Opening,
    /// Business date on which the other bank opened it.
    pub opened_on: Date,
    /// The holders, the owner first.
    pub holders: Vec<Holder>,
}

/// Opens those of the items that could be read, each by itself.
///
/// # Errors
/// Only what fails the call: an absent `cif`, and see [`Ledger::submit_items`].
pub async fn import_accounts(
    ledger: &Ledger,
    context: &CallContext,
    items: Vec<Result<Item, Error>>,
) -> Result<Vec<Result<Outcome, Error>>, Error> {
    let read = || items.iter().flatten();
    let customers: BTreeSet<&str> =
        read().flat_map(|item| &item.holders).map(|holder| holder.customer.as_str()).collect();
    let objections = standing::objections(ledger, context, customers).await?;
    let objected = |item: &Item| {
        item.holders.iter().find_map(|holder| objections.get(&holder.customer)).cloned()
    };
    // What was opened before is answered from its record, whatever its holders became since.
    let doubtful: Vec<&str> = read()
        .filter(|item| objected(item).is_some())
        .map(|item| item.opening.reference.as_str())
        .collect();
    let used = records::references_of(ledger.db.read(), &ledger::caller(context), &doubtful).await;
    let used = used.map_err(internal)?;
    let products = chart::products(ledger.db.read()).await.map_err(internal)?;
    let commands = items.into_iter().map(|item| {
        let item = item?;
        if let Some(objection) = objected(&item)
            && !used.contains(&item.opening.reference)
        {
            return Err(objection);
        }
        let open = open_of(&products, context, item.opening, item.holders, Some(item.opened_on))?;
        Ok(Command { work: Work::Open(open), key: None, actor: ledger::actor(context) })
    });
    ledger.submit_items(commands.collect(), context.deadline).await
}
