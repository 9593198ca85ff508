//! Asks the other bank for a completed transfer back.

use florin_kernel::{Bic, RecallId};
use florin_proto::payment::v1::{Reason, RecallTransferRequest, RecallTransferResponse};
use florin_rpc::{CallContext, Error, Verb};
use florin_runtime::{Failure, internal, once};
use florin_store::{Tx, audit, id_parts};
use tonic::{Response, Status};

use super::{Payment, events, get_recall::viewer_of, get_transfer::transfer_not_found};
use crate::{
    clearing::Network,
    domain::{self, RecallStage, Route, days_after, message_id, recall_message_id},
    grpc::convert::RecallDraft,
    store::{self, Record, recalls::Recall},
    wire::{wire_recall, wire_status},
};

impl Payment {
    /// Commits a recall with the exact bytes; a worker sends them. That no other is open is
    /// decided under the lock of the transfer.
    ///
    /// # Errors
    /// Every violated field at once; `TRANSFER_NOT_FOUND`, also for those that the caller may not
    /// pay from; `TRANSFER_NOT_RECALLABLE`, `CLEARING_NOT_CONNECTED`.
    pub async fn recall_transfer(
        &self,
        ctx: &CallContext,
        request: RecallTransferRequest,
    ) -> Result<Response<RecallTransferResponse>, Status> {
        let draft = RecallDraft::try_from(&request).map_err(Error::invalid)?;
        let id = draft.transfer;
        let record = store::find(self.db.read(), id).await.map_err(internal)?;
        let record = record.ok_or_else(|| transfer_not_found(id))?;
        let may = match record.transfer.order().route().debtor() {
            Some(debtor) => self.caller_may(ctx, Verb::Pay, debtor).await?,
            None => !ctx.principal.is_customer(),
        };
        if !may {
            return Err(transfer_not_found(id).into());
        }
        let network = self.connected()?;
        let (millis, random) = id_parts();
        let recall_id = RecallId::from_parts(millis, random);
        once(&self.db, ctx, &request, async |tx: Tx| {
            self.ask_back(&tx, ctx, network, recall_id, &draft).await
        })
        .await
    }

    /// The clearing network.
    pub(super) fn connected(&self) -> Result<&Network, Error> {
        let text = "no clearing network is connected";
        self.network.as_ref().ok_or_else(|| Error::new(Reason::ClearingNotConnected, text))
    }

    async fn ask_back(
        &self,
        tx: &Tx,
        ctx: &CallContext,
        network: &Network,
        id: RecallId,
        draft: &RecallDraft,
    ) -> Result<RecallTransferResponse, Failure> {
        let transfer = draft.transfer;
        // The payment before its transfer, as everywhere.
        let out = store::lock_outgoing(tx, &message_id(transfer)).await?;
        let record = store::lock(tx, &[transfer]).await?.pop();
        let record = record.ok_or_else(|| transfer_not_found(transfer))?;
        let now = tx.now().await?;
        let bank = recallable(&record)?;
        let missing = || Error::internal(format!("{transfer} has no payment to be asked back"));
        let out = out.ok_or_else(missing)?;
        let config = &network.config;
        let long = draft.reason.has_long_period();
        let days = if long { config.recall_long_days } else { config.recall_days };
        if now > days_after(out.changed_at, days) {
            return Err(not_recallable(&record, "TOO_LATE").into());
        }
        if store::has_come_back(tx, transfer).await? {
            return Err(not_recallable(&record, "RETURNED").into());
        }
        if let Some(open) = store::recalls::asking(tx, transfer).await? {
            let error = not_recallable(&record, "RECALLED");
            return Err(error.with("recall_id", open.id.to_string()).into());
        }
        let why = (draft.reason, draft.text.as_str());
        let request = network.recall_of(id, &out, bank, why, now).ok_or_else(missing)?;
        let recall = Recall {
            id,
            is_ours: true,
            case_key: our_case(&config.network, &recall_message_id(id)),
            case_id: recall_message_id(id),
            uetr: out.uetr,
            reason: draft.reason.code().to_owned(),
            print: String::new(),
            request,
            created_at: now,
            stage: RecallStage::Sending,
            payment: Some(transfer.to_string()),
            account: record.transfer.order().route().debtor(),
            amount: Some(out.amount),
            answer: None,
            document: None,
            approval: None,
            repair: None,
            answer_by: None,
            answers: 0,
            changed_at: now,
            due_at: Some(now),
            lease_token: None,
            attempts: 0,
            last_cause: None,
        };
        store::recalls::open(tx, &recall).await?;
        self.outbox.append(tx, vec![events::recall_requested(&recall, &ctx.request_id)]).await?;
        let entry = audit::Entry {
            actor: ctx.principal.scope_key(),
            on_behalf_of: None,
            method: ctx.method.to_owned(),
            reference: format!("{id} of {transfer}: {}", recall.reason),
            at: now,
        };
        audit::record(tx, entry).await?;
        Ok(RecallTransferResponse { recall: Some(wire_recall(&recall, viewer_of(ctx))) })
    }
}

/// The natural key of a case of ours.
pub(super) fn our_case(network: &str, case: &str) -> String {
    format!("out/{network}/{case}")
}

/// The bank that has the money.
fn recallable(record: &Record) -> Result<&Bic, Error> {
    let Route::CrossBank { to_bank, .. } = record.transfer.order().route() else {
        return Err(not_recallable(record, "NOT_CROSS_BANK"));
    };
    if record.transfer.status() != domain::Status::Completed {
        return Err(not_recallable(record, "NOT_COMPLETED"));
    }
    Ok(to_bank)
}

fn not_recallable(record: &Record, cause: &str) -> Error {
    let id = record.transfer.id();
    Error::new(Reason::TransferNotRecallable, format!("transfer {id} cannot be asked back"))
        .with("cause", cause)
        .with("status", wire_status(record.transfer.status()).as_str_name())
}
