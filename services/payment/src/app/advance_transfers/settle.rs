//! Writes what became of the transfers that a worker has taken.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use florin_events::position;
use florin_kernel::UnixMicros;
use florin_store::{StoreError, Tx};

use super::{
    Worker, adopt, later,
    ledger::{Judged, Verdict},
};
use crate::{
    app::events,
    domain::{Ended, Event, Status},
    store::{self, Held, Lease, Record, reservations::Back},
};

/// Characters of a cause that are kept with a transfer.
const MOST_CAUSE: usize = 500;

impl Worker {
    /// Writes the verdicts on those transfers that are still this worker's, and tells those who
    /// wait for one that has ended. While the row is in POSTING and has the lease under which it
    /// was taken, nobody has changed it since: the rest of it is not read again.
    pub(super) async fn settle(&self, judged: &[Judged<'_>]) -> Result<(), StoreError> {
        if judged.is_empty() {
            return Ok(());
        }
        let ids: Vec<_> = judged.iter().map(|(record, _)| record.transfer.id()).collect();
        let contradicted = AtomicUsize::new(0);
        let ended = self
            .payment
            .db
            .write(async |tx: Tx| {
                let held = store::lock_held(&tx, &ids).await?;
                let (ours, lost): (Vec<_>, Vec<_>) =
                    judged.iter().partition(|(record, _)| is_ours(record, &held));
                // Told again where the engine asks for another run; counted once.
                contradicted.store(contradictions(&tx, &lost).await?, Ordering::Relaxed);
                let now = tx.now().await?;
                let judge = |(record, verdict): &&Judged<'_>| self.judge(record, verdict, now);
                let mut records =
                    ours.iter().map(judge).collect::<Result<Vec<Record>, StoreError>>()?;
                // Before positions of the outbox are drawn: nobody waits for those of one that
                // waits for a counter.
                let unpaid = records.iter().filter(|one| one.transfer.status() == Status::Failed);
                let back: Vec<_> = unpaid.map(Back::of).collect();
                let short = store::reservations::give_back(&tx, &back).await?;
                let meter = self.payment.meter.clone();
                tx.on_commit(move || meter.short(short));
                self.publish(&tx, &mut records, &ours).await?;
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

    /// The transfer with its verdict.
    fn judge(
        &self,
        record: &Record,
        verdict: &Verdict,
        now: UnixMicros,
    ) -> Result<Record, StoreError> {
        let span = tracing::info_span!("settle", transfer = %record.transfer.id());
        adopt(Some(record), &span);
        let _settling = span.entered();
        let mut record = record.clone();
        let config = &self.payment.config;
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
                let wait = config.backoff(record.attempts);
                return Ok(left(record, &cause, now, wait));
            }
            Verdict::Undecided(cause) => {
                let wait = config.backoff(record.attempts);
                return Ok(left(record, cause, now, wait));
            }
            Verdict::Stuck(cause) => {
                let wait = config.backoff_stuck(record.attempts);
                return Ok(left(record, cause, now, wait));
            }
        };
        record.due_at = None;
        let applied = record.transfer.apply(event, now);
        applied.map_err(|error| StoreError::Corrupt(error.to_string()))?;
        Ok(record)
    }

    /// Appends the events of those that have ended. Their positions are the ledger's events,
    /// where it posted, and these.
    async fn publish(
        &self,
        tx: &Tx,
        records: &mut [Record],
        judged: &[&Judged<'_>],
    ) -> Result<(), StoreError> {
        let mut ended: Vec<_> = records
            .iter_mut()
            .zip(judged)
            .filter(|(record, _)| record.transfer.status().is_end())
            .map(|(record, (_, verdict))| {
                let ledger = match verdict {
                    Verdict::Posted { events, .. } => events.as_slice(),
                    Verdict::Refused(..)
                    | Verdict::Void(_)
                    | Verdict::Undecided(_)
                    | Verdict::Stuck(_) => &[],
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

/// The transfer undecided, for another attempt after a while.
fn left(mut record: Record, cause: &str, now: UnixMicros, wait: Duration) -> Record {
    record.unanswered_at = Some(now);
    record.last_cause = Some(cause.chars().take(MOST_CAUSE).collect());
    record.due_at = Some(later(now, wait));
    record
}

/// How many of them the ledger has moved and somebody else has ended otherwise.
async fn contradictions(tx: &Tx, lost: &[&Judged<'_>]) -> Result<usize, StoreError> {
    let ids: Vec<_> = lost.iter().map(|(record, _)| record.transfer.id()).collect();
    let found = store::read(tx, &ids).await?;
    let otherwise = found.iter().filter(|found| {
        let of_this = |(record, _): &&&Judged<'_>| record.transfer.id() == found.transfer.id();
        lost.iter().find(of_this).is_some_and(|(_, verdict)| contradicts(found, verdict))
    });
    Ok(otherwise.count())
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

/// Whether the row is as this worker took it: nobody took it over or ended it meanwhile.
fn is_ours(record: &Record, held: &[Held]) -> bool {
    let id = record.transfer.id();
    let row = held.binary_search_by_key(&id, |one| one.id).ok().and_then(|at| held.get(at));
    let ours = row.is_some_and(|row| {
        row.is_posting && row.token.is_some() && row.token == record.lease_token
    });
    if !ours {
        tracing::info!(transfer = %id, "another worker has the transfer by now");
    }
    ours
}
