//! One batch from its transaction to the answers.

use std::{
    panic::AssertUnwindSafe,
    sync::atomic::Ordering::Relaxed,
    time::{Duration, Instant},
};

use futures_util::FutureExt;
use tokio::sync::oneshot;

use super::{Batch, CommitError, Pending, Running, Shared};
use crate::{StoreError, Tx, tx::TxBounds};

/// The part of its time that a batch waits for one lock.
const LOCK_SHARE: u32 = 4;
/// How long PostgreSQL waits for the next statement of a batch before it ends the session.
const LONGEST_SILENCE: Duration = Duration::from_secs(5);

/// Commands that share a transaction, beside those who wait for their outcomes. They are kept
/// apart so that a batch is lent its commands, however often it runs.
struct Group<B: Batch> {
    commands: Vec<B::Command>,
    callers: Vec<Caller<B>>,
    /// How often the group may still fail before it is split.
    attempts: u32,
    /// The connection was lost in one of its runs, perhaps with the answer to the commit: then
    /// nobody may hear that nothing was applied.
    unknown: Option<StoreError>,
}

struct Caller<B: Batch> {
    deadline: Option<Instant>,
    answer: oneshot::Sender<Result<B::Outcome, CommitError>>,
}

/// Until when a group may be applied.
#[derive(Clone, Copy)]
struct Bounds {
    /// The earliest deadline of its commands: no run begins to apply after it.
    deadline: Option<Instant>,
    /// The end of the time limit: no run applies anything after it.
    ends: Instant,
}

impl<B: Batch> Group<B> {
    fn of(batch: Vec<Pending<B>>) -> Self {
        // The whole is tried twice, and so is a command that stands alone: neither fails for
        // what a neighbour or a lost connection did.
        let (commands, callers) = batch
            .into_iter()
            .map(|pending| {
                let Pending { command, deadline, answer, touches: _ } = pending;
                (command, Caller { deadline, answer })
            })
            .unzip();
        Self { commands, callers, attempts: 2, unknown: None }
    }

    fn earliest(&self) -> Option<Instant> {
        self.callers.iter().filter_map(|caller| caller.deadline).min()
    }

    fn halves(mut self) -> [Self; 2] {
        let half = self.commands.len() / 2;
        let (commands, callers) = (self.commands.split_off(half), self.callers.split_off(half));
        let attempts = |len| if len == 1 { 2 } else { 1 };
        let unknown = self.unknown.clone();
        let right = Self { attempts: attempts(commands.len()), commands, callers, unknown };
        self.attempts = attempts(half);
        [right, self]
    }

    fn answer(self, outcomes: impl IntoIterator<Item = Result<B::Outcome, CommitError>>) {
        for (caller, outcome) in self.callers.into_iter().zip(outcomes) {
            // A caller who has gone does not undo what was committed.
            let _ = caller.answer.send(outcome);
        }
    }
}

/// Whether somebody else has what the batch needs: waiting once more would be for the same.
const fn is_held(error: &StoreError) -> bool {
    matches!(error, StoreError::Locked | StoreError::KeyInUse)
}

fn passed(deadline: Option<Instant>) -> bool {
    deadline.is_some_and(|deadline| deadline <= Instant::now())
}

impl<B: Batch> Shared<B> {
    /// Answers every command of a batch, splitting it as long as it fails. Depth first and
    /// left before right, so commands keep their order. What the batch touches is free before
    /// the last of them are answered, and once it is split.
    pub(super) async fn settle(&self, batch: Vec<Pending<B>>, running: Running<'_, B>) {
        let mut groups = vec![Group::of(batch)];
        let mut running = Some(running);
        while let Some(group) = groups.pop() {
            // Nothing runs after its deadline: the caller may have drawn its conclusions.
            let mut group = self.unexpired(group);
            if group.commands.is_empty() {
                continue;
            }
            let deadline = group.earliest();
            let applied = self.apply_once(&group.commands, deadline).await;
            if let Err(error) = &applied
                && error.is_outage()
            {
                group.unknown = Some(error.clone());
            }
            match applied {
                Ok(outcomes) => {
                    drop(running.take_if(|_| groups.is_empty()));
                    group.answer(outcomes.into_iter().map(Ok));
                }
                // Those whose deadline it was are told at the next turn, which is without them.
                Err(error) if passed(deadline) => {
                    tracing::debug!(%error, "a deadline passed in the batch");
                    self.retries.fetch_add(1, Relaxed);
                    groups.push(group);
                }
                Err(error) if group.attempts > 1 && !is_held(&error) => {
                    tracing::debug!(%error, "batch is retried");
                    self.retries.fetch_add(1, Relaxed);
                    group.attempts -= 1;
                    groups.push(group);
                }
                Err(error) if group.commands.len() == 1 || error.is_outage() => {
                    tracing::warn!(commands = group.commands.len(), %error, "commands failed to commit");
                    drop(running.take_if(|_| groups.is_empty()));
                    group
                        .answer(std::iter::repeat_with(|| Err(CommitError::Failed(error.clone()))));
                }
                Err(error) => {
                    tracing::info!(commands = group.commands.len(), %error, "batch is split in halves");
                    self.splits.fetch_add(1, Relaxed);
                    // It takes a while now, and most of it waits for one command: from here on
                    // the locks alone decide what else may run.
                    drop(running.take());
                    self.arrived.notify_one();
                    groups.extend(group.halves());
                }
            }
        }
    }

    /// Those whose deadline has not passed; the others are told so, or that the end of an
    /// earlier run is unknown.
    fn unexpired(&self, group: Group<B>) -> Group<B> {
        if !passed(group.earliest()) {
            return group;
        }
        let told = group.unknown.clone().map_or(CommitError::Expired, CommitError::Failed);
        let mut kept = Group { commands: Vec::new(), callers: Vec::new(), ..group };
        for (command, caller) in group.commands.into_iter().zip(group.callers) {
            if passed(caller.deadline) {
                self.dropped.fetch_add(1, Relaxed);
                let _ = caller.answer.send(Err(told.clone()));
            } else {
                kept.commands.push(command);
                kept.callers.push(caller);
            }
        }
        kept
    }

    async fn apply_once(
        &self,
        commands: &[B::Command],
        deadline: Option<Instant>,
    ) -> Result<Vec<B::Outcome>, StoreError> {
        // From before the wait for a connection, and once for all runs.
        let began = Instant::now();
        let bounds = Bounds { deadline, ends: began + self.limits.time_limit };
        let ends = Some(deadline.map_or(bounds.ends, |deadline| deadline.min(bounds.ends)));
        let work = self
            .db
            .write_again_until(ends, async |tx: Tx| self.apply_in(&tx, commands, bounds).await);
        // A panic is a defect of one command's path; the committer must outlive it.
        let outcomes = AssertUnwindSafe(work)
            .catch_unwind()
            .await
            .unwrap_or_else(|_| Err(StoreError::Corrupt("a batch panicked".into())));
        let took = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.busy_micros.fetch_add(took, Relaxed);
        let outcomes = outcomes?;
        self.batches.fetch_add(1, Relaxed);
        self.commands.fetch_add(u64::try_from(commands.len()).unwrap_or(u64::MAX), Relaxed);
        Ok(outcomes)
    }

    /// One run. Its clock is asked after BEGIN: a connection may have been waited for. The
    /// limit ends before the commit, whose outcome must not become unknown.
    async fn apply_in(
        &self,
        tx: &Tx,
        commands: &[B::Command],
        bounds: Bounds,
    ) -> Result<Vec<B::Outcome>, StoreError> {
        let late = |what| StoreError::Timeout(format!("a batch of {}: {what}", commands.len()));
        if passed(bounds.deadline) {
            return Err(late("a deadline passed before it began"));
        }
        let left = bounds.ends.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(late("its time was over before it began"));
        }
        // The server ends a wait for a lock by itself, and well before the limit: then the
        // batch is split, so that those who do not need the lock go on. And it gives the locks
        // of a replica that has vanished to the next one, not after a minute.
        let idle = left.min(LONGEST_SILENCE);
        let bounds = TxBounds { statement: left, lock: left / LOCK_SHARE, idle };
        let work = async {
            tx.bound(bounds).await?;
            self.batch.apply(tx, commands).await
        };
        let outcomes =
            tokio::time::timeout(left, work).await.map_err(|_| late("its time was over"))??;
        if outcomes.len() != commands.len() {
            return Err(StoreError::Corrupt("a batch without one outcome a command".into()));
        }
        Ok(outcomes)
    }
}
