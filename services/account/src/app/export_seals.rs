//! Streams the seals, to be kept outside the bank.

use florin_proto::account::v1::{ExportSealsRequest, ExportSealsResponse};
use florin_runtime::internal;
use florin_store::{Database, StoreError};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::{STREAM_BUFFER, ledger::Ledger};
use crate::{store::seals, wire};

/// Seals of one page.
const PAGE: i64 = 500;

impl Ledger {
    /// Streams the seals after a business date, in order.
    #[must_use]
    pub fn export_seals(
        &self,
        request: ExportSealsRequest,
    ) -> ReceiverStream<Result<ExportSealsResponse, Status>> {
        let (out, stream) = mpsc::channel(STREAM_BUFFER);
        let db = self.db.clone();
        tokio::spawn(async move {
            if let Err(error) = export(&db, request.after_business_date, &out).await {
                // A reader that left needs no last word.
                drop(out.send(Err(internal(error).into())).await);
            }
        });
        ReceiverStream::new(stream)
    }
}

async fn export(
    db: &Database,
    mut after: String,
    out: &mpsc::Sender<Result<ExportSealsResponse, Status>>,
) -> Result<(), StoreError> {
    loop {
        let page = seals::after(db.read(), &after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.closed.to_string();
        for seal in &page {
            let told = ExportSealsResponse { seal: Some(wire::end_of_day::seal(seal)) };
            if out.send(Ok(told)).await.is_err() {
                return Ok(());
            }
        }
    }
}
