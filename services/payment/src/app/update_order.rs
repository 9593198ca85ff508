//! Changes the amount of an order, or its last date.

use florin_kernel::{Date, Money, Violations};
use florin_proto::payment::v1::{UpdateOrderRequest, UpdateOrderResponse};
use florin_rpc::{CallContext, Error};
use tonic::{Response, Status};

use super::{
    Payment,
    change_order::{Changed, order_state},
    create_transfer::not_an_order,
};
use crate::{domain::Order, grpc::convert::OrderChange, store::orders::StandingOrder};

impl Payment {
    /// Changes what the mask names; audited with what it was before.
    ///
    /// # Errors
    /// Every violated field at once; `ORDER_NOT_FOUND`, also for another's; `ORDER_STATE` for one
    /// that has ended.
    pub async fn update_order(
        &self,
        ctx: &CallContext,
        request: UpdateOrderRequest,
    ) -> Result<Response<UpdateOrderResponse>, Status> {
        let change = OrderChange::try_from(&request).map_err(Error::invalid)?;
        // What a new last date brings after the business date alone is paid.
        let last = match change.last_on {
            Some(last_on) => Some((last_on, self.books.today(ctx).await?)),
            None => None,
        };
        let apply = |order: &mut StandingOrder| apply(order, change.amount.as_deref(), last);
        let answer = |order| UpdateOrderResponse { order: Some(order) };
        self.change_of_order(ctx, &request, change.id, apply, answer).await
    }
}

/// Changes the amount, and the last date on this business date.
fn apply(
    one: &mut StandingOrder,
    amount: Option<&str>,
    last: Option<(Option<Date>, Date)>,
) -> Result<Changed, Error> {
    one.standing.may_change().map_err(order_state)?;
    let (before, schedule) = (one.order.amount(), one.standing.schedule);
    let mut violations = Violations::new();
    let amount = amount.and_then(|text| {
        let amount = Money::parse_in(before.currency(), text);
        violations.check("amount", amount.and_then(Money::positive).and_then(Money::movable))
    });
    if last.is_some_and(|(last_on, _)| last_on.is_some_and(|last| last < schedule.first_on)) {
        violations.add("last_on", "NOT_LATER", "must not be before the first date");
    }
    violations.finish(Some(())).map_err(Error::invalid)?;
    let mut changed = Changed { passed: Vec::new(), audited: one.id.to_string() };
    if let Some(amount) = amount {
        let (route, description) = (one.order.route().clone(), one.order.description().to_owned());
        let order = Order::new(route, amount, description).map_err(not_an_order)?;
        // What each of its transfers costs is quoted when it comes due.
        one.order = order.charged(None).map_err(not_an_order)?;
        changed.audited.push_str(&format!("; amount: {} -> {}", before.amount(), amount.amount()));
    }
    if let Some((last_on, today)) = last {
        changed.passed = one.standing.end_on(last_on, today).map_err(order_state)?;
        let told = |date: Option<Date>| date.map_or_else(|| "none".into(), |on| on.to_string());
        let (before, after): (String, String) = (told(schedule.last_on), told(last_on));
        changed.audited.push_str(&format!("; last_on: {before} -> {after}"));
    }
    Ok(changed)
}
