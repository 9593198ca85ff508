//! Streams authorisations with what the ledger should have of them.

use std::collections::HashMap;

use florin_proto::payment::v1::{ExportAuthorisationsRequest, ExportAuthorisationsResponse};
use florin_runtime::internal;
use florin_store::StoreError;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::Payment;
use crate::{domain::Operation, store::authorisations, wire::wire_authorisation_export};

/// Rows read at once.
const PAGE: u32 = 500;
/// Answers that wait for a slow reader.
const WAITING: usize = 500;

type Answers = mpsc::Sender<Result<ExportAuthorisationsResponse, Status>>;

impl Payment {
    /// Streams them, page by page.
    pub fn export_authorisations(
        &self,
        request: ExportAuthorisationsRequest,
    ) -> ReceiverStream<Result<ExportAuthorisationsResponse, Status>> {
        let (answers, stream) = mpsc::channel(WAITING);
        let payment = self.clone();
        tokio::spawn(async move {
            if let Err(error) = payment.tell_authorisations(&answers, request.in_doubt_only).await {
                // A reader that has gone needs no error either.
                let _ = answers.send(Err(internal(error).into())).await;
            }
        });
        ReceiverStream::new(stream)
    }

    async fn tell_authorisations(
        &self,
        answers: &Answers,
        in_doubt_only: bool,
    ) -> Result<(), StoreError> {
        let mut last = String::new();
        loop {
            // Both of one state: a hold and the operation that placed it are written together.
            let snapshot = self.db.snapshot().await?;
            let page = authorisations::after(&snapshot, &last, in_doubt_only, PAGE).await?;
            let Some(end) = page.last() else { return Ok(()) };
            last = end.authorisation.id.to_string();
            let ids: Vec<_> = page.iter().map(|card| card.authorisation.id.to_string()).collect();
            let operations = authorisations::operations_of(&snapshot, &ids).await?;
            drop(snapshot);
            let mut of: HashMap<_, Vec<&Operation>> = HashMap::new();
            for one in &operations {
                of.entry(one.authorisation).or_default().push(one);
            }
            for card in &page {
                let operations = of.remove(&card.authorisation.id).unwrap_or_default();
                let told = wire_authorisation_export(card, &operations);
                if answers.send(Ok(told)).await.is_err() {
                    return Ok(());
                }
            }
        }
    }
}
