//! Streams what is used of limits beside the sum of what counts, for the proof.

use florin_proto::payment::v1::ExportLimitsResponse;
use florin_runtime::internal;
use florin_store::{Database, StoreError};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::Payment;
use crate::{
    store,
    wire::{wire_counter, wire_finding},
};

/// Answers that wait for a slow reader.
const WAITING: usize = 500;

impl Payment {
    /// Streams every counter that began with what counted then, each page with the sums of one
    /// snapshot; and before them what counts and should not, or should and does not.
    pub fn export_limits(&self) -> ReceiverStream<Result<ExportLimitsResponse, Status>> {
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
    answers: &mpsc::Sender<Result<ExportLimitsResponse, Status>>,
) -> Result<(), StoreError> {
    let found = {
        let snapshot = db.snapshot().await?;
        store::reservations::findings(&snapshot).await?
    };
    for (id, finding) in found {
        if answers.send(Ok(wire_finding(id, finding))).await.is_err() {
            return Ok(());
        }
    }
    let mut last = String::new();
    loop {
        let page = {
            let snapshot = db.snapshot().await?;
            let counters = store::limits::seeded_after(&snapshot, &last).await?;
            let named: Vec<_> =
                counters.iter().map(|(id, one, _)| (id.clone(), one.clone())).collect();
            let sums = store::reservations::sums(&snapshot, &named).await?;
            let sum = |id: &String| sums.get(id).copied().unwrap_or(0);
            let told = counters.into_iter().map(|(id, _, used)| (sum(&id), id, used));
            told.collect::<Vec<_>>()
        };
        let Some((_, end, _)) = page.last() else { return Ok(()) };
        last.clone_from(end);
        for (counted, id, used) in page {
            if answers.send(Ok(wire_counter(id, used, counted))).await.is_err() {
                return Ok(());
            }
        }
    }
}
