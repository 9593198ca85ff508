//! Suspends, resumes, skips and cancels orders.

use florin_kernel::{Date, OrderId};
use florin_proto::payment::v1::{self as wire, Reason};
use florin_rpc::{CallContext, Error, Verb};
use florin_runtime::{Failure, internal, once};
use florin_store::{Tx, audit};
use prost::Message;
use tonic::{Response, Status};

use super::Payment;
use crate::{
    domain::{OrderState, Standing},
    grpc::convert::{order_id, skipped_date},
    store::{
        self,
        orders::{OrderRun, StandingOrder},
    },
    wire::wire_order,
};

impl Payment {
    /// Suspends an order.
    ///
    /// # Errors
    /// `ORDER_NOT_FOUND`, also for another's; `ORDER_STATE`.
    pub async fn suspend_order(
        &self,
        ctx: &CallContext,
        request: wire::SuspendOrderRequest,
    ) -> Result<Response<wire::SuspendOrderResponse>, Status> {
        let change = |standing: &mut Standing| standing.suspend().map(|()| Vec::new());
        let answer = |order| wire::SuspendOrderResponse { order: Some(order) };
        self.change_order(ctx, &request, &request.order_id, change, answer).await
    }

    /// Resumes an order with its next date after the business date.
    ///
    /// # Errors
    /// `ORDER_NOT_FOUND`, also for another's; `ORDER_STATE`.
    pub async fn resume_order(
        &self,
        ctx: &CallContext,
        request: wire::ResumeOrderRequest,
    ) -> Result<Response<wire::ResumeOrderResponse>, Status> {
        let today = self.books.today(ctx).await?;
        let change = |standing: &mut Standing| standing.resume(today);
        let answer = |order| wire::ResumeOrderResponse { order: Some(order) };
        self.change_order(ctx, &request, &request.order_id, change, answer).await
    }

    /// Skips the next date of an order.
    ///
    /// # Errors
    /// Every violated field at once; `ORDER_NOT_FOUND`, also for another's; `ORDER_STATE`.
    pub async fn skip_order(
        &self,
        ctx: &CallContext,
        request: wire::SkipOrderRequest,
    ) -> Result<Response<wire::SkipOrderResponse>, Status> {
        let date = skipped_date(&request).map_err(Error::invalid)?;
        let change = |standing: &mut Standing| standing.skip(date).map(|()| vec![date]);
        let answer = |order| wire::SkipOrderResponse { order: Some(order) };
        self.change_order(ctx, &request, &request.order_id, change, answer).await
    }

    /// Cancels an order for good.
    ///
    /// # Errors
    /// `ORDER_NOT_FOUND`, also for another's; `ORDER_STATE`.
    pub async fn cancel_order(
        &self,
        ctx: &CallContext,
        request: wire::CancelOrderRequest,
    ) -> Result<Response<wire::CancelOrderResponse>, Status> {
        let change = |standing: &mut Standing| standing.cancel().map(|()| Vec::new());
        let answer = |order| wire::CancelOrderResponse { order: Some(order) };
        self.change_order(ctx, &request, &request.order_id, change, answer).await
    }

    /// Changes an order under its lock; `change` returns the dates that it passes over.
    async fn change_order<Req: Message, Res: Message + Default + Send>(
        &self,
        ctx: &CallContext,
        request: &Req,
        id: &str,
        change: impl Fn(&mut Standing) -> Result<Vec<Date>, OrderState> + Send + Sync,
        answer: impl Fn(wire::Order) -> Res + Send + Sync,
    ) -> Result<Response<Res>, Status> {
        let id = order_id(id).map_err(Error::invalid)?;
        let change = |order: &mut StandingOrder| {
            let passed = change(&mut order.standing).map_err(order_state)?;
            Ok(Changed { passed, audited: id.to_string() })
        };
        self.change_of_order(ctx, request, id, change, answer).await
    }

    /// As [`Self::change_order`], of all that an order has.
    pub(super) async fn change_of_order<Req: Message, Res: Message + Default + Send>(
        &self,
        ctx: &CallContext,
        request: &Req,
        id: OrderId,
        change: impl Fn(&mut StandingOrder) -> Result<Changed, Error> + Send + Sync,
        answer: impl Fn(wire::Order) -> Res + Send + Sync,
    ) -> Result<Response<Res>, Status> {
        self.order_of(ctx, Verb::Pay, id).await?;
        once(&self.db, ctx, request, async |tx: Tx| {
            let mut order =
                store::orders::lock(&tx, &[id]).await?.pop().ok_or_else(|| order_not_found(id))?;
            let Changed { passed, audited } = change(&mut order)?;
            let at = tx.now().await?;
            let runs: Vec<_> = passed
                .into_iter()
                .map(|date| OrderRun {
                    order: id,
                    date,
                    attempt: 0,
                    transfer: None,
                    reason: Some("SKIPPED".to_owned()),
                    at,
                })
                .collect();
            store::orders::record(&tx, &runs).await?;
            store::orders::update(&tx, std::slice::from_ref(&order)).await?;
            let entry = audit::Entry {
                actor: ctx.principal.scope_key(),
                on_behalf_of: None,
                method: ctx.method.to_owned(),
                reference: audited,
                at,
            };
            audit::record(&tx, entry).await?;
            Ok::<_, Failure>(answer(wire_order(&order)))
        })
        .await
    }

    /// The order, where the caller may do this with the account that pays.
    pub(super) async fn order_of(
        &self,
        ctx: &CallContext,
        verb: Verb,
        id: OrderId,
    ) -> Result<StandingOrder, Error> {
        let order = store::orders::find(self.db.read(), id).await.map_err(internal)?;
        let order = order.ok_or_else(|| order_not_found(id))?;
        match order.order.route().debtor() {
            Some(debtor) if self.caller_may(ctx, verb, debtor).await? => Ok(order),
            Some(_) | None => Err(order_not_found(id)),
        }
    }
}

/// What was changed of an order.
pub(super) struct Changed {
    /// Dates that it passes over.
    pub(super) passed: Vec<Date>,
    /// What is audited: its id, and what was changed.
    pub(super) audited: String,
}

fn order_not_found(id: OrderId) -> Error {
    Error::new(Reason::OrderNotFound, format!("order {id} does not exist"))
}

pub(super) fn order_state(refused: OrderState) -> Error {
    Error::new(Reason::OrderState, refused.to_string()).with("status", refused.status.name())
}
