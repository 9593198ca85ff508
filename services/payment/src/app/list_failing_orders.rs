//! Orders that cannot be run: kept, tried again ever more rarely, and told to people.

use florin_kernel::OrderId;
use florin_proto::{
    payment::v1::{FailingOrder, ListFailingOrdersRequest, ListFailingOrdersResponse},
    timestamp,
};
use florin_rpc::CallContext;
use florin_runtime::internal;
use florin_store::{StoreError, Tx};
use tonic::{Response, Status};

use super::{Payment, advance_clearing::plain, advance_transfers::later};
use crate::store::failing_orders;

/// Orders that are told one by one.
const MOST: i64 = 200;

impl Payment {
    /// Lists the orders that could not be run and have something to do, the longest failing first.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn list_failing_orders(
        &self,
        _: &CallContext,
        _: ListFailingOrdersRequest,
    ) -> Result<Response<ListFailingOrdersResponse>, Status> {
        let (found, all) = failing_orders::list(self.db.read(), MOST).await.map_err(internal)?;
        let orders = found.into_iter().map(|one| FailingOrder {
            order_id: one.id,
            attempts: i32::try_from(one.attempts).unwrap_or(i32::MAX),
            since: Some(timestamp(one.since)),
            next_attempt_at: Some(timestamp(one.next_at)),
            last_cause: one.cause,
        });
        let total = i32::try_from(all).unwrap_or(i32::MAX);
        Ok(Response::new(ListFailingOrdersResponse { orders: orders.collect(), total }))
    }

    /// Keeps that an order cannot be run, and when it is tried again.
    pub(super) async fn note_failing_order(
        &self,
        id: OrderId,
        cause: &str,
    ) -> Result<(), StoreError> {
        self.db
            .write(async |tx: Tx| {
                let now = tx.now().await?;
                let before = failing_orders::find(&tx, id).await?;
                let attempts = before.as_ref().map_or(0, |one| one.attempts).saturating_add(1);
                let failing = failing_orders::FailingOrder {
                    id: id.to_string(),
                    attempts,
                    since: before.map_or(now, |one| one.since),
                    next_at: later(now, self.config.backoff_stuck(attempts)),
                    cause: plain(cause),
                };
                failing_orders::note(&tx, &failing).await
            })
            .await
    }
}
