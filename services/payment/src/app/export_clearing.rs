//! Streams what is between this bank and the clearing network.

use std::time::Duration;

use florin_proto::payment::v1::{ExportClearingRequest, ExportClearingResponse};
use florin_runtime::internal;
use florin_store::StoreError;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::Payment;
use crate::{
    store,
    wire::{wire_incoming, wire_outgoing, wire_unread},
};

/// Rows read at once.
const PAGE: u32 = 500;
/// How often it is said that payments stand still.
const WARN_EVERY: Duration = Duration::from_secs(300);
/// Answers that wait for a slow reader.
const WAITING: usize = 500;

type Answers = mpsc::Sender<Result<ExportClearingResponse, Status>>;

impl Payment {
    /// Streams what went out, what came in, and what could not be taken, page by page.
    pub fn export_clearing(
        &self,
        request: ExportClearingRequest,
    ) -> ReceiverStream<Result<ExportClearingResponse, Status>> {
        let (answers, stream) = mpsc::channel(WAITING);
        let payment = self.clone();
        tokio::spawn(async move {
            if let Err(error) = payment.tell_clearing(&answers, request.waiting_only).await {
                // A reader that has gone needs no error either.
                let _ = answers.send(Err(internal(error).into())).await;
            }
        });
        ReceiverStream::new(stream)
    }

    /// Says now and then until the shutdown that payments between banks stand still, where no
    /// network is connected and some are under way.
    pub(crate) async fn warn_of_what_waits(self, shutdown: CancellationToken) {
        let mut look = tokio::time::interval(WARN_EVERY);
        while shutdown.run_until_cancelled(look.tick()).await.is_some() {
            match store::clearing_waits(self.db.read()).await {
                Ok(false) => {}
                Ok(true) => tracing::error!(
                    "payments between banks stand still: no clearing network is connected"
                ),
                Err(error) => tracing::warn!(%error, "payments to other banks could not be read"),
            }
        }
    }

    async fn tell_clearing(&self, answers: &Answers, waiting: bool) -> Result<(), StoreError> {
        let mut last = String::new();
        loop {
            let page = store::outgoing_after(self.db.read(), &last, PAGE).await?;
            let Some(end) = page.last() else { break };
            last.clone_from(&end.id);
            for one in page.iter().filter(|one| !(waiting && one.stage.is_end())) {
                if answers.send(Ok(wire_outgoing(one))).await.is_err() {
                    return Ok(());
                }
            }
        }
        last.clear();
        loop {
            let page = store::incoming_after(self.db.read(), &last, PAGE).await?;
            let Some(end) = page.last() else { break };
            last.clone_from(&end.id);
            let ended = |one: &store::Incoming| one.stage == crate::domain::Arrival::Done;
            for one in page.iter().filter(|one| !(waiting && ended(one))) {
                if answers.send(Ok(wire_incoming(one))).await.is_err() {
                    return Ok(());
                }
            }
        }
        last.clear();
        loop {
            let page = store::unread_after(self.db.read(), &last, PAGE).await?;
            let Some(end) = page.last() else { return Ok(()) };
            last.clone_from(&end.id);
            for one in &page {
                if answers.send(Ok(wire_unread(one))).await.is_err() {
                    return Ok(());
                }
            }
        }
    }
}
