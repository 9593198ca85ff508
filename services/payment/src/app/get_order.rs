//! Returns an order; lists those of an account.

use std::collections::HashMap;

use florin_proto::{
    account::v1::Reason as AccountReason,
    payment::v1::{GetOrderRequest, GetOrderResponse, ListOrdersRequest, ListOrdersResponse},
};
use florin_rpc::{CallContext, Error, Verb, page};
use florin_runtime::internal;
use prost::Message;
use tonic::{Response, Status};

use super::Payment;
use crate::{
    domain::Ended,
    grpc::convert::{order_id, orders_page},
    store,
    wire::{wire_order, wire_run},
};

/// Runs that are told with an order.
const MOST_RUNS: i64 = 50;

impl Payment {
    /// Returns an order with its last runs, and why those were not paid that were not.
    ///
    /// # Errors
    /// `ORDER_NOT_FOUND`, also for another's.
    pub async fn get_order(
        &self,
        ctx: &CallContext,
        request: GetOrderRequest,
    ) -> Result<Response<GetOrderResponse>, Status> {
        let id = order_id(&request.order_id).map_err(Error::invalid)?;
        let order = self.order_of(ctx, Verb::View, id).await?;
        let runs = store::orders::runs(self.db.read(), id, MOST_RUNS).await.map_err(internal)?;
        let transfers: Vec<_> = runs.iter().filter_map(|run| run.transfer).collect();
        let transfers = store::read(self.db.read(), &transfers).await.map_err(internal)?;
        let failed = transfers.iter().filter_map(|one| match one.transfer.ended() {
            Ended::Unpaid(failure) => Some((one.transfer.id(), failure.reason.clone())),
            Ended::NotYet | Ended::Paid(_) | Ended::Withdrawn => None,
        });
        let failed: HashMap<_, _> = failed.collect();
        let told = runs.iter().map(|run| {
            let mut told = wire_run(run);
            if let Some(reason) = run.transfer.and_then(|id| failed.get(&id)) {
                told.reason.clone_from(reason);
            }
            told
        });
        let runs = told.collect();
        Ok(Response::new(GetOrderResponse { order: Some(wire_order(&order)), runs }))
    }

    /// Lists the orders of an account, newest first.
    ///
    /// # Errors
    /// Every violated field at once; `PAGE_TOKEN_INVALID`; `ACCOUNT_NOT_FOUND` for another's.
    pub async fn list_orders(
        &self,
        ctx: &CallContext,
        request: ListOrdersRequest,
    ) -> Result<Response<ListOrdersResponse>, Status> {
        let (account, size) = orders_page(&request).map_err(Error::invalid)?;
        let filter =
            ListOrdersRequest { page_size: 0, page_token: String::new(), ..request.clone() }
                .encode_to_vec();
        let before = page::decode(ctx.method, &filter, &request.page_token)?
            .map(|cursor| cursor.parse())
            .transpose()
            .map_err(|error| Error::internal(format!("cursor of our own page token: {error}")))?;
        if !self.caller_may(ctx, Verb::View, account).await? {
            let text = format!("account {account} does not exist");
            return Err(Error::new(AccountReason::AccountNotFound, text).into());
        }
        let limit = u64::from(size).saturating_add(1);
        let orders = store::orders::list(self.db.read(), account, before, limit).await;
        let mut orders = orders.map_err(internal)?;
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let more = orders.len() > size;
        orders.truncate(size);
        let next_page_token = match orders.last() {
            Some(last) if more => page::encode(ctx.method, &filter, &last.id.to_string()),
            Some(_) | None => String::new(),
        };
        let orders = orders.iter().map(wire_order).collect();
        Ok(Response::new(ListOrdersResponse { orders, next_page_token }))
    }
}
