//! One batch from its transaction to the answers.

use std::{panic::AssertUnwindSafe, sync::atomic::Ordering::Relaxed, time::Instant};

use futures_util::FutureExt;
use sea_orm::ConnectionTrait;

use super::{Batch, CommitError, Pending, Shared};
use crate::{Engine, StoreError, Tx};

impl<B: Batch> Shared<B> {
    /// Answers every command of a batch, splitting it as long as it fails. Depth first and
    /// left before right, so commands keep their order.
    pub(super) async fn settle(&self, batch: Vec<Pending<B>>) {
        // The whole is tried twice, and so is a command that stands alone: neither fails for
        // what a neighbour or a lost connection did.
        let mut groups = vec![(batch, 2_u32)];
        while let Some((group, attempts)) = groups.pop() {
            // Nothing runs after its deadline: the caller may have drawn its conclusions.
            let mut group = self.unexpired(group);
            if group.is_empty() {
                continue;
            }
            let commands: Vec<_> = group.iter().map(|pending| pending.command.clone()).collect();
            match self.apply_once(&commands).await {
                Ok(outcomes) => {
                    for (pending, outcome) in group.into_iter().zip(outcomes) {
                        // A caller who has gone does not undo what was committed.
                        let _ = pending.answer.send(Ok(outcome));
                    }
                }
                Err(error) if attempts > 1 && !matches!(error, StoreError::Locked) => {
                    tracing::debug!(%error, "batch is retried");
                    groups.push((group, attempts - 1));
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
                    for half in [right, group] {
                        let attempts = if half.len() == 1 { 2 } else { 1 };
                        groups.push((half, attempts));
                    }
                }
            }
        }
    }

    /// Those whose deadline has not passed; the others are told.
    fn unexpired(&self, group: Vec<Pending<B>>) -> Vec<Pending<B>> {
        let now = Instant::now();
        let mut kept = Vec::with_capacity(group.len());
        for pending in group {
            if pending.deadline.is_some_and(|deadline| deadline <= now) {
                self.dropped.fetch_add(1, Relaxed);
                let _ = pending.answer.send(Err(CommitError::Expired));
            } else {
                kept.push(pending);
            }
        }
        kept
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
        // The server ends a wait for a lock by itself: a rollback would wait behind it.
        if tx.engine() == Engine::Postgres {
            let limit = self.limits.time_limit.as_millis();
            tx.execute_unprepared(&format!("SET LOCAL statement_timeout = {limit}")).await?;
        }
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
