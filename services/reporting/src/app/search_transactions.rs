//! Searches the transaction history of an account or a customer.

use std::time::Duration;

use florin_events::inbox;
use florin_kernel::{AccountId, CustomerId, EventId};
use florin_proto::reporting::v1::Reason;
use florin_rpc::{Error, PartyRole, Principal, Verb};
use florin_runtime::internal;

use super::Reporting;
use crate::{
    domain::{Cursor, Entry, Holder, HolderPart, Scope, Search},
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
    /// A page of what matches, from one state of the read model that has the events of
    /// `position`.
    pub(crate) async fn search_transactions(
        &self,
        principal: &Principal,
        search: &Search,
        position: &[EventId],
    ) -> Result<Found, Error> {
        self.wait_for(position).await?;
        let view = View::open(&self.db).await.map_err(internal)?;
        let accounts = accounts_in(&view, principal, search.scope).await?;
        if accounts.is_empty() {
            return Ok(Found { entries: Vec::new(), more_after: None });
        }
        let mut found = view.search(&accounts, search).await.map_err(internal)?;
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
}

/// The accounts that the principal may search. A customer sees the accounts in which it has
/// a part; another's account or customer id looks like one that does not exist.
async fn accounts_in(
    view: &View,
    principal: &Principal,
    scope: Scope,
) -> Result<Vec<String>, Error> {
    match scope {
        Scope::Account(account) => visible_account(view, principal, account, None).await,
        Scope::AccountOf(account, holder) => {
            own_customer(principal, holder)?;
            visible_account(view, principal, account, Some(holder)).await
        }
        Scope::Customer(customer) => {
            own_customer(principal, customer)?;
            let accounts = view.accounts_of(customer).await;
            let accounts = accounts.map_err(internal)?;
            let known =
                !accounts.is_empty() || view.customer_exists(customer).await.map_err(internal)?;
            if known { Ok(accounts) } else { Err(not_found()) }
        }
    }
}

fn own_customer(principal: &Principal, customer: CustomerId) -> Result<(), Error> {
    if principal.is_customer() && principal.customer != Some(customer) {
        return Err(not_found());
    }
    Ok(())
}

async fn visible_account(
    view: &View,
    principal: &Principal,
    account: AccountId,
    held_by: Option<CustomerId>,
) -> Result<Vec<String>, Error> {
    if !view.account_exists(account).await.map_err(internal)? {
        return Err(not_found());
    }
    let holders = view.holders_of(account).await.map_err(internal)?;
    let parties: Vec<_> = holders.iter().map(party).collect();
    let held = held_by.is_none_or(|who| holders.iter().any(|holder| holder.customer_id == who));
    if !held || !principal.may(Verb::View, &parties) {
        return Err(not_found());
    }
    Ok(vec![account.to_string()])
}

fn party(holder: &Holder) -> (CustomerId, PartyRole) {
    let role = match holder.part {
        HolderPart::Owner => PartyRole::Owner,
        HolderPart::AuthorisedUser => PartyRole::AuthorisedUser,
        HolderPart::Viewer => PartyRole::Viewer,
    };
    (holder.customer_id, role)
}

fn not_found() -> Error {
    Error::new(Reason::HistoryNotFound, "no such account or customer")
}
