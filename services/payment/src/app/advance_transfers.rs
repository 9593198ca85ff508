//! The worker: takes the transfers that are due, has their money moved by one call of the
//! ledger, and writes what became of them.
//!
//! ```text
//! take    what this process took on with a lease and in POSTING (`desk`), from memory;
//!         of the table, one transaction: lease, scoring step, PROCESSING -> POSTING
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
mod settle;

use std::time::{Duration, Instant};

use florin_kernel::UnixMicros;
use florin_rpc::TraceParent;
use florin_store::{StoreError, Tx, rows::Claiming};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use self::ledger::Verdict;
pub(super) use self::ledger::{failure_for, wire_leg};
use super::{
    Payment,
    desk::{Attendance, Next},
};
use crate::{
    domain::{Event, Screening, Status},
    store::{self, Lease, Record},
};

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

    /// What is taken on in this process from now on is for its workers, until this is dropped.
    #[must_use]
    pub fn attend(&self) -> Attendance {
        self.payment.desk.attend()
    }

    /// Works until the shutdown; the turn under way is finished. A commit of this replica
    /// wakes it, other replicas' transfers are found by polling.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut failures = 0;
        // Given up while the ledger is away: what comes then stays PROCESSING, in the table.
        let mut here = Some(self.attend());
        while !shutdown.is_cancelled() {
            let pause = match self.turn().await {
                Ok(Turn::Done) => {
                    failures = 0;
                    here.get_or_insert_with(|| self.attend());
                    continue;
                }
                Ok(Turn::Idle) => {
                    failures = 0;
                    here.get_or_insert_with(|| self.attend());
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
            if failures > 0 {
                here = None;
            }
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = tokio::time::sleep(pause) => {}
                // A ledger that is away is not called more often for new transfers.
                () = self.payment.desk.due.notified(), if failures == 0 => {}
            }
        }
        drop(here);
        self.leave().await;
    }

    /// Gives the leases back of what waits here and nobody in this process will come to, so that
    /// other replicas take it at once. Without this they take it when the leases end.
    async fn leave(&self) {
        let left = self.payment.desk.left();
        if left.is_empty() {
            return;
        }
        let given_back =
            self.payment.db.write(async |tx: Tx| store::give_lease_back(&tx, &left).await).await;
        if let Err(error) = given_back {
            let transfers = left.len();
            tracing::warn!(%error, transfers, "transfers wait for their leases to end");
        }
    }

    /// Takes what is due and brings it to its end, as far as the ledger decides.
    ///
    /// # Errors
    /// Those of the database. What was taken meanwhile is taken again when its lease ends.
    pub async fn turn(&self) -> Result<Turn, StoreError> {
        let Taken { records, deadline } = self.next().await?;
        if records.is_empty() {
            return Ok(Turn::Idle);
        }
        self.payment.meter.taken(records.len());
        let span = tracing::info_span!("advance_transfers", transfers = records.len());
        // One call serves many traces: it is shown in that of the first, and each transfer
        // has a span in its own.
        adopt(records.first(), &span);
        // Reversals have a call of their own each: the others are written before.
        let reversals = records.partition_point(|one| !reversal::is_reversal(one));
        let (others, reversals) = records.split_at(reversals);
        let work = async {
            let mut judged = Vec::with_capacity(records.len());
            for part in [others, reversals].into_iter().filter(|part| !part.is_empty()) {
                let verdicts = self.move_money(part, deadline).await;
                let (refused, decided): (Vec<_>, Vec<_>) = part
                    .iter()
                    .zip(verdicts)
                    .partition(|(_, verdict)| matches!(verdict, Verdict::Refused(..)));
                // What has ended is told before the ledger is asked again about the others.
                self.settle(&decided).await?;
                let refused = self.void_refused(refused).await;
                self.settle(&refused).await?;
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

    /// What this process has taken on, or what is due in the table.
    async fn next(&self) -> Result<Taken, StoreError> {
        let desk = &self.payment.desk;
        let mut next = desk.next();
        if matches!(next, Next::Look) {
            let taken = self.take().await?;
            if !taken.records.is_empty() {
                return Ok(taken);
            }
            next = desk.after_look();
        }
        let Next::Handed(mut records, deadline, late) = next else {
            return Ok(Taken { records: Vec::new(), deadline: None });
        };
        if late > 0 {
            tracing::warn!(transfers = late, "transfers wait for their leases to end");
        }
        records.sort_by_key(reversal::is_reversal);
        Ok(Taken { records, deadline })
    }

    /// Leases what is due and commits POSTING before the ledger hears of it.
    async fn take(&self) -> Result<Taken, StoreError> {
        let config = &self.payment.config;
        // Counted from before the lease: a worker that was held up does not call the ledger
        // when another may have judged its transfers already.
        let deadline = Instant::now().checked_add(config.ledger_timeout());
        let claim = self
            .payment
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
                    begin(record, now)?;
                }
                store::update(&tx, &claim.records, Lease::Kept).await?;
                Ok::<_, StoreError>(claim)
            })
            .await?;
        if claim.records.len() >= config.most() {
            // A full batch: there may be work for the next worker.
            self.payment.desk.due.notify_one();
        }
        if claim.ahead > 0 {
            let transfers = claim.ahead;
            tracing::warn!(transfers, "transfers had waited for a clock that was ahead");
            self.payment.meter.ahead(transfers);
        }
        Ok(Taken { records: claim.records, deadline })
    }
}

/// What a worker has leased.
struct Taken {
    /// Those that reverse others come last.
    records: Vec<Record>,
    /// Until when the ledger may be asked about them.
    deadline: Option<Instant>,
}

/// Puts a span into the trace of the request that created the transfer.
fn adopt(record: Option<&Record>, span: &tracing::Span) {
    let trace = record.and_then(|record| record.traceparent.as_deref());
    if let Some(trace) = trace.and_then(TraceParent::parse) {
        trace.adopt(span);
    }
}

/// What happens to a transfer when a worker takes it, or when it is taken on for one.
///
/// # Errors
/// `Corrupt` where it is not for this worker.
pub(super) fn begin(record: &mut Record, now: UnixMicros) -> Result<(), StoreError> {
    record.attempts = record.attempts.saturating_add(1);
    score(record, now)
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

pub(super) fn later(now: UnixMicros, by: Duration) -> UnixMicros {
    now.plus_micros(i64::try_from(by.as_micros()).unwrap_or(i64::MAX))
}
