//! Deletes what was used of limits in days and months that are long over.

use std::time::Duration;

use florin_store::{Database, StoreError, Tx};
use tokio_util::sync::CancellationToken;

use super::{Payment, books::Books};
use crate::{domain::outlived, store};

/// How often it is looked for them: they grow by the day.
const LOOK_EVERY: Duration = Duration::from_secs(3_600);

impl Payment {
    /// Looks until the shutdown for counters that nobody asks for any more. They grow with the
    /// accounts and the days.
    pub(crate) fn prune_counters(
        &self,
        shutdown: CancellationToken,
    ) -> impl Future<Output = ()> + Send + 'static {
        watch(self.db.clone(), self.books.clone(), shutdown)
    }

    /// Deletes counters of days two months back and of months a year back, and returns how many.
    /// A transfer that ends unpaid later still gives back what else it has reserved.
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
        let Some(end) = page.last() else { return Ok(deleted) };
        last.clone_from(end);
        page.retain(|counter| outlived(counter, today));
        if !page.is_empty() {
            let gone = db.write(async |tx: Tx| store::limits::delete(&tx, &page).await).await?;
            deleted = deleted.saturating_add(gone);
        }
    }
}
