//! Streams journal transactions, holds and voids for the pairing of the proof.

use florin_proto::{
    account::v1::{
        ExportReferencesResponse, HoldReference, TransactionReference, VoidedReference,
        export_references_response::Item,
    },
    timestamp, wire_money,
};
use florin_rpc::Error;
use florin_runtime::internal;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::{STREAM_BUFFER, ledger::Ledger};
use crate::{
    store::{holds, records, voids},
    wire,
};

/// Rows of one page.
const PAGE: i64 = 1_000;

impl Ledger {
    /// Streams every hold, then every journal transaction, then every voided reference: so that of
    /// a hold that is told as captured the transaction is told, too, though each page is of its
    /// own moment.
    #[must_use]
    pub fn export_references(&self) -> ReceiverStream<Result<ExportReferencesResponse, Status>> {
        let (out, stream) = mpsc::channel(STREAM_BUFFER);
        let ledger = self.clone();
        let work = async move {
            if let Err(error) = ledger.export(&out).await {
                drop(out.send(Err(error.into())).await);
            }
        };
        tokio::spawn(work);
        ReceiverStream::new(stream)
    }

    /// Ends early when the reader goes.
    async fn export(
        &self,
        out: &mpsc::Sender<Result<ExportReferencesResponse, Status>>,
    ) -> Result<(), Error> {
        let mut after = None;
        loop {
            let page = holds::holds_after(self.db.read(), after, PAGE).await;
            let page = page.map_err(internal)?;
            let Some((last, _)) = page.last() else { break };
            after = Some(last.id);
            for (hold, placed_at) in page {
                let item = Item::Hold(HoldReference {
                    hold: Some(wire::hold(&hold)),
                    caller: hold.caller,
                    placed_at: Some(timestamp(placed_at)),
                });
                if out.send(Ok(ExportReferencesResponse { item: Some(item) })).await.is_err() {
                    return Ok(());
                }
            }
        }
        let mut after = None;
        loop {
            let page = records::transactions_after(self.db.read(), after, PAGE).await;
            let page = page.map_err(internal)?;
            let Some((last, _)) = page.last() else { break };
            after = Some(last.id);
            for (transaction, sides) in page {
                let item = Item::Transaction(TransactionReference {
                    transaction_id: transaction.id.to_string(),
                    caller: transaction.caller,
                    reference: transaction.reference,
                    kind: transaction.kind,
                    debits: sides.debits.into_values().map(wire_money).collect(),
                    recorded_at: Some(timestamp(transaction.recorded_at)),
                    reverses: wire::optional(transaction.reverses),
                    debited: sides.debited.into_iter().collect(),
                    credited: sides.credited.into_iter().collect(),
                });
                if out.send(Ok(ExportReferencesResponse { item: Some(item) })).await.is_err() {
                    return Ok(());
                }
            }
        }
        let mut after = (String::new(), String::new());
        loop {
            let page = voids::voids_after(self.db.read(), (&after.0, &after.1), PAGE).await;
            let page = page.map_err(internal)?;
            let Some(last) = page.last() else { return Ok(()) };
            after = (last.caller.clone(), last.reference.clone());
            for voids::StoredVoid { caller, reference, cause } in page {
                let item = Item::Voided(VoidedReference { caller, reference, cause });
                if out.send(Ok(ExportReferencesResponse { item: Some(item) })).await.is_err() {
                    return Ok(());
                }
            }
        }
    }
}
