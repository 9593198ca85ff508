//! Streams every movement in short, for the proof.

use florin_proto::loan::v1::{ExportMovementsResponse, LoanStatus};
use florin_runtime::internal;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::Lending;
use crate::{store::movements, wire::wire_movement};

/// Movements read at once.
const PAGE: u32 = 500;
/// Answers that wait for a slow reader.
const WAITING: usize = 500;

impl Lending {
    /// Streams every movement by its reference, page by page: one that changes meanwhile is told
    /// as it was when its page was read.
    pub fn export_movements(&self) -> ReceiverStream<Result<ExportMovementsResponse, Status>> {
        let (answers, stream) = mpsc::channel(WAITING);
        let db = self.db.clone();
        tokio::spawn(async move {
            let mut last = String::new();
            loop {
                let page = match movements::after(db.read(), &last, PAGE).await {
                    Ok(page) => page,
                    Err(error) => {
                        // A reader that has gone needs no error either.
                        let _ = answers.send(Err(internal(error).into())).await;
                        return;
                    }
                };
                let Some((end, ..)) = page.last() else { return };
                last.clone_from(&end.movement.reference);
                for (one, status, has_step) in page {
                    let status = i32::try_from(status).unwrap_or_default();
                    let told = ExportMovementsResponse {
                        movement: Some(wire_movement(&one.movement)),
                        loan_status: LoanStatus::try_from(status).unwrap_or_default().into(),
                        has_step,
                    };
                    if answers.send(Ok(told)).await.is_err() {
                        return;
                    }
                }
            }
        });
        ReceiverStream::new(stream)
    }
}
