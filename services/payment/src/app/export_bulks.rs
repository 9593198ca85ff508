//! Streams every bulk beside what is kept of it, for the proof.

use florin_proto::payment::v1::ExportBulksResponse;
use florin_runtime::internal;
use florin_store::{Database, StoreError};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::Payment;
use crate::{
    store::{self, bulk_report::Figures},
    wire::bulks::wire_bulk,
};

/// Bulks read at once.
const PAGE: i64 = 100;
/// Answers that wait for a slow reader.
const WAITING: usize = 16;

impl Payment {
    /// Streams every bulk, oldest first; each with figures of one snapshot.
    pub fn export_bulks(&self) -> ReceiverStream<Result<ExportBulksResponse, Status>> {
        let (answers, stream) = mpsc::channel(WAITING);
        let db = self.db.clone();
        tokio::spawn(async move {
            if let Err(error) = export(&db, &answers).await {
                // A reader that has gone needs no error either.
                let _ = answers.send(Err(internal(error).into())).await;
            }
        });
        ReceiverStream::new(stream)
    }
}

async fn export(
    db: &Database,
    answers: &mpsc::Sender<Result<ExportBulksResponse, Status>>,
) -> Result<(), StoreError> {
    let mut last = None;
    loop {
        let page = store::bulks::after(db.read(), last, PAGE).await?;
        let Some(end) = page.last() else { return Ok(()) };
        last = Some(end.id);
        for bulk in &page {
            if answers.send(Ok(one(db, bulk.id).await?)).await.is_err() {
                return Ok(());
            }
        }
    }
}

async fn one(db: &Database, id: florin_kernel::BulkId) -> Result<ExportBulksResponse, StoreError> {
    let snapshot = db.snapshot().await?;
    let gone = || StoreError::Corrupt(format!("bulk {id} is gone"));
    let bulk = store::bulks::find(&snapshot, id).await?.ok_or_else(gone)?;
    let Figures { counts, sums, transfers, unpaired, batches, batch_sum } =
        store::bulk_report::figures(&snapshot, id).await?;
    let [kept_lines, kept_wrong, kept_taken, kept_refused] = counts;
    let [kept_sum, taken_sum] = sums;
    let [kept_batches, batch_lines, batch_wrong] = batches;
    let (transfers, transfers_sum) = transfers;
    Ok(ExportBulksResponse {
        bulk: Some(wire_bulk(&bulk)),
        kept_lines,
        kept_wrong,
        kept_taken,
        kept_refused,
        kept_sum,
        taken_sum,
        transfers,
        transfers_sum,
        unpaired_lines: unpaired,
        kept_batches,
        batch_lines,
        batch_wrong,
        batch_sum,
    })
}
