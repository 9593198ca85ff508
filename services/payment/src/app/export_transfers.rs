//! Streams every transfer in short, for the proof.

use florin_proto::payment::v1::ExportTransfersResponse;
use florin_runtime::internal;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::Payment;
use crate::{store, wire::wire_export};

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
                for record in &page {
                    if answers.send(Ok(wire_export(record))).await.is_err() {
                        return;
                    }
                }
            }
        });
        ReceiverStream::new(stream)
    }
}
