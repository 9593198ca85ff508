//! Searches the transaction history of an account or a customer.

use std::time::Duration;

use florin_events::inbox;
use florin_kernel::{CustomerId, EventId, Violations};
use florin_proto::reporting::v1::{Reason, SearchTransactionsRequest, SearchTransactionsResponse};
use florin_rpc::{CallContext, Error};
use florin_runtime::internal;
use tonic::{Response, Status};

use super::Reporting;
use crate::{
    domain::{Cursor, Entry, Scope, Search},
    grpc::convert,
    store::read::View,
};

/// When a reader that came too early may come again.
const BEHIND_RETRY: Duration = Duration::from_secs(1);

/// A page of the history, newest first.
pub(crate) struct Found {
    pub(crate) entries: Vec<Entry>,
    /// The last entry of the page, where another page follows.
    pub(crate) more_after: Option<Cursor>,
}

impl Reporting {
    /// A page of what matches, from one state of the read model that has the events of the
    /// positions. A customer sees the accounts in which it has a part at this moment.
    ///
    /// # Errors
    /// INVALID_REQUEST, PAGE_TOKEN_INVALID, HISTORY_NOT_FOUND, READ_SIDE_BEHIND; UNAVAILABLE
    /// where `account` or `cif` does not answer.
    pub async fn search_transactions(
        &self,
        ctx: &CallContext,
        request: SearchTransactionsRequest,
    ) -> Result<Response<SearchTransactionsResponse>, Status> {
        let asked = convert::asked(&request)?;
        let accounts = self.accounts_in(ctx, asked.search.scope).await?;
        self.wait_for(&asked.position).await?;
        let found = self.found(&accounts, &asked.search).await?;
        Ok(Response::new(convert::answer(&asked, found)))
    }

    async fn found(&self, accounts: &[String], search: &Search) -> Result<Found, Error> {
        if accounts.is_empty() {
            return Ok(Found { entries: Vec::new(), more_after: None });
        }
        let view = View::open(&self.db).await.map_err(internal)?;
        let mut found = view.search(accounts, search).await.map_err(internal)?;
        let more = found.len() > search.page_size;
        found.truncate(search.page_size);
        let more_after = found.last().filter(|_| more).map(|(cursor, _)| cursor.clone());
        let entries = found.into_iter().map(|(_, entry)| entry).collect();
        Ok(Found { entries, more_after })
    }

    async fn wait_for(&self, position: &[EventId]) -> Result<(), Error> {
        if position.is_empty() {
            return Ok(());
        }
        let ids: Vec<_> = position.iter().map(ToString::to_string).collect();
        let there = inbox::wait_for(&self.db, &ids, self.position_wait).await;
        if there.map_err(internal)? {
            return Ok(());
        }
        let text = "the read side has not reached the position yet";
        Err(Error::new(Reason::ReadSideBehind, text).retry_after(BEHIND_RETRY))
    }

    /// The accounts that the principal may search. Another's account or customer id looks
    /// like one that does not exist.
    async fn accounts_in(&self, ctx: &CallContext, scope: Scope) -> Result<Vec<String>, Error> {
        match scope {
            Scope::Account(id) => {
                self.account_of_caller(ctx, id).await?.ok_or_else(not_found)?;
                Ok(vec![id.to_string()])
            }
            Scope::AccountOf(id, holder) => {
                own_customer(ctx, holder)?;
                let account = self.account_of_caller(ctx, id).await?.ok_or_else(not_found)?;
                let holder = holder.to_string();
                let held = account.holders.iter().any(|one| one.customer_id == holder);
                if held { Ok(vec![id.to_string()]) } else { Err(not_found()) }
            }
            Scope::Customer(customer) => {
                own_customer(ctx, customer)?;
                let accounts = self.accounts_of(ctx, customer).await?.ok_or_else(too_many)?;
                let known = !accounts.is_empty() || self.customer_exists(ctx, customer).await?;
                if known { Ok(accounts) } else { Err(not_found()) }
            }
        }
    }
}

fn own_customer(ctx: &CallContext, customer: CustomerId) -> Result<(), Error> {
    if ctx.principal.is_customer() && ctx.principal.customer != Some(customer) {
        return Err(not_found());
    }
    Ok(())
}

fn too_many() -> Error {
    let mut violations = Violations::new();
    let text = "holds more accounts than one search goes through: name one account_id";
    violations.add("customer_id", "TOO_MANY", text);
    Error::invalid(violations)
}

fn not_found() -> Error {
    Error::new(Reason::HistoryNotFound, "no such account or customer")
}
