//! Keeps the keys of transfers that the release before wrote, which knew no keys for ever.

use std::time::Duration;

use florin_store::{Database, StoreError, Tx};
use tokio_util::sync::CancellationToken;

use super::Payment;
use crate::store;

/// How often it is looked for them: far more often than keys are pruned, of which each has at
/// least 7 days.
const LOOK_EVERY: Duration = Duration::from_secs(600);

impl Payment {
    /// Looks until the shutdown for transfers without a key of their own. A migration alone is
    /// not enough: replicas of the release before go on writing while an upgrade runs, and after
    /// it was taken back.
    pub(crate) fn guard_keys(
        &self,
        shutdown: CancellationToken,
    ) -> impl Future<Output = ()> + Send + 'static {
        watch(self.db.clone(), shutdown)
    }
}

async fn watch(db: Database, shutdown: CancellationToken) {
    let mut look = tokio::time::interval(LOOK_EVERY);
    while shutdown.run_until_cancelled(look.tick()).await.is_some() {
        let Some(guarded) = shutdown.run_until_cancelled(guard(&db)).await else { return };
        match guarded {
            Ok(0) => {}
            Ok(transfers) => tracing::info!(transfers, "transfers got the keys that guard them"),
            Err(error) => tracing::warn!(%error, "transfers of the release before have no keys"),
        }
    }
}

async fn guard(db: &Database) -> Result<u64, StoreError> {
    let mut guarded: u64 = 0;
    loop {
        // A page a transaction, so that the writer is not held up. Each page lowers what is left.
        match db.write(async |tx: Tx| store::guard_unscoped(&tx).await).await? {
            0 => return Ok(guarded),
            page => guarded = guarded.saturating_add(page),
        }
    }
}
