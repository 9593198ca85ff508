//! A source and a reader: SQLite and the embedded bus always, PostgreSQL and JetStream where
//! `FLORIN_TEST_POSTGRES_URL` and `FLORIN_TEST_NATS_URL` name servers.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use florin_events::{
    Bus, Cause, ConsumeError, Consumer, Envelope, NatsOptions, NewEvent, OpsError, OpsServer,
    Outbox, consume, inbox, relay,
};
use florin_kernel::EventId;
use florin_store::{Database, DatabaseOptions, Engine, Migrations, StoreError, Tx, sql};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::Status;

static NEXT: AtomicU32 = AtomicU32::new(0);
const AT_MOST: Duration = Duration::from_secs(120);

/// A source with its outbox, a reader with its inbox, and a bus between them.
pub struct World {
    pub label: String,
    pub source: Database,
    pub reader: Database,
    pub outbox: Outbox,
    pub bus: Bus,
    pub recorder: Arc<Recorder>,
    pub role: &'static str,
    _folder: TempDir,
}

#[expect(clippy::disallowed_methods, reason = "tests are told by the environment")]
pub fn setting(name: &str) -> Option<String> {
    let value = std::env::var(name).ok();
    if value.is_none() {
        println!("{name} is not set: skipped");
    }
    value
}

/// A name that no other test of this run, or of an earlier one on the same server, has.
#[expect(clippy::disallowed_methods, reason = "tests take unique names")]
fn unique(prefix: &str) -> String {
    let micros = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros();
    format!("{prefix}{micros}x{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Every combination of engine and bus that this run has.
pub async fn worlds() -> Vec<World> {
    let postgres = setting("FLORIN_TEST_POSTGRES_URL");
    let nats = setting("FLORIN_TEST_NATS_URL");
    let mut worlds = vec![World::new(None, None).await];
    if nats.is_some() {
        worlds.push(World::new(None, nats.clone()).await);
    }
    if postgres.is_some() {
        worlds.push(World::new(postgres.clone(), None).await);
        if nats.is_some() {
            worlds.push(World::new(postgres, nats).await);
        }
    }
    worlds
}

/// The worlds on PostgreSQL alone.
pub async fn postgres_worlds() -> Vec<World> {
    let all = worlds().await;
    all.into_iter().filter(|world| world.source.engine() == Engine::Postgres).collect()
}

/// The worlds with a broker alone.
pub async fn broker_worlds() -> Vec<World> {
    let all = worlds().await;
    all.into_iter().filter(|world| matches!(world.bus, Bus::JetStream(_))).collect()
}

async fn database(postgres: Option<&str>, folder: &TempDir, name: &str) -> Database {
    let options = match postgres {
        None => DatabaseOptions {
            synchronous_off: true,
            ..DatabaseOptions::sqlite(&folder.path().join(name))
        },
        Some(url) => DatabaseOptions {
            url: url.to_owned(),
            schema: unique(&format!("ev_{name}_")),
            max_connections: 4,
            max_read_connections: 2,
            synchronous_off: true,
            ..DatabaseOptions::default()
        },
    };
    Database::connect(&options, Migrations::none()).await.unwrap()
}

impl World {
    /// On SQLite, with a broker of the test's own.
    pub async fn on_broker(servers: &str) -> Self {
        Self::on_broker_with(servers, 1).await
    }

    /// As [`World::on_broker`], asking for so many copies of the stream.
    pub async fn on_broker_with(servers: &str, replicas: usize) -> Self {
        Self::of(None, Some(servers.to_owned()), replicas).await
    }

    async fn new(postgres: Option<String>, nats: Option<String>) -> Self {
        Self::of(postgres, nats, 1).await
    }

    async fn of(postgres: Option<String>, nats: Option<String>, replicas: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let engine = if postgres.is_some() { "postgres" } else { "sqlite" };
        let label = format!("{engine} {}", if nats.is_some() { "jetstream" } else { "embedded" });
        let role: &'static str = Box::leak(unique("src").into_boxed_str());
        let source = database(postgres.as_deref(), &folder, "source").await;
        let reader = database(postgres.as_deref(), &folder, "reader").await;
        let serial = match reader.engine() {
            Engine::Sqlite => "INTEGER PRIMARY KEY AUTOINCREMENT",
            Engine::Postgres => "BIGSERIAL PRIMARY KEY",
        };
        let table = format!(
            "CREATE TABLE effects (ordinal {serial}, aggregate TEXT NOT NULL, \
             version BIGINT NOT NULL, body TEXT NOT NULL)"
        );
        execute(&reader, &table).await;
        let bus = match nats {
            None => Bus::embedded(),
            Some(servers) => {
                let role = role.to_owned();
                let options = NatsOptions { servers, role, replicas, ..NatsOptions::default() };
                Bus::jetstream(&options).await.unwrap()
            }
        };
        println!("{label}");
        let recorder = Arc::new(Recorder::new(role));
        let outbox = Outbox::new(role);
        Self { label, source, reader, outbox, bus, recorder, role, _folder: folder }
    }

    /// Starts a relay and the consumer.
    pub fn start(&self) -> Running {
        let mut running = self.start_relay();
        running.tasks.push(self.consumer(&running.shutdown));
        running
    }

    pub fn start_relay(&self) -> Running {
        let shutdown = CancellationToken::new();
        let (db, bus) = (self.source.clone(), self.bus.clone());
        let relay = tokio::spawn(relay(db, self.outbox.clone(), bus, shutdown.clone()));
        Running { shutdown, tasks: vec![relay] }
    }

    pub fn start_consumer(&self) -> Running {
        let shutdown = CancellationToken::new();
        let tasks = vec![self.consumer(&shutdown)];
        Running { shutdown, tasks }
    }

    fn consumer(&self, shutdown: &CancellationToken) -> JoinHandle<()> {
        let (db, bus) = (self.reader.clone(), self.bus.clone());
        tokio::spawn(consume(db, bus, Arc::clone(&self.recorder), shutdown.clone()))
    }

    /// Appends events in one transaction.
    pub async fn append(&self, events: Vec<NewEvent>) -> Vec<EventId> {
        let outbox = &self.outbox;
        self.source.write(async |tx: Tx| outbox.append(&tx, events.clone()).await).await.unwrap()
    }

    /// Waits until the reader has applied the events.
    pub async fn applied(&self, ids: &[EventId]) {
        let ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
        let done = inbox::wait_for(&self.reader, &ids, AT_MOST).await.unwrap();
        assert!(done, "{}: not applied within {AT_MOST:?}", self.label);
    }

    /// Waits until nothing is pending in the outbox.
    pub async fn sent(&self) {
        self.eventually("SELECT COUNT(*) FROM outbox_pending", &self.source, 0).await;
    }

    pub async fn eventually(&self, query: &str, db: &Database, expected: i64) {
        let until = tokio::time::Instant::now() + AT_MOST;
        loop {
            let found = number(db, query).await;
            if found == expected {
                return;
            }
            assert!(
                tokio::time::Instant::now() < until,
                "{}: {query} is {found}, not {expected}",
                self.label
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until something holds.
    pub async fn until(&self, what: &str, holds: impl Fn() -> bool) {
        let until = tokio::time::Instant::now() + AT_MOST;
        while !holds() {
            assert!(tokio::time::Instant::now() < until, "{}: {what}: never", self.label);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// What was applied, in the order in which it was: aggregate and version.
    pub async fn effects(&self) -> Vec<(String, i64)> {
        let query = "SELECT aggregate, version FROM effects ORDER BY ordinal";
        let rows = sql::query_all(self.reader.read(), query, []).await.unwrap();
        rows.iter()
            .map(|row| (row.try_get("", "aggregate").unwrap(), row.try_get("", "version").unwrap()))
            .collect()
    }

    /// The versions of one aggregate in the order in which they were applied.
    pub async fn versions_of(&self, aggregate: &str) -> Vec<i64> {
        let effects = self.effects().await;
        effects.into_iter().filter(|(of, _)| of == aggregate).map(|(_, version)| version).collect()
    }

    pub fn source_ops(&self) -> OpsServer {
        OpsServer::new(self.source.clone(), self.bus.clone(), self.role, refuse)
    }

    pub fn reader_ops(&self) -> OpsServer {
        OpsServer::new(self.reader.clone(), self.bus.clone(), Recorder::NAME, refuse)
    }
}

/// Tells refusals apart for these tests; on the mesh `rpc` has the table.
fn refuse(error: OpsError) -> Status {
    let text = error.to_string();
    match error {
        OpsError::DeadLetterNotFound(_) | OpsError::NoRebuild(_) => Status::not_found(text),
        OpsError::RefusedAgain(_) => Status::failed_precondition(text),
        OpsError::Invalid { .. } | OpsError::ForeignPageToken => Status::invalid_argument(text),
        OpsError::NoReadModel(_) => Status::unimplemented(text),
        OpsError::Store(_) => Status::internal(text),
    }
}

/// Tasks that end with the test.
pub struct Running {
    shutdown: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

impl Running {
    pub async fn stop(mut self) {
        self.shutdown.cancel();
        for task in self.tasks.drain(..) {
            task.await.unwrap();
        }
    }

    /// As a crash: nothing is finished.
    pub async fn kill(mut self) {
        for task in self.tasks.drain(..) {
            task.abort();
            let _ = task.await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

pub fn event(aggregate: &str, version: i64, body: &str) -> NewEvent {
    NewEvent {
        kind: "thing_changed",
        aggregate: aggregate.to_owned(),
        version,
        payload: body.as_bytes().to_vec(),
        cause: Cause { correlation: "request".into(), ..Cause::default() },
        historical: false,
    }
}

pub async fn execute(db: &Database, statement: &str) {
    let run = async |tx: Tx| sql::execute(&tx, statement, []).await.map(|_| ());
    db.write(run).await.unwrap();
}

pub async fn number(db: &Database, query: &str) -> i64 {
    let row = sql::query_one(db.read(), query, []).await.unwrap().unwrap();
    row.try_get_by_index(0).unwrap()
}

/// Writes down what it applies. Refuses a body that begins with "bad" while it is strict, and
/// fails like a database that is away while `outages` are left.
pub struct Recorder {
    sources: &'static [&'static str],
    pub strict: AtomicBool,
    pub outages: AtomicU32,
}

impl Recorder {
    fn new(role: &'static str) -> Self {
        let sources = Box::leak(vec![role].into_boxed_slice());
        Self { sources, strict: AtomicBool::new(true), outages: AtomicU32::new(0) }
    }
}

impl Consumer for Recorder {
    const NAME: &'static str = "recorder";

    fn sources(&self) -> &'static [&'static str] {
        self.sources
    }

    async fn apply(&self, tx: &Tx, event: &Envelope) -> Result<(), ConsumeError> {
        let insert = "INSERT INTO effects (aggregate, version, body) VALUES ($1, $2, $3)";
        let body = String::from_utf8_lossy(&event.payload).into_owned();
        let values = [event.aggregate.as_str().into(), event.version.into(), body.as_str().into()];
        sql::execute(tx, insert, values).await?;
        let left = self.outages.load(Ordering::Relaxed);
        if left > 0 {
            self.outages.store(left - 1, Ordering::Relaxed);
            return Err(StoreError::Unavailable("test".into()).into());
        }
        if body.starts_with("bad") && self.strict.load(Ordering::Relaxed) {
            return Err(ConsumeError::Refused("the body is bad".into()));
        }
        Ok(())
    }
}
