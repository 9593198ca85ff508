//! The worker: takes the transfers that are due, has their money moved by one call of the
//! ledger, and writes what became of them.
//!
//! ```text
//! take    one transaction: lease, scoring step, PROCESSING -> POSTING
//! post    one PostTransactions for all of them, each under its own reference
//! settle  one transaction: POSTING -> COMPLETED where the row is still ours
//! void    one VoidReferences for those that the ledger refused
//! settle  one transaction: POSTING -> FAILED where the row is still ours
//! ```
//!
//! The last two are left out where nothing was refused.
//! A crash between any two of them leaves a row whose lease ends and which the next worker
//! takes in POSTING; the ledger then answers with what the reference has done already. A
//! lease saves double work and guards nothing: what guards is that row, state and token are
//! read again under the lock, that a transfer has one reference for ever, and that FAILED is
//! written only once the ledger has voided that reference (ADR 6).

mod ledger;
mod reversal;

use std::{
    collections::HashMap,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use florin_events::position;
use florin_kernel::{TransferId, UnixMicros};
use florin_rpc::TraceParent;
use florin_store::{StoreError, Tx, rows::Claiming};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use self::ledger::{Judged, Verdict};
pub(super) use self::ledger::{failure_for, wire_leg};
use super::{Payment, events};
use crate::{
    domain::{Ended, Event, Screening, Status},
    store::{self, Claim, Lease, Record, reservations::Back},
};

/// Characters of a cause that are kept with a transfer.
const MOST_CAUSE: usize = 500;

/// A worker. Several may run, in this process and in other replicas.
pub struct Worker {
    payment: Payment,
}

/// What a turn of a worker came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Nothing was due.
    Idle,
    /// Every transfer taken has ended, or waits for people, or for its reference to be void.
    Done,
    /// The ledger left some undecided; they are tried again later.
    Undecided,
}

impl Worker {
    pub(super) const fn new(payment: Payment) -> Self {
        Self { payment }
    }

    /// Works until the shutdown; the turn under way is finished. A commit of this replica
    /// wakes it, other replicas' transfers are found by polling.
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
                    self.payment.config.poll()
                }
                Ok(Turn::Undecided) => {
                    failures += 1;
                    self.payment.config.backoff(failures)
                }
                Err(error) => {
                    failures += 1;
                    tracing::warn!(%error, failures, "transfers could not be advanced");
                    self.payment.config.backoff(failures)
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = tokio::time::sleep(pause) => {}
                // A ledger that is away is not called more often for new transfers.
                () = self.payment.due.notified(), if failures == 0 => {}
            }
        }
    }

    /// Takes what is due and brings it to its end, as far as the ledger decides.
    ///
    /// # Errors
    /// Those of the database. What was taken meanwhile is taken again when its lease ends.
    pub async fn turn(&self) -> Result<Turn, StoreError> {
        // Counted from before the lease: a worker that was held up does not call the ledger
        // when another may have judged its transfers already.
        let deadline = Instant::now().checked_add(self.payment.config.ledger_timeout());
        let claim = self.take().await?;
        if claim.records.is_empty() {
            return Ok(Turn::Idle);
        }
        if u32::try_from(claim.records.len()).is_ok_and(|taken| taken >= self.payment.config.batch)
        {
            // A full batch: there may be work for the next worker.
            self.payment.due.notify_one();
        }
        self.payment.meter.taken(claim.records.len());
        if claim.ahead > 0 {
            let transfers = claim.ahead;
            tracing::warn!(transfers, "transfers had waited for a clock that was ahead");
            self.payment.meter.ahead(transfers);
        }
        let span = tracing::info_span!("advance_transfers", transfers = claim.records.len());
        // One call serves many traces: it is shown in that of the first, and each transfer
        // has a span in its own.
        adopt(claim.records.first(), &span);
        // Reversals have a call of their own each: the others are written before.
        let reversals = claim.records.partition_point(|one| !reversal::is_reversal(one));
        let (others, reversals) = claim.records.split_at(reversals);
        let work = async {
            let mut judged = Vec::with_capacity(claim.records.len());
            for part in [others, reversals].into_iter().filter(|part| !part.is_empty()) {
                let verdicts = self.move_money(part, deadline).await;
                let (refused, decided): (Vec<_>, Vec<_>) = part
                    .iter()
                    .zip(verdicts)
                    .partition(|(_, verdict)| matches!(verdict, Verdict::Refused(..)));
                // What has ended is told before the ledger is asked again about the others.
                self.settle(&claim.token, &decided).await?;
                let refused = self.void_refused(refused).await;
                self.settle(&claim.token, &refused).await?;
                judged.extend(decided);
                judged.extend(refused);
            }
            Ok::<_, StoreError>(judged)
        };
        let judged = work.instrument(span).await?;
        let count = |is: fn(&Verdict) -> bool| judged.iter().filter(|(_, one)| is(one)).count();
        let undecided = count(|verdict| matches!(verdict, Verdict::Undecided(_)));
        // They wait by themselves: a ledger that posts is not called less often for them.
        let not_void = count(|verdict| matches!(verdict, Verdict::Refused(..)));
        self.payment.meter.undecided(undecided.saturating_add(not_void));
        self.payment.meter.stuck(count(|verdict| matches!(verdict, Verdict::Stuck(_))));
        Ok(if undecided > 0 { Turn::Undecided } else { Turn::Done })
    }

    /// Leases what is due and commits POSTING before the ledger hears of it.
    async fn take(&self) -> Result<Claim, StoreError> {
        let config = &self.payment.config;
        self.payment
            .db
            .write(async |tx: Tx| {
                let now = tx.now().await?;
                let claiming = Claiming {
                    now,
                    lease_until: later(now, config.lease()),
                    longest_wait: config.longest_wait(),
                    limit: config.batch,
                };
                let mut claim = store::claim(&tx, &claiming).await?;
                // Reversals have a call of their own each; they come last.
                claim.records.sort_by_key(reversal::is_reversal);
                for record in &mut claim.records {
                    record.attempts = record.attempts.saturating_add(1);
                    score(record, now)?;
                }
                store::update(&tx, &claim.records, Lease::Kept).await?;
                Ok(claim)
            })
            .await
    }

    /// Writes the verdicts on those transfers that are still this worker's, and tells those who
    /// wait for one that has ended.
    async fn settle(&self, token: &str, judged: &[Judged<'_>]) -> Result<(), StoreError> {
        if judged.is_empty() {
            return Ok(());
        }
        let verdicts: HashMap<_, _> =
            judged.iter().map(|(record, verdict)| (record.transfer.id(), verdict)).collect();
        let mut ids: Vec<_> = verdicts.keys().copied().collect();
        ids.sort_unstable();
        let contradicted = AtomicUsize::new(0);
        let ended = self
            .payment
            .db
            .write(async |tx: Tx| {
                let mut records = store::lock(&tx, &ids).await?;
                let posted = records.iter().filter(|record| {
                    verdicts.get(&record.transfer.id()).is_some_and(|one| contradicts(record, one))
                });
                // Told again where the engine asks for another run; counted once.
                contradicted.store(posted.count(), Ordering::Relaxed);
                records.retain(|record| is_ours(record, token));
                let now = tx.now().await?;
                for record in &mut records {
                    let Some(verdict) = verdicts.get(&record.transfer.id()) else {
                        return Err(StoreError::Corrupt("a transfer without verdict".into()));
                    };
                    self.judge(record, verdict, now)?;
                }
                // Before positions of the outbox are drawn: nobody waits for those of one that
                // waits for a counter.
                let unpaid = records.iter().filter(|one| one.transfer.status() == Status::Failed);
                let back: Vec<_> = unpaid.map(Back::of).collect();
                let short = store::reservations::give_back(&tx, &back).await?;
                let meter = self.payment.meter.clone();
                tx.on_commit(move || meter.short(short));
                self.publish(&tx, &mut records, &verdicts).await?;
                store::update(&tx, &records, Lease::GivenBack).await?;
                let ended = records.iter().filter(|record| record.transfer.status().is_end());
                let ended: Vec<_> =
                    ended.map(|record| (record.transfer.id(), record.transfer.status())).collect();
                Ok::<_, StoreError>(ended)
            })
            .await?;
        self.payment.meter.contradicted(contradicted.into_inner());
        ended.iter().for_each(|(_, status)| self.payment.meter.ended(*status));
        self.payment.watchers.tell(ended.into_iter().map(|(id, _)| id));
        Ok(())
    }

    fn judge(
        &self,
        record: &mut Record,
        verdict: &Verdict,
        now: UnixMicros,
    ) -> Result<(), StoreError> {
        let span = tracing::info_span!("settle", transfer = %record.transfer.id());
        adopt(Some(record), &span);
        let _settling = span.entered();
        let event = match verdict {
            Verdict::Posted { transaction, events: _ } => Event::Posted(*transaction),
            Verdict::Void(failure) => {
                record.voided_at = Some(now);
                Event::Refused(failure.clone())
            }
            // An earlier call may still be on its way into the ledger, and post when funds have
            // come meanwhile: FAILED would be a lie while the reference is not void.
            Verdict::Refused(failure, why) => {
                let cause = format!("{}, and the reference is not void yet: {why}", failure.reason);
                let wait = self.payment.config.backoff(record.attempts);
                leave(record, &cause, now, wait);
                return Ok(());
            }
            Verdict::Undecided(cause) => {
                let wait = self.payment.config.backoff(record.attempts);
                leave(record, cause, now, wait);
                return Ok(());
            }
            Verdict::Stuck(cause) => {
                let wait = self.payment.config.backoff_stuck(record.attempts);
                leave(record, cause, now, wait);
                return Ok(());
            }
        };
        record.due_at = None;
        record.transfer.apply(event, now).map_err(|error| StoreError::Corrupt(error.to_string()))
    }

    /// Appends the events of those that have ended. Their positions are the ledger's events,
    /// where it posted, and these.
    async fn publish(
        &self,
        tx: &Tx,
        records: &mut [Record],
        verdicts: &HashMap<TransferId, &Verdict>,
    ) -> Result<(), StoreError> {
        let mut ended: Vec<_> = records
            .iter_mut()
            .filter(|record| record.transfer.status().is_end())
            .map(|record| {
                let ledger = match verdicts.get(&record.transfer.id()) {
                    Some(Verdict::Posted { events, .. }) => events.as_slice(),
                    Some(
                        Verdict::Refused(..)
                        | Verdict::Void(_)
                        | Verdict::Undecided(_)
                        | Verdict::Stuck(_),
                    )
                    | None => &[],
                };
                (record, ledger)
            })
            .collect();
        let told = ended
            .iter()
            .filter_map(|(record, ledger)| {
                events::ended(record, &events::causation_of(ledger, record))
            })
            .collect();
        let ids = self.payment.outbox.append(tx, told).await?;
        for ((record, ledger), id) in ended.iter_mut().zip(ids) {
            record.position = position::encode(&[*ledger, &[id]].concat());
        }
        Ok(())
    }
}

/// Puts a span into the trace of the request that created the transfer.
fn adopt(record: Option<&Record>, span: &tracing::Span) {
    let trace = record.and_then(|record| record.traceparent.as_deref());
    if let Some(trace) = trace.and_then(TraceParent::parse) {
        trace.adopt(span);
    }
}

/// The scoring step. There is no fraud role, so nothing is asked and the transfer says so.
fn score(record: &mut Record, now: UnixMicros) -> Result<(), StoreError> {
    match record.transfer.status() {
        Status::Posting => Ok(()),
        Status::Processing => record
            .transfer
            .apply(Event::Screened(Screening::NotScreened), now)
            .map_err(|error| StoreError::Corrupt(error.to_string())),
        Status::Completed
        | Status::Failed
        | Status::Cancelled
        | Status::Holding
        | Status::Submitting
        | Status::Settling
        | Status::Releasing => Err(StoreError::Corrupt(format!(
            "transfer {} is due and not for this worker",
            record.transfer.id()
        ))),
    }
}

/// Leaves a transfer undecided, for another attempt after a while.
fn leave(record: &mut Record, cause: &str, now: UnixMicros, wait: Duration) {
    record.unanswered_at = Some(now);
    record.last_cause = Some(cause.chars().take(MOST_CAUSE).collect());
    record.due_at = Some(later(now, wait));
}

/// Whether the ledger has moved the money of a transfer that ended otherwise, which ADR 6 rules
/// out. Should it be so all the same, a human acts.
fn contradicts(record: &Record, verdict: &Verdict) -> bool {
    let Verdict::Posted { transaction, .. } = verdict else { return false };
    let otherwise = match record.transfer.ended() {
        Ended::NotYet => false,
        Ended::Paid(known) => known != transaction,
        Ended::Unpaid(_) | Ended::Withdrawn => true,
    };
    if otherwise {
        let (transfer, status) = (record.transfer.id(), record.transfer.status().name());
        tracing::error!(%transfer, status, %transaction, "a transfer was posted and ended otherwise");
    }
    otherwise
}

/// Whether the row is as this worker left it: nobody took it over or ended it meanwhile.
fn is_ours(record: &Record, token: &str) -> bool {
    let ours =
        record.transfer.status() == Status::Posting && record.lease_token.as_deref() == Some(token);
    if !ours {
        let transfer = record.transfer.id();
        tracing::info!(%transfer, "another worker has the transfer by now");
    }
    ours
}

pub(super) fn later(now: UnixMicros, by: Duration) -> UnixMicros {
    now.plus_micros(i64::try_from(by.as_micros()).unwrap_or(i64::MAX))
}
