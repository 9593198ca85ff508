//! Cancels a transfer while it can be: before its money moves.

use florin_events::position;
use florin_kernel::TransferId;
use florin_proto::{
    common::v1::{Initiator, PrincipalKind},
    payment::v1::{CancelTransferRequest, CancelTransferResponse, Reason},
};
use florin_rpc::{CallContext, Error, Verb};
use florin_runtime::{Failure, internal, once};
use florin_store::{Tx, audit};
use prost::Message;
use tonic::{Response, Status};

use super::{Payment, accept::payer, events, get_transfer::transfer_not_found};
use crate::{
    domain::{Event, NotAllowed, Relation},
    grpc::convert::transfer_id,
    store::{self, Lease, Record, reservations::Back},
    wire::{wire_status, wire_transfer},
};

impl Payment {
    /// Cancels a transfer. The row's lock decides between this and a worker.
    ///
    /// # Errors
    /// `TRANSFER_NOT_FOUND`, also for those that the caller may not pay from;
    /// `TRANSFER_NOT_CANCELLABLE`.
    pub async fn cancel_transfer(
        &self,
        ctx: &CallContext,
        request: CancelTransferRequest,
    ) -> Result<Response<CancelTransferResponse>, Status> {
        let id = transfer_id(&request.transfer_id).map_err(Error::invalid)?;
        let record = store::find(self.db.read(), id).await.map_err(internal)?;
        let record = record.ok_or_else(|| transfer_not_found(id))?;
        if !self.may_cancel(ctx, &record).await? {
            return Err(transfer_not_found(id).into());
        }
        let cancelled =
            once(&self.db, ctx, &request, async |tx: Tx| self.cancel(&tx, ctx, id).await).await?;
        self.watchers.tell([id]);
        Ok(cancelled)
    }

    /// Who pays cancels; a cash deposit has no such customer. The one that pays by a reversal was
    /// wrongly paid: what the bank takes back is not its to stop.
    async fn may_cancel(&self, ctx: &CallContext, record: &Record) -> Result<bool, Error> {
        if ctx.principal.is_customer() && is_the_banks(record) {
            return Ok(false);
        }
        match record.transfer.order().route().debtor() {
            Some(debtor) => self.caller_may(ctx, Verb::Pay, debtor).await,
            None => Ok(!ctx.principal.is_customer()),
        }
    }

    async fn cancel(
        &self,
        tx: &Tx,
        ctx: &CallContext,
        id: TransferId,
    ) -> Result<CancelTransferResponse, Failure> {
        let mut record =
            store::lock(tx, &[id]).await?.pop().ok_or_else(|| transfer_not_found(id))?;
        let now = tx.now().await?;
        record.transfer.apply(Event::Cancelled, now).map_err(not_cancellable)?;
        record.due_at = None;
        // Before positions of the outbox are drawn: nobody waits for those of one that waits.
        let short = store::reservations::give_back(tx, &[Back::of(&record)]).await?;
        let event = events::ended(&record, &events::causation_of(&[], &record));
        let ids = self.outbox.append(tx, event.into_iter().collect()).await?;
        record.position = position::encode(&ids);
        store::update(tx, std::slice::from_ref(&record), Lease::GivenBack).await?;
        let entry = audit::Entry {
            actor: ctx.principal.scope_key(),
            on_behalf_of: None,
            method: ctx.method.to_owned(),
            reference: id.to_string(),
            at: now,
        };
        audit::record(tx, entry).await?;
        let (meter, status) = (self.meter.clone(), record.transfer.status());
        tx.on_commit(move || {
            meter.ended(status);
            meter.short(short);
        });
        Ok(CancelTransferResponse { transfer: Some(wire_transfer(&record, payer(ctx))) })
    }
}

/// Whether the bank takes money back by it: a reversal, or a refund that no customer ordered.
fn is_the_banks(record: &Record) -> bool {
    let Some(link) = record.transfer.order().link() else { return false };
    match link.relation {
        Relation::Reversal => true,
        Relation::Refund => {
            let initiator = Initiator::decode(record.initiator.as_slice());
            !initiator.is_ok_and(|one| one.kind() == PrincipalKind::Customer)
        }
    }
}

fn not_cancellable(not_allowed: NotAllowed) -> Error {
    Error::new(Reason::TransferNotCancellable, not_allowed.to_string())
        .with("status", wire_status(not_allowed.status).as_str_name())
}
