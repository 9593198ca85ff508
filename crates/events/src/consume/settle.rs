//! Bringing a batch to its end: applied, parked or dead-lettered, whatever it takes.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use florin_kernel::UnixMicros;
use florin_store::{Database, StoreError, Tx};
use tokio_util::sync::{CancellationToken, WaitForCancellationFuture};

use super::{ConsumeError, Desk, attempt::attempt, dead_letters};
use crate::{backoff::Backoff, event::Envelope, metrics::ConsumerMeter};

/// Attempts at an event that is refused before it is dead-lettered (DESIGN section 6).
const ATTEMPTS: u32 = 5;
/// The wait after the first refusal; it doubles. The refusal may come from a neighbour's
/// effect that is about to commit.
const FIRST_WAIT: Duration = Duration::from_millis(20);

/// Settles the batches of one source.
pub(crate) struct Settler {
    db: Database,
    desk: Arc<Desk>,
    meter: ConsumerMeter,
    shutdown: CancellationToken,
}

impl Settler {
    pub(super) fn new(
        db: Database,
        desk: Arc<Desk>,
        meter: ConsumerMeter,
        shutdown: CancellationToken,
    ) -> Self {
        Self { db, desk, meter, shutdown }
    }

    pub(super) fn name(&self) -> &'static str {
        self.desk.name
    }

    pub(super) fn stopped(&self) -> WaitForCancellationFuture<'_> {
        self.shutdown.cancelled()
    }

    /// The bus is away: events may wait from now on.
    pub(super) fn cut_off(&self) {
        self.meter.lag.begin();
    }

    /// The bus is back: what waits shows with the next batch.
    pub(super) fn connected(&self) {
        self.meter.lag.set(None);
    }

    /// Settles a batch: true once each event is in the inbox, parked or dead-lettered; false
    /// where the service stops before.
    pub(super) async fn settle(&self, events: &[Envelope], waiting: Option<UnixMicros>) -> bool {
        self.meter.lag.set(waiting);
        let mut backoff = Backoff::new();
        let settled = loop {
            match attempt(&self.db, &self.desk, events).await {
                Ok(()) => break true,
                Err(error) if error.is_refusal() => break self.settle_singly(events).await,
                Err(error) => {
                    tracing::warn!(reader = self.desk.name, %error, "events wait for the database");
                    if !backoff.wait(&self.shutdown).await {
                        break false;
                    }
                }
            }
        };
        if settled {
            self.meter.lag.set(None);
            let count = u64::try_from(events.len()).unwrap_or(0);
            self.meter.consumed.fetch_add(count, Ordering::Relaxed);
        }
        settled
    }

    /// Each event in a transaction of its own, so that the bad one fails alone.
    async fn settle_singly(&self, events: &[Envelope]) -> bool {
        for event in events {
            if !self.settle_one(event).await {
                return false;
            }
        }
        true
    }

    async fn settle_one(&self, event: &Envelope) -> bool {
        let mut refusals = 0;
        let mut backoff = Backoff::new();
        loop {
            let Err(error) = attempt(&self.db, &self.desk, std::slice::from_ref(event)).await
            else {
                return true;
            };
            let outage = if error.is_refusal() {
                refusals += 1;
                if refusals < ATTEMPTS {
                    tokio::time::sleep(FIRST_WAIT * (1 << refusals)).await;
                    continue;
                }
                match self.bury(event, &error).await {
                    Ok(()) => return true,
                    Err(outage) => outage.to_string(),
                }
            } else {
                error.to_string()
            };
            tracing::warn!(reader = self.desk.name, error = outage, "event waits for the database");
            if !backoff.wait(&self.shutdown).await {
                return false;
            }
        }
    }

    async fn bury(&self, event: &Envelope, refusal: &ConsumeError) -> Result<(), StoreError> {
        let reason = refusal.to_string();
        let (name, attempts) = (self.desk.name, i64::from(ATTEMPTS));
        self.db
            .write(async |tx: Tx| dead_letters::bury(&tx, name, event, attempts, &reason).await)
            .await?;
        self.meter.dead.fetch_add(1, Ordering::Relaxed);
        tracing::error!(
            reader = name,
            source = event.source,
            kind = event.kind,
            event_id = %event.id,
            aggregate = event.aggregate,
            reason,
            "event is dead-lettered and its key parked: florin ops dead-letters",
        );
        Ok(())
    }
}

/// How far a key was drained.
pub(crate) struct Drained {
    /// Events applied.
    pub(crate) applied: i32,
    /// Why the first that is left was refused.
    pub(crate) refused: Option<String>,
}

/// Applies what is parked for a key in the order of versions, from a dead letter on, until
/// one is refused: that is the dead letter then. Each in a transaction of its own.
pub(crate) async fn drain_key(
    db: &Database,
    desk: &Desk,
    source: &str,
    aggregate: &str,
) -> Result<Drained, StoreError> {
    let mut drained = Drained { applied: 0, refused: None };
    loop {
        let next = db
            .write(async |tx: Tx| {
                let Some(event) = dead_letters::first(&tx, desk.name, source, aggregate).await?
                else {
                    return Ok(None);
                };
                let new = crate::inbox::record(&tx, desk.name, &[&event]).await?;
                if !new.is_empty() {
                    desk.apply_all(&tx, &[&event]).await?;
                }
                dead_letters::remove(&tx, desk.name, &event).await?;
                Ok::<_, ConsumeError>(Some(()))
            })
            .await;
        match next {
            Ok(Some(())) => drained.applied += 1,
            Ok(None) => return Ok(drained),
            Err(error) if error.is_refusal() => {
                let reason = error.to_string();
                db.write(async |tx: Tx| {
                    dead_letters::refuse_first(&tx, desk.name, source, aggregate, &reason).await
                })
                .await?;
                drained.refused = Some(reason);
                return Ok(drained);
            }
            Err(ConsumeError::Store(error)) => return Err(error),
            // Refused is a refusal: the arm above has it.
            Err(ConsumeError::Refused(reason)) => return Err(StoreError::Corrupt(reason)),
        }
    }
}
