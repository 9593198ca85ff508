//! Deletes what was used of limits in days and months that are long over.

use std::time::Duration;

use florin_store::{Database, StoreError, Tx};
use tokio_util::sync::CancellationToken;

use super::{Payment, books::Books};
use crate::{
    domain::{months_kept, outlived},
    store,
};

/// How often it is looked for them: they grow by the day.
const LOOK_EVERY: Duration = Duration::from_secs(3_600);
/// Reservations that go in one transaction.
const PAGE: i64 = 1_000;

impl Payment {
    /// Looks until the shutdown for counters that nobody asks for any more. They grow with the
    /// accounts and the days.
    pub(crate) fn prune_counters(
        &self,
        shutdown: CancellationToken,
    ) -> impl Future<Output = ()> + Send + 'static {
        watch(self.db.clone(), self.books.clone(), shutdown)
    }

    /// Deletes what counted more than two months back, and the counters of it, and returns how
    /// many counters there were. A transfer that ends unpaid later gives nothing back.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn delete_old_counters(&self) -> Result<u64, StoreError> {
        prune(&self.db, &self.books).await
    }
}

async fn watch(db: Database, books: Books, shutdown: CancellationToken) {
    let mut look = tokio::time::interval(LOOK_EVERY);
    while shutdown.run_until_cancelled(look.tick()).await.is_some() {
        let Some(pruned) = shutdown.run_until_cancelled(prune(&db, &books)).await else { return };
        match pruned {
            Ok(0) => {}
            Ok(counters) => tracing::info!(counters, "counters of limits were deleted"),
            Err(error) => tracing::warn!(%error, "counters of limits were not deleted"),
        }
    }
}

async fn prune(db: &Database, books: &Books) -> Result<u64, StoreError> {
    let Some(today) = books.known() else { return Ok(0) };
    let mut deleted: u64 = 0;
    let mut last = String::new();
    loop {
        // A page a transaction, so that nobody waits for long.
        let mut page = store::limits::counters_after(db.read(), &last).await?;
        let Some(end) = page.last() else { break };
        last.clone_from(end);
        page.retain(|counter| outlived(counter, today));
        if !page.is_empty() {
            let gone = db.write(async |tx: Tx| store::limits::delete(&tx, &page).await).await?;
            deleted = deleted.saturating_add(gone);
        }
    }
    // After the counters of it: one that is there has all that it counts.
    let Some(before) = months_kept(today) else { return Ok(deleted) };
    let drop = async |tx: Tx| store::reservations::prune(&tx, before, PAGE).await;
    while db.write(drop).await? > 0 {}
    Ok(deleted)
}
