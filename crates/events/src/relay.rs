//! The relay: from `outbox_pending` to the bus.

mod leases;
mod pending;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use florin_store::{Database, StoreError};
use tokio_util::sync::CancellationToken;

use self::{leases::Partitions, pending::Acknowledged};
use crate::{Outbox, backoff::Backoff, bus::Bus, metrics::Since};

/// How often the relay looks by itself: for events of other replicas and after a fault.
const POLL: Duration = Duration::from_millis(100);
/// How often it looks while nobody takes events.
const POLL_AWAY: Duration = Duration::from_secs(1);
/// Events handed over at once.
const BATCH: usize = 512;

/// Publishes a service's events until shutdown. Every replica may run one: the partitions are
/// leased, so that one relay at a time sends an aggregate's events. On the embedded bus this
/// process is the only one and holds them all.
pub async fn relay(db: Database, outbox: Outbox, bus: Bus, shutdown: CancellationToken) {
    let partitions = Partitions::new(&db, &bus);
    let (age, published) = bus.metrics().outbox(outbox.role());
    let mut pump = Pump {
        db,
        outbox,
        bus,
        partitions: partitions.clone(),
        acknowledged: Acknowledged::default(),
        age,
        published,
        shutdown: shutdown.clone(),
    };
    tokio::join!(partitions.keep(&shutdown), pump.run());
    partitions.release().await;
}

struct Pump {
    db: Database,
    outbox: Outbox,
    bus: Bus,
    partitions: Partitions,
    acknowledged: Acknowledged,
    age: Arc<Since>,
    published: Arc<AtomicU64>,
    shutdown: CancellationToken,
}

/// What a look at the outbox found.
enum Step {
    /// A full batch went: there is more.
    More,
    /// Everything went.
    Idle,
    /// Some events were not acknowledged.
    HeldBack,
    /// Nobody takes events.
    Away,
}

impl Pump {
    async fn run(&mut self) {
        let mut backoff = Backoff::new();
        while !self.shutdown.is_cancelled() {
            match self.step().await {
                Ok(Step::More) => backoff.reset(),
                Ok(Step::Idle) => {
                    backoff.reset();
                    self.wait().await;
                }
                Ok(Step::HeldBack) => {
                    backoff.wait(&self.shutdown).await;
                }
                Ok(Step::Away) => {
                    backoff.reset();
                    self.shutdown.run_until_cancelled(tokio::time::sleep(POLL_AWAY)).await;
                }
                Err(error) => {
                    tracing::warn!(role = self.outbox.role(), %error, "relay cannot read");
                    self.age.begin();
                    backoff.wait(&self.shutdown).await;
                }
            }
        }
        if let Err(error) = self.acknowledged.flush(&self.db).await {
            // They are sent once more and every inbox knows them.
            tracing::debug!(%error, "acknowledged events stay pending");
        }
    }

    async fn wait(&self) {
        tokio::select! {
            () = self.shutdown.cancelled() => {}
            () = self.outbox.woken() => {}
            () = tokio::time::sleep(POLL) => {}
        }
    }

    async fn step(&mut self) -> Result<Step, StoreError> {
        let role = self.outbox.role();
        let partitions = self.partitions.held();
        if partitions.is_empty() {
            // Another replica has them, and tells their age.
            self.age.set(None);
            return Ok(Step::Idle);
        }
        self.acknowledged.flush_if_due(&self.db).await?;
        if !self.bus.takes(role) {
            // Where nobody reads the source, nothing waits.
            let waits = self.bus.check(role).is_err();
            let oldest = pending::oldest(&self.db, &partitions, &self.acknowledged).await?;
            self.age.set(oldest.filter(|_| waits));
            return Ok(Step::Away);
        }
        if !self.bus.prepare(role).await {
            let oldest = pending::oldest(&self.db, &partitions, &self.acknowledged).await?;
            self.age.set(oldest);
            return Ok(Step::HeldBack);
        }
        let batch = pending::next(&self.db, role, &partitions, &self.acknowledged, BATCH).await?;
        self.age.set(batch.iter().map(|pending| pending.sent.waiting_since()).min());
        if batch.is_empty() {
            return Ok(Step::Idle);
        }
        let full = batch.len() == BATCH;
        let (keys, sent): (Vec<_>, Vec<_>) =
            batch.into_iter().map(|pending| (pending.key, pending.sent)).unzip();
        let acks = tokio::select! {
            () = self.shutdown.cancelled() => return Ok(Step::HeldBack),
            acks = self.bus.publish(role, sent) => acks,
        };
        let total = keys.len();
        let done: Vec<_> =
            keys.into_iter().zip(acks).filter_map(|(key, acked)| acked.then_some(key)).collect();
        let held_back = done.len() < total;
        self.published.fetch_add(u64::try_from(done.len()).unwrap_or(0), Ordering::Relaxed);
        self.acknowledged.add(done);
        if held_back {
            return Ok(Step::HeldBack);
        }
        self.age.set(None);
        Ok(if full { Step::More } else { Step::Idle })
    }
}

#[cfg(test)]
mod tests;
