//! Opens many accounts at once, each by its own reference: for imports.

use std::collections::BTreeSet;

use florin_kernel::{CustomerId, Date};
use florin_proto::account::v1::{
    ImportAccountResult, ImportAccountsRequest, ImportAccountsResponse,
};
use florin_rpc::{CallContext, Error};
use florin_runtime::internal;
use tonic::{Response, Status};

use super::{
    answer,
    command::{Command, Outcome, Work},
    ledger::{self, Ledger},
    open_account::{Opening, open_of},
    standing,
};
use crate::{
    domain::account::Holder,
    grpc::convert,
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

impl Ledger {
    /// Imports accounts; one result an item, in order. The same call again finds all of it
    /// done.
    ///
    /// # Errors
    /// INVALID_REQUEST for too many items or none, and what fails the call: an absent `cif`,
    /// and see [`Ledger::submit_items`]. An item's fault stands in its result.
    pub async fn import_accounts(
        &self,
        ctx: &CallContext,
        request: ImportAccountsRequest,
    ) -> Result<Response<ImportAccountsResponse>, Status> {
        let ends = self.import(ctx, convert::imports(&request)?).await?;
        let results = request.items.iter().zip(&ends).map(|(item, end)| {
            let reference = item.account.as_ref().map(|open| open.reference.clone());
            result(reference.unwrap_or_default(), end)
        });
        Ok(Response::new(ImportAccountsResponse { results: results.collect() }))
    }

    /// Opens those of the items that could be read, each by itself.
    async fn import(
        &self,
        ctx: &CallContext,
        items: Vec<Result<Item, Error>>,
    ) -> Result<Vec<Result<Outcome, Error>>, Error> {
        let read = || items.iter().flatten();
        let customers: BTreeSet<CustomerId> =
            read().flat_map(|item| &item.holders).map(|holder| holder.customer).collect();
        let objections = standing::objections(self, ctx, customers).await?;
        let objected = |item: &Item| {
            item.holders.iter().find_map(|holder| objections.get(&holder.customer)).cloned()
        };
        // What was opened before is answered from its record, whatever its holders became since.
        let doubtful: Vec<&str> = read()
            .filter(|item| objected(item).is_some())
            .map(|item| item.opening.reference.as_str())
            .collect();
        let used = records::references_of(self.db.read(), &ledger::caller(ctx), &doubtful).await;
        let used = used.map_err(internal)?;
        let products = chart::products(self.db.read()).await.map_err(internal)?;
        let commands = items.into_iter().map(|item| {
            let item = item?;
            if let Some(objection) = objected(&item)
                && !used.contains(&item.opening.reference)
            {
                return Err(objection);
            }
            let open = open_of(&products, ctx, item.opening, item.holders, Some(item.opened_on))?;
            Ok(Command { work: Work::Open(open), key: None, actor: ledger::actor(ctx) })
        });
        self.submit_items(commands.collect(), ctx.deadline).await
    }
}

fn result(reference: String, end: &Result<Outcome, Error>) -> ImportAccountResult {
    let opened = answer::item(end, |outcome| match outcome {
        Outcome::Account { account, replayed, .. } => Some(ImportAccountResult {
            account_id: account.id.to_string(),
            iban: account.iban.clone(),
            replayed: *replayed,
            ..ImportAccountResult::default()
        }),
        Outcome::Posted { .. }
        | Outcome::Held { .. }
        | Outcome::Passed
        | Outcome::SetAside
        | Outcome::Voided { .. }
        | Outcome::Previewed(_)
        | Outcome::Rehearsed(_)
        | Outcome::Refused(_)
        | Outcome::Decided(_)
        | Outcome::Answered(_)
        | Outcome::KeyReused => None,
    });
    let result = opened.unwrap_or_else(|refusal| ImportAccountResult {
        refused: Some(refusal),
        ..ImportAccountResult::default()
    });
    ImportAccountResult { reference, ..result }
}
