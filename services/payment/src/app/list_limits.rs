//! Lists limits with what is used of them.

use std::collections::BTreeSet;

use florin_kernel::{AccountId, Money, Violations};
use florin_proto::{
    account::v1::Reason as AccountReason,
    common::v1::Reason as CommonReason,
    payment::v1::{ListLimitsRequest, ListLimitsResponse},
};
use florin_rpc::{CallContext, Error, Verb};
use florin_runtime::internal;
use tonic::{Response, Status};

use super::Payment;
use crate::{
    domain::{Limit, Subject},
    grpc::convert::LimitsQuery,
    store,
    wire::wire_limit,
};

impl Payment {
    /// Lists the limits of the subjects that are named, and of a customer that asks its own.
    ///
    /// # Errors
    /// Every violated field at once; `ACCOUNT_NOT_FOUND` for another's account.
    pub async fn list_limits(
        &self,
        ctx: &CallContext,
        request: ListLimitsRequest,
    ) -> Result<Response<ListLimitsResponse>, Status> {
        let query = LimitsQuery::try_from(&request).map_err(Error::invalid)?;
        let account = query.account;
        let subjects = self.subjects(ctx, query).await?;
        let date = self.books.today(ctx).await?;
        let limits = store::limits::of(self.db.read(), &subjects).await.map_err(internal)?;
        let counter = |limit: &Limit| limit.counter(account, date);
        let counters = limits.iter().filter_map(|(limit, _)| counter(limit)).collect();
        let usage = store::limits::used(self.db.read(), &counters).await.map_err(internal)?;
        let limits = limits.iter().map(|(limit, set_at)| {
            let used = counter(limit).map(|id| usage.get(&id).copied().unwrap_or(0));
            let used = used.map(|used| Money::new(used, limit.maximum.currency()));
            wire_limit(limit, *set_at, used)
        });
        let limits = limits.collect();
        Ok(Response::new(ListLimitsResponse { limits, business_date: date.to_string() }))
    }

    async fn subjects(
        &self,
        ctx: &CallContext,
        query: LimitsQuery,
    ) -> Result<BTreeSet<Subject>, Error> {
        let LimitsQuery { mut customer, account, mut channel } = query;
        if ctx.principal.is_customer() {
            if customer.is_some() && customer != ctx.principal.customer {
                let text = "another customer's limits are not told";
                return Err(Error::new(CommonReason::NotOwnCustomer, text));
            }
            customer = ctx.principal.customer;
            // What a customer's own channel lets pass concerns it; others do not.
            channel = account.is_some().then(|| ctx.principal.client.clone());
        }
        if let Some(id) = account
            && !self.caller_may(ctx, Verb::View, id).await?
        {
            return Err(account_not_found(id));
        }
        let subjects: BTreeSet<Subject> = customer
            .map(Subject::Customer)
            .into_iter()
            .chain(account.map(Subject::Account))
            .chain(channel.map(Subject::Channel))
            .collect();
        if subjects.is_empty() {
            let mut violations = Violations::new();
            let text = "name a customer, an account or a channel";
            violations.add("customer_id", "REQUIRED", text);
            return Err(Error::invalid(violations));
        }
        Ok(subjects)
    }
}

pub(super) fn account_not_found(id: AccountId) -> Error {
    Error::new(AccountReason::AccountNotFound, format!("account {id} does not exist"))
}
