//! Has the references of failed transfers voided that were ended by a program which voided none.

use std::time::{Duration, Instant};

use florin_kernel::{Role, TransferId};
use florin_proto::account::v1::{ReferenceToVoid, VoidResult, void_result::Outcome};
use florin_rpc::{CallContext, Error, worker_context};
use florin_runtime::internal;
use florin_store::{StoreError, Tx};
use tokio_util::sync::CancellationToken;

use super::Payment;
use crate::{
    domain::posting_reference,
    store::{self, NotVoid},
};

/// How often it is looked for them.
const LOOK_EVERY: Duration = Duration::from_secs(600);
/// References of one call; the ledger takes 500.
const PAGE: u32 = 500;

impl Payment {
    /// Looks until the shutdown for failed transfers whose references are not known to be void:
    /// of before ADR 6, and of replicas of the release before, which go on failing transfers
    /// while an upgrade runs and after it was taken back.
    pub(crate) async fn void_failed_from_time_to_time(self, shutdown: CancellationToken) {
        let mut look = tokio::time::interval(LOOK_EVERY);
        while shutdown.run_until_cancelled(look.tick()).await.is_some() {
            let Some(voided) = shutdown.run_until_cancelled(self.void_failed()).await else {
                return;
            };
            match voided {
                Ok(0) => {}
                Ok(transfers) => {
                    tracing::info!(transfers, "references of failed transfers were voided");
                }
                Err(error) => {
                    let (reason, cause) = (error.reason(), error.message());
                    tracing::warn!(reason, cause, "references of failed transfers are not void");
                }
            }
        }
    }

    /// Voids them, a page at a time, and returns how many.
    ///
    /// # Errors
    /// Those of the database and of the ledger. What was voided before is noted.
    pub async fn void_failed(&self) -> Result<u64, Error> {
        let (mut voided, mut after) = (0_u64, None);
        loop {
            let page = store::not_void(self.db.read(), after, PAGE).await.map_err(internal)?;
            let Some(last) = page.last() else { return Ok(voided) };
            after = Some(last.id);
            let references = page.iter().map(|NotVoid { id, reason }| ReferenceToVoid {
                reference: posting_reference(*id),
                cause: reason.clone(),
            });
            let deadline = Instant::now().checked_add(self.config.ledger_timeout());
            let ctx = CallContext { deadline, ..worker_context(Role::Payment) };
            let results = self.void_references(&ctx, references.collect()).await?;
            let told = page.iter().zip(results);
            let ids: Vec<String> = told
                .filter(|(one, result)| self.is_void(one.id, result))
                .map(|(one, _)| one.id.to_string())
                .collect();
            let note = async |tx: Tx| store::note_voids(&tx, &ids).await;
            self.db.write(note).await.map_err(|error: StoreError| internal(error))?;
            voided = voided.saturating_add(u64::try_from(ids.len()).unwrap_or(u64::MAX));
        }
    }

    fn is_void(&self, transfer: TransferId, result: &VoidResult) -> bool {
        if result.reference != posting_reference(transfer) {
            tracing::error!(%transfer, answered = result.reference, "the ledger answered about another reference");
            return false;
        }
        match &result.outcome {
            Some(Outcome::Voided(_)) => true,
            Some(Outcome::Posted(posted)) => {
                let transaction = &posted.transaction_id;
                tracing::error!(%transfer, transaction, "a transfer was posted and ended otherwise");
                self.meter.contradicted(1);
                false
            }
            Some(Outcome::Refused(refusal)) => {
                let (reason, cause) = (&refusal.reason, &refusal.message);
                tracing::error!(%transfer, reason, cause, "the reference of a failed transfer is not void");
                false
            }
            None => {
                tracing::error!(%transfer, "the ledger answered without an outcome");
                false
            }
        }
    }
}
