//! Creates a scheduled or standing order.

use florin_kernel::{OrderId, Violations};
use florin_proto::payment::v1::{CreateOrderRequest, CreateOrderResponse, Reason};
use florin_rpc::{CallContext, Error};
use florin_runtime::{Failure, internal, keyed, once};
use florin_store::{
    Tx, audit, id_parts,
    idempotency::{self, Answer, Key, Lookup},
};
use prost::Message;
use tonic::{Response, Status};

use super::{Payment, accept::Checked, create_transfer::not_an_order};
use crate::{
    domain::Standing,
    grpc::convert::OrderDraft,
    store::{self, orders::StandingOrder},
    wire::wire_order,
};

impl Payment {
    /// Creates an order; its transfers come with its dates.
    ///
    /// # Errors
    /// Every violated field at once; those of a transfer's accounts, as they are today.
    pub async fn create_order(
        &self,
        ctx: &CallContext,
        request: CreateOrderRequest,
    ) -> Result<Response<CreateOrderResponse>, Status> {
        let draft = OrderDraft::try_from(&request).map_err(Error::invalid)?;
        // A repeat depends on nothing that has changed since: not on the date, for one.
        let key = keyed::key_of(ctx, &request)?;
        match idempotency::look_up(self.db.read(), &key).await.map_err(internal)? {
            Lookup::New => {}
            Lookup::Replay(answer) => return keyed::response_of(answer),
            Lookup::OtherPayload => return Err(keyed::other_payload().into()),
        }
        if let Some(first) = self.order_of_key(&key).await? {
            return Ok(first);
        }
        let today = self.books.today(ctx).await?;
        if draft.schedule.first_on <= today {
            let mut violations = Violations::new();
            let text = format!("must be after the business date {today}");
            violations.add("first_on", "NOT_LATER", text);
            return Err(Error::invalid(violations).into());
        }
        let Checked { order, on_behalf_of } = self.check_transfer(ctx, draft.transfer).await?;
        if order.route().other_bank().is_some() {
            let text = "the IBAN is of another bank, and orders pay accounts of this one";
            return Err(Error::new(Reason::ClearingNotConnected, text).into());
        }
        // What each of its transfers costs is quoted when it comes due.
        let order = order.charged(None).map_err(not_an_order)?;
        let (millis, random) = id_parts();
        let id = OrderId::from_parts(millis, random);
        let standing = Standing::new(draft.schedule, draft.retries);
        once(&self.db, ctx, &request, async |tx: Tx| {
            let created_at = tx.now().await?;
            let order = StandingOrder {
                id,
                order: order.clone(),
                standing,
                customer: ctx.principal.customer.or(on_behalf_of),
                actor: ctx.principal.scope_key(),
                initiator: ctx.principal.to_initiator().encode_to_vec(),
                created_at,
                last_transfer: None,
                events: 0,
            };
            store::orders::insert(&tx, &order).await?;
            store::orders::keep_key(&tx, &key, id).await?;
            let entry = audit::Entry {
                actor: ctx.principal.scope_key(),
                on_behalf_of: on_behalf_of.map(|customer| customer.to_string()),
                method: ctx.method.to_owned(),
                reference: id.to_string(),
                at: created_at,
            };
            audit::record(&tx, entry).await?;
            Ok::<_, Failure>(CreateOrderResponse { order: Some(wire_order(&order)) })
        })
        .await
    }

    /// The answer to a key whose own row is gone: its order as it is now, or that the key was used
    /// with another request.
    async fn order_of_key(
        &self,
        key: &Key,
    ) -> Result<Option<Response<CreateOrderResponse>>, Status> {
        let found = store::orders::of_key(self.db.read(), key).await.map_err(internal)?;
        let Some((id, is_same)) = found else { return Ok(None) };
        if !is_same {
            return Err(keyed::other_payload().into());
        }
        let order = store::orders::find(self.db.read(), id).await.map_err(internal)?;
        let order = order.ok_or_else(|| Error::internal(format!("order {id} of a key is gone")))?;
        let body = CreateOrderResponse { order: Some(wire_order(&order)) }.encode_to_vec();
        keyed::response_of(Answer { code: 0, body }).map(Some)
    }
}
