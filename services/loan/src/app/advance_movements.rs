//! The worker of movements: takes those that are due, has their money moved by one call of the
//! ledger, and writes what became of them.
//!
//! ```text
//! take    one transaction: lease
//! post    one PostTransactions for those that are PENDING, each under its own reference
//! void    one VoidReferences for those that the ledger refused, or that are UNDOING
//! settle  one transaction under the locks of the loans: step, projection, schedule, events, end
//! ```
//!
//! A crash between any two of them leaves an open movement whose lease ends and which the next
//! worker takes; the ledger then answers with what the reference has done already. A lease saves
//! double work and guards nothing: what guards is that the movement is read again under the lock
//! of its loan and is still open, that its reference is used for nothing else, ever, and that
//! FAILED and UNDONE are written only once the ledger has voided it (ADR 6).

mod ledger;

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use florin_events::Cause;
use florin_kernel::{LoanId, UnixMicros};
use florin_proto::{account::v1::TransactionRequest, loan::v1::LoanStep};
use florin_store::{StoreError, Tx, rows::Claiming};
use prost::Message as _;
use tokio_util::sync::CancellationToken;

use self::ledger::Verdict;
use super::{
    Lending, events,
    loaded::{self, Loaded},
    servicing,
};
use crate::{
    domain::movement::{MovementKind, MovementState},
    store::{
        entries::{self, Posted},
        loans,
        movements::{self, Stored},
    },
    wire::event_of,
};

/// Characters of a cause that are kept with a movement.
const MOST_CAUSE: usize = 500;

/// A worker. Several may run, in this process and in other replicas.
pub struct Worker {
    lending: Lending,
}

/// What a turn of a worker came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Nothing was due.
    Idle,
    /// Every movement taken has ended.
    Done,
    /// Some are undecided and are tried again later.
    Undecided,
}

/// A movement and what the ledger's answer means for it.
type Judged = (Stored, Verdict);

impl Worker {
    pub(super) const fn new(lending: Lending) -> Self {
        Self { lending }
    }

    /// Works until the shutdown; the turn under way is finished. A commit of this replica
    /// wakes it, other replicas' movements are found by polling.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut failures = 0;
        while !shutdown.is_cancelled() {
            let pause = match self.turn().await {
                Ok(Turn::Done) => {
                    failures = 0;
                    continue;
                }
                Ok(Turn::Idle) => {
                    failures = 0;
                    self.lending.config.poll()
                }
                Ok(Turn::Undecided) => {
                    failures += 1;
                    self.lending.config.backoff(failures)
                }
                Err(error) => {
                    failures += 1;
                    tracing::warn!(%error, failures, "movements of loans could not be advanced");
                    self.lending.config.backoff(failures)
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = tokio::time::sleep(pause) => {}
                // A ledger that is away is not called more often for new movements.
                () = self.lending.due.notified(), if failures == 0 => {}
            }
        }
    }

    /// Takes what is due and brings it to its end, as far as the ledger decides.
    ///
    /// # Errors
    /// Those of the database. What was taken meanwhile is taken again when its lease ends.
    pub async fn turn(&self) -> Result<Turn, StoreError> {
        // Counted from before the lease.
        let deadline = Instant::now().checked_add(self.lending.config.ledger_timeout());
        let (token, taken) = self.take().await?;
        if taken.is_empty() {
            return Ok(Turn::Idle);
        }
        let is_undoing = |one: &Stored| one.movement.state == MovementState::Undoing;
        let (undoing, pending): (Vec<_>, Vec<_>) = taken.into_iter().partition(is_undoing);
        let verdicts = self.post(&pending, deadline).await;
        let posted = pending.into_iter().zip(verdicts);
        let (refused, decided): (Vec<Judged>, Vec<Judged>) =
            posted.partition(|(_, verdict)| matches!(verdict, Verdict::Refused(_)));
        // What has ended is told before the ledger is asked again about the others.
        let first = self.settle(&token, decided).await;
        let undone = undoing.into_iter().map(|one| (one, Verdict::undone()));
        let to_void = refused.into_iter().chain(undone).collect();
        let voided = self.void(to_void).await;
        let second = self.settle(&token, voided).await;
        Ok(if first? | second? { Turn::Undecided } else { Turn::Done })
    }

    async fn take(&self) -> Result<(String, Vec<Stored>), StoreError> {
        let config = &self.lending.config;
        self.lending
            .db
            .write(async |tx: Tx| {
                let now = tx.now().await?;
                let claiming = Claiming {
                    now,
                    lease_until: later(now, config.lease()),
                    longest_wait: config.longest_wait(),
                    limit: config.batch,
                };
                movements::claim(&tx, &claiming).await
            })
            .await
    }

    /// Writes the verdicts; whether some decide nothing. A batch that fails is split in halves
    /// until the movement at fault stands alone, which is taken again when its lease ends, and
    /// waits for people where it is corrupt.
    async fn settle(&self, token: &str, judged: Vec<Judged>) -> Result<bool, StoreError> {
        let undecided = judged.iter().any(|(_, verdict)| !verdict.is_end());
        let (mut groups, mut failed) = (vec![judged], None);
        while let Some(mut group) = groups.pop() {
            if group.is_empty() {
                continue;
            }
            match self.write(token, &group).await {
                Ok(()) => {}
                Err(error) if group.len() > 1 => {
                    tracing::warn!(%error, "a batch of movements is split");
                    groups.push(group.split_off(group.len() / 2));
                    groups.push(group);
                }
                Err(error) => {
                    let reference = group.first().map(|(one, _)| one.movement.reference.as_str());
                    tracing::error!(%error, reference, "a movement of a loan cannot be settled");
                    failed = Some(error);
                }
            }
        }
        failed.map_or(Ok(undecided), Err)
    }

    async fn write(&self, token: &str, judged: &[Judged]) -> Result<(), StoreError> {
        let verdicts: HashMap<&str, &Verdict> = judged
            .iter()
            .map(|(one, verdict)| (one.movement.reference.as_str(), verdict))
            .collect();
        let ids: Vec<LoanId> = judged.iter().map(|(one, _)| one.movement.loan).collect();
        let references: Vec<String> =
            judged.iter().map(|(one, _)| one.movement.reference.clone()).collect();
        self.lending
            .db
            .write(async |tx: Tx| {
                let records = loans::lock(&tx, &ids).await?;
                let mut loaded: HashMap<LoanId, Loaded> = loaded::load(&tx, records)
                    .await?
                    .into_iter()
                    .map(|one| (one.record.id, one))
                    .collect();
                let mut changed = Vec::new();
                for mut one in movements::lock(&tx, &references).await? {
                    let loan = loaded.get_mut(&one.movement.loan);
                    let verdict = verdicts.get(one.movement.reference.as_str());
                    let (Some(loan), Some(verdict)) = (loan, verdict) else {
                        let reference = &one.movement.reference;
                        return Err(StoreError::Corrupt(format!("{reference} has no loan")));
                    };
                    if self.judge(&tx, loan, &mut one, (verdict, token)).await? {
                        changed.push(one);
                    }
                }
                movements::update(&tx, &changed).await
            })
            .await
    }

    /// Takes a verdict in; whether it changes the movement. What has ended is left alone: the
    /// first answer of the ledger stands, and every later one says the same.
    async fn judge(
        &self,
        tx: &Tx,
        loan: &mut Loaded,
        one: &mut Stored,
        (verdict, token): (&Verdict, &str),
    ) -> Result<bool, StoreError> {
        if !one.movement.state.is_open() {
            contradicts(one, verdict);
            return Ok(false);
        }
        let now = tx.now().await?;
        let cause = Cause {
            correlation: one.movement.loan.to_string(),
            causation: one.movement.reference.clone(),
            traceparent: one.traceparent.clone(),
        };
        match verdict {
            Verdict::Posted(transaction, booked_on) => {
                one.movement.done(*transaction, now);
                let request = TransactionRequest::decode(one.request.as_slice());
                let request = request.map_err(|error| StoreError::Corrupt(error.to_string()))?;
                let posted = Posted { request: &request, booking_date: booked_on };
                entries::record(tx, &[posted]).await?;
                let corrupt = |what: &str| {
                    let reference = &one.movement.reference;
                    StoreError::Corrupt(format!("the step of {reference} has no valid {what}"))
                };
                let step = LoanStep::decode(one.step.as_slice()).map_err(|_| corrupt("bytes"))?;
                let event = event_of(&step, &loan.version.product).map_err(corrupt)?;
                let event = event.ok_or_else(|| corrupt("kind"))?;
                let decided = (vec![event], one.movement.on);
                self.lending.keep(tx, loan, decided, &cause).await?;
            }
            Verdict::Void(failure) => {
                one.movement.void(failure.clone(), now);
                if one.movement.kind == MovementKind::WriteOff {
                    servicing::not_given_up(tx, loan).await?;
                }
                let told = events::movement_failed(loan, &one.movement, now, &cause)?;
                loans::update(tx, std::slice::from_ref(&loan.record)).await?;
                self.lending.outbox.append(tx, vec![told]).await?;
            }
            // Another worker has it by now, or somebody has had it undone meanwhile.
            Verdict::Refused(_) | Verdict::Undecided(_) | Verdict::Stuck(_)
                if one.lease_token.as_deref() != Some(token) =>
            {
                return Ok(false);
            }
            Verdict::Refused(failure) => {
                let cause = format!("{}, and the reference is not void yet", failure.reason);
                leave(one, &cause, now, self.lending.config.backoff(one.attempts));
            }
            Verdict::Undecided(cause) => {
                leave(one, cause, now, self.lending.config.backoff(one.attempts));
            }
            Verdict::Stuck(cause) => {
                leave(one, cause, now, self.lending.config.backoff_stuck(one.attempts));
            }
        }
        Ok(true)
    }
}

/// Leaves a movement undecided, for another attempt after a while.
fn leave(one: &mut Stored, cause: &str, now: UnixMicros, wait: Duration) {
    one.last_cause = Some(cause.chars().take(MOST_CAUSE).collect());
    one.due_at = Some(later(now, wait));
}

/// Tells that the ledger has moved the money of a movement that ended otherwise, which ADR 6
/// rules out. Should it be so all the same, a human acts.
fn contradicts(one: &Stored, verdict: &Verdict) {
    let reference = &one.movement.reference;
    match verdict {
        Verdict::Posted(transaction, _) if one.movement.transaction != Some(*transaction) => {
            tracing::error!(reference, %transaction, "a movement was posted and ended otherwise");
        }
        Verdict::Void(_) if one.movement.state == MovementState::Done => {
            tracing::error!(reference, "a movement is done and its reference is void");
        }
        Verdict::Posted(..)
        | Verdict::Void(_)
        | Verdict::Refused(_)
        | Verdict::Undecided(_)
        | Verdict::Stuck(_) => {}
    }
}

fn later(now: UnixMicros, by: Duration) -> UnixMicros {
    now.plus_micros(i64::try_from(by.as_micros()).unwrap_or(i64::MAX))
}
