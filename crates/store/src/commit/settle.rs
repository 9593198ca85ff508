//! One batch from its transaction to the answers.

use std::{panic::AssertUnwindSafe, sync::atomic::Ordering::Relaxed};

use futures_util::FutureExt;

use super::{Batch, CommitError, Pending, Shared};
use crate::{StoreError, Tx};

impl<B: Batch> Shared<B> {
    /// Answers every command of a batch, splitting it as long as it fails. Depth first and
    /// left before right, so commands keep their order.
    pub(super) async fn settle(&self, batch: Vec<Pending<B>>) {
        let whole = batch.len();
        let mut groups = vec![batch];
        while let Some(mut group) = groups.pop() {
            // The whole is retried once, and so is a command that stands alone: neither
            // fails for what a neighbour or a lost connection did.
            let attempts = if group.len() == whole || group.len() == 1 { 2 } else { 1 };
            match self.try_apply(&group, attempts).await {
                Ok(outcomes) => {
                    for (pending, outcome) in group.into_iter().zip(outcomes) {
                        // A caller who has gone does not undo what was committed.
                        let _ = pending.answer.send(Ok(outcome));
                    }
                }
                Err(error) if group.len() == 1 || error.is_outage() => {
                    tracing::warn!(commands = group.len(), %error, "commands failed to commit");
                    for pending in group {
                        let _ = pending.answer.send(Err(CommitError::Failed(error.clone())));
                    }
                }
                Err(error) => {
                    tracing::info!(commands = group.len(), %error, "batch is split in halves");
                    self.splits.fetch_add(1, Relaxed);
                    let right = group.split_off(group.len() / 2);
                    groups.push(right);
                    groups.push(group);
                }
            }
        }
    }

    async fn try_apply(
        &self,
        group: &[Pending<B>],
        attempts: u32,
    ) -> Result<Vec<B::Outcome>, StoreError> {
        let commands: Vec<_> = group.iter().map(|pending| pending.command.clone()).collect();
        let mut attempt = 1;
        loop {
            match self.apply_once(&commands).await {
                Err(error) if attempt < attempts => {
                    tracing::debug!(%error, "batch is retried");
                    attempt += 1;
                }
                outcome => return outcome,
            }
        }
    }

    async fn apply_once(&self, commands: &[B::Command]) -> Result<Vec<B::Outcome>, StoreError> {
        let work = self.db.write(async |tx: Tx| self.apply_in(&tx, commands).await);
        // A panic is a defect of one command's path; the committer must outlive it.
        let outcomes = AssertUnwindSafe(work)
            .catch_unwind()
            .await
            .unwrap_or_else(|_| Err(StoreError::Corrupt("a batch panicked".into())))?;
        self.batches.fetch_add(1, Relaxed);
        self.commands.fetch_add(u64::try_from(commands.len()).unwrap_or(u64::MAX), Relaxed);
        Ok(outcomes)
    }

    /// The limit ends before the commit, whose outcome must not become unknown.
    async fn apply_in(
        &self,
        tx: &Tx,
        commands: &[B::Command],
    ) -> Result<Vec<B::Outcome>, StoreError> {
        let applied = tokio::time::timeout(self.limits.time_limit, self.batch.apply(tx, commands));
        let outcomes = applied
            .await
            .map_err(|_| StoreError::Timeout(format!("a batch of {}", commands.len())))??;
        if outcomes.len() != commands.len() {
            return Err(StoreError::Corrupt("a batch without one outcome a command".into()));
        }
        Ok(outcomes)
    }
}
