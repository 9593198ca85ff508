//! Announces a file of transfers; cancels one.

use florin_kernel::BulkId;
use florin_proto::payment::v1::{
    CancelBulkRequest, CancelBulkResponse, CreateBulkRequest, CreateBulkResponse, Reason,
};
use florin_rpc::{CallContext, Error, Verb};
use florin_runtime::{Failure, once};
use florin_store::{Tx, audit, id_parts};
use prost::Message;
use tonic::{Response, Status};

use super::{
    Payment,
    accounts::{owner, parties},
    create_transfer::debtor_not_found,
};
use crate::{
    domain::{Announced, BulkStatus, Tally},
    grpc::convert::{BulkDraft, bulk_id},
    store::{self, bulks::Bulk},
    wire::bulks::wire_bulk,
};

/// Uploads of an account that may be unfinished at once.
const MOST_UNFINISHED: i64 = 10;

impl Payment {
    /// Announces a file; the same again is answered by the first.
    ///
    /// # Errors
    /// Every violated field at once; `DEBTOR_ACCOUNT_NOT_FOUND`, `BULK_REUSED`, `BULKS_FULL`.
    pub async fn create_bulk(
        &self,
        ctx: &CallContext,
        request: CreateBulkRequest,
    ) -> Result<Response<CreateBulkResponse>, Status> {
        let draft = BulkDraft::try_from(&request).map_err(Error::invalid)?;
        let debtor = self
            .account_of_caller(ctx, draft.from)
            .await?
            .filter(|account| ctx.principal.may(Verb::Pay, &parties(account)))
            .ok_or_else(debtor_not_found)?;
        let currency = debtor.currency.parse();
        let currency = currency
            .map_err(|error| Error::internal(format!("currency of an account: {error}")))?;
        let on_behalf_of = owner(ctx, &debtor);
        let from_iban = debtor.iban.parse().ok();
        let announced = draft.announced(currency, from_iban).map_err(Error::invalid)?;
        let (millis, random) = id_parts();
        let id = BulkId::from_parts(millis, random);
        once(&self.db, ctx, &request, async |tx: Tx| {
            let now = tx.now().await?;
            let new = Bulk {
                id,
                announced: announced.clone(),
                status: BulkStatus::Receiving,
                customer: ctx.principal.customer.or(on_behalf_of),
                actor: ctx.principal.scope_key(),
                initiator: ctx.principal.to_initiator().encode_to_vec(),
                created_at: now,
                changed_at: now,
                received: 0,
                tally: Tally::new(currency),
                taken: 0,
                refused: 0,
                problems: Vec::new(),
                run_on: None,
                version: 0,
                lease: 0,
                batches: 0,
                made_at: None,
                has_other_payers: false,
            };
            if !store::bulks::insert_new(&tx, &new).await? {
                let Announced { from, message_id, .. } = &announced;
                let first = store::bulks::named(&tx, *from, message_id).await?;
                let first = first.ok_or_else(|| Error::internal("a bulk is there and is not"))?;
                if !first.announced.is_same_file(&announced) {
                    return Err(Failure::Refused(reused(&first)));
                }
                return Ok(CreateBulkResponse { bulk: Some(wire_bulk(&first)) });
            }
            if store::bulks::unfinished(&tx, announced.from).await? > MOST_UNFINISHED {
                return Err(Failure::Refused(full()));
            }
            let entry = audit::Entry {
                actor: ctx.principal.scope_key(),
                on_behalf_of: on_behalf_of.map(|customer| customer.to_string()),
                method: ctx.method.to_owned(),
                reference: id.to_string(),
                at: now,
            };
            audit::record(&tx, entry).await?;
            Ok::<_, Failure>(CreateBulkResponse { bulk: Some(wire_bulk(&new)) })
        })
        .await
    }

    /// Cancels a bulk: lines that have not begun never do.
    ///
    /// # Errors
    /// `BULK_NOT_FOUND`, also for another's; `BULK_STATE`.
    pub async fn cancel_bulk(
        &self,
        ctx: &CallContext,
        request: CancelBulkRequest,
    ) -> Result<Response<CancelBulkResponse>, Status> {
        let id = bulk_id(&request.bulk_id).map_err(Error::invalid)?;
        self.bulk_of(ctx, Verb::Pay, id).await?;
        once(&self.db, ctx, &request, async |tx: Tx| {
            let bulk = store::bulks::lock(&tx, id).await?;
            let mut bulk = bulk.ok_or_else(|| bulk_not_found(id))?;
            if !bulk.status.is_open() {
                return Err(Failure::Refused(bulk_state(bulk.status)));
            }
            self.cancel_locked(&tx, &mut bulk).await?;
            let entry = audit::Entry {
                actor: ctx.principal.scope_key(),
                on_behalf_of: None,
                method: ctx.method.to_owned(),
                reference: id.to_string(),
                at: bulk.changed_at,
            };
            audit::record(&tx, entry).await?;
            Ok::<_, Failure>(CancelBulkResponse { bulk: Some(wire_bulk(&bulk)) })
        })
        .await
    }
}

pub(super) fn bulk_not_found(id: BulkId) -> Error {
    Error::new(Reason::BulkNotFound, format!("bulk {id} does not exist"))
}

pub(super) fn bulk_state(status: BulkStatus) -> Error {
    let name = status.name();
    Error::new(Reason::BulkState, format!("the bulk is {name}")).with("status", name)
}

fn reused(first: &Bulk) -> Error {
    let text = "the account has another file under that message id";
    Error::new(Reason::BulkReused, text).with("bulk_id", first.id.to_string())
}

fn full() -> Error {
    let text = format!("at most {MOST_UNFINISHED} uploads of an account may be unfinished");
    Error::new(Reason::BulksFull, text)
}
