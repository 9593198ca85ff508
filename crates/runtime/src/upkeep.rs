//! What a role does for itself while it serves, each in a task of its own, so that none waits
//! for another: it checks this replica, it checks what it shares with others, it deletes what
//! is old.

use std::{collections::BTreeSet, time::Duration};

use florin_events::{OpenLetters, open_letters};
use florin_rpc::{
    health::{Health, ServingStatus},
    metrics::{Gauge, MetricFamily},
    tls::Expiry,
};
use florin_store::{Database, StoreError, Tx, idempotency};
use tokio::time::{Interval, MissedTickBehavior};

use crate::{Runtime, certificates::Certificates, clock, readiness::CHECK_EVERY};

/// How long a check waits for a reader of the pool.
const READER_WAIT: Duration = Duration::from_secs(2);
/// How long a check waits for a writer and its commit.
const WRITER_WAIT: Duration = Duration::from_secs(5);
/// How often a write is tried, and open dead letters are counted.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How often old idempotency keys are deleted.
const PRUNE_EVERY: Duration = Duration::from_secs(3_600);
/// Microseconds in a day.
const DAY: i64 = 86_400_000_000;

/// Certificates beside the role's own.
pub type MoreCertificates = Box<dyn Fn() -> Vec<Expiry> + Send + Sync>;

/// Runs the upkeep of a service.
pub(crate) fn keep(runtime: &Runtime, db: &Database, health: &Health) {
    let (role, tasks) = (runtime.role, &runtime.tasks);
    let replica = watch_replica(runtime.clone(), Some(db.clone()), Box::new(Vec::new));
    tasks.spawn(format!("{role} readiness"), replica);
    let shared = watch_shared(runtime.clone(), db.clone(), health.clone());
    tasks.spawn(format!("{role} health"), shared);
    tasks.spawn(format!("{role} pruning"), prune(runtime.clone(), db.clone()));
}

/// Runs the same check of this replica for a role without database; `more` gives the
/// certificates that it has beside its own.
pub fn watch_readiness(runtime: &Runtime, more: MoreCertificates) {
    let replica = watch_replica(runtime.clone(), None, more);
    runtime.tasks.spawn(format!("{} readiness", runtime.role), replica);
}

fn ticks(every: Duration) -> Interval {
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// Whether this replica can take calls: its certificates, its own pool.
async fn watch_replica(runtime: Runtime, db: Option<Database>, more: MoreCertificates) {
    let role = runtime.role.name();
    let mut certificates = Certificates::new(role, &runtime.metrics);
    let mut ticks = ticks(CHECK_EVERY);
    while runtime.shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
        let mut expiries = runtime.identity.expiries();
        expiries.extend(more());
        let mut check = certificates.check(&expiries, clock::now().0.div_euclid(1_000_000));
        if let Some(db) = &db {
            measure_pools(&runtime, db);
            let own = own_pool(db).await;
            check = check.and(own);
        }
        let cause = check.clone().err();
        match runtime.readiness.note(role, check) {
            Some(true) => tracing::info!(role, "ready again"),
            Some(false) => tracing::error!(role, cause, "not ready"),
            None => {}
        }
    }
}

/// A pool without a free reader is this replica's own; a server that is away is everybody's.
async fn own_pool(db: &Database) -> Result<(), String> {
    match db.check_readers(READER_WAIT).await {
        Err(StoreError::Timeout(cause)) => Err(cause),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// The health of what this replica shares with others stands under names of its own: it
/// alarms, and takes no replica away.
async fn watch_shared(runtime: Runtime, db: Database, health: Health) {
    let role = runtime.role.name();
    let mut named = Named { role, health, last: Vec::new() };
    let mut letters = Letters::new(&runtime);
    let mut ticks = ticks(LOOK_EVERY);
    while runtime.shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
        let bus = runtime.bus.check(role);
        named.tell("bus", bus.map_err(|error| error.to_string()));
        let written = db.check_writable(WRITER_WAIT).await;
        named.tell("database", written.map_err(|error| error.to_string()));
        match open_letters(&db, role).await {
            Ok(open) => letters.measure(&open),
            Err(error) => tracing::debug!(role, %error, "dead letters not counted"),
        }
    }
}

/// Open dead letters as gauges; a source that has none any more stays at zero.
struct Letters {
    role: &'static str,
    gauges: MetricFamily<[(&'static str, String); 3], Gauge>,
    sources: BTreeSet<String>,
}

impl Letters {
    fn new(runtime: &Runtime) -> Self {
        let help = "Open dead letters, and events parked behind them";
        let gauges = runtime.metrics.gauges("florin_dead_letters", help);
        Self { role: runtime.role.name(), gauges, sources: BTreeSet::new() }
    }

    fn measure(&mut self, open: &[OpenLetters]) {
        self.sources.extend(open.iter().map(|letters| letters.source.clone()));
        for source in &self.sources {
            let found = open.iter().find(|letters| letters.source == *source);
            let (dead, parked) = found.map_or((0, 0), |found| (found.dead, found.parked));
            for (state, count) in [("dead", dead), ("parked", parked)] {
                let labels = [
                    ("role", self.role.to_owned()),
                    ("source", source.clone()),
                    ("state", state.to_owned()),
                ];
                self.gauges.get_or_create(&labels).set(count);
            }
        }
    }
}

/// Named health, with a line in the log at each change.
struct Named {
    role: &'static str,
    health: Health,
    last: Vec<(&'static str, bool)>,
}

impl Named {
    fn tell(&mut self, name: &'static str, outcome: Result<(), String>) {
        let serves = outcome.is_ok();
        let status = if serves { ServingStatus::Serving } else { ServingStatus::NotServing };
        self.health.set(name, status);
        let before = self.last.iter().find(|(known, _)| *known == name).map(|(_, was)| *was);
        if before == Some(serves) {
            return;
        }
        self.last.retain(|(known, _)| *known != name);
        self.last.push((name, serves));
        match outcome {
            Err(cause) => tracing::error!(role = self.role, name, cause, "health is NOT_SERVING"),
            Ok(()) if before.is_some() => {
                tracing::info!(role = self.role, name, "health is SERVING again");
            }
            Ok(()) => {}
        }
    }
}

fn measure_pools(runtime: &Runtime, db: &Database) {
    let help = "Connections of the database pools; attempts to connect count as open";
    let gauges = runtime
        .metrics
        .gauges::<[(&'static str, &'static str); 3]>("florin_pool_connections", help);
    for pool in db.pools() {
        for (state, count) in [("open", pool.open), ("idle", pool.idle), ("max", pool.max)] {
            let labels = [("role", runtime.role.name()), ("pool", pool.name), ("state", state)];
            gauges.get_or_create(&labels).set(i64::from(count));
        }
    }
}

async fn prune(runtime: Runtime, db: Database) {
    let mut ticks = ticks(PRUNE_EVERY);
    ticks.tick().await;
    while runtime.shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
        let pruning = prune_keys(&runtime, &db);
        if runtime.shutdown.run_until_cancelled(pruning).await.is_none() {
            return;
        }
    }
}

async fn prune_keys(runtime: &Runtime, db: &Database) {
    let days = i64::from(runtime.settings.process.idempotency_key_days.max(7));
    let now = db.write(async |tx: Tx| tx.now().await).await;
    let pruned = match now {
        Ok(now) => idempotency::prune(db, now.plus_micros(-days * DAY)).await,
        Err(error) => Err(error),
    };
    match pruned {
        Ok(count) => {
            tracing::debug!(role = runtime.role.name(), count, "old idempotency keys deleted")
        }
        Err(error) => {
            tracing::warn!(role = runtime.role.name(), %error, "old idempotency keys stay")
        }
    }
}
