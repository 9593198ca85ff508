//! Streams every transfer in short, for the proof.

use std::collections::{BTreeSet, HashMap};

use florin_kernel::TransferId;
use florin_proto::payment::v1::ExportTransfersResponse;
use florin_runtime::internal;
use florin_store::{Database, StoreError};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::Payment;
use crate::{
    domain::Reservation,
    store::{self, Record},
    wire::wire_export,
};

/// Transfers read at once.
const PAGE: u32 = 500;
/// Answers that wait for a slow reader.
const WAITING: usize = 500;

impl Payment {
    /// Streams every transfer, oldest first, page by page: a transfer that changes meanwhile
    /// is told as it was when its page was read.
    pub fn export_transfers(&self) -> ReceiverStream<Result<ExportTransfersResponse, Status>> {
        let (answers, stream) = mpsc::channel(WAITING);
        let db = self.db.clone();
        tokio::spawn(async move {
            let mut last = None;
            loop {
                let page = match store::after(db.read(), last, PAGE).await {
                    Ok(page) => page,
                    Err(error) => {
                        // A reader that has gone needs no error either.
                        let _ = answers.send(Err(internal(error).into())).await;
                        return;
                    }
                };
                let Some(end) = page.last() else { return };
                last = Some(end.transfer.id());
                let told = match told(&db, &page).await {
                    Ok(told) => told,
                    Err(error) => {
                        let _ = answers.send(Err(internal(error).into())).await;
                        return;
                    }
                };
                for one in told {
                    if answers.send(Ok(one)).await.is_err() {
                        return;
                    }
                }
            }
        });
        ReceiverStream::new(stream)
    }
}

/// A page beside what its transfers return and what of them counts, as that is by now.
async fn told(db: &Database, page: &[Record]) -> Result<Vec<ExportTransfersResponse>, StoreError> {
    let links = page.iter().filter_map(|one| one.transfer.order().link());
    let originals: BTreeSet<TransferId> = links.map(|link| link.original).collect();
    let originals: Vec<TransferId> = originals.into_iter().collect();
    let originals = store::read(db.read(), &originals).await?;
    let originals: HashMap<TransferId, &Record> =
        originals.iter().map(|one| (one.transfer.id(), one)).collect();
    let ids: Vec<String> = page.iter().map(|one| one.transfer.id().to_string()).collect();
    let counted = store::reservations::read(db.read(), &ids).await?;
    let counted: HashMap<&str, &Reservation> =
        counted.iter().map(|one| (one.id.as_str(), one)).collect();
    let one = |(record, id): (&Record, &String)| {
        let original = record.transfer.order().link();
        let original = original.and_then(|link| originals.get(&link.original)).copied();
        wire_export(record, original, counted.get(id.as_str()).copied())
    };
    Ok(page.iter().zip(&ids).map(one).collect())
}
