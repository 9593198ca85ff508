//! Serves a role: its services, health, operations, the relay of its outbox, its upkeep.

use std::time::Duration;

use florin_events::OpsServer;
use florin_proto::ops::v1::ops_service_server::OpsServiceServer;
use florin_rpc::server::Server;
use florin_store::{Database, Tx, idempotency};
use tokio::net::TcpListener;

use crate::{Runtime, readiness::CHECK_EVERY};

/// How long a check of the pool waits for a connection.
const POOL_WAIT: Duration = Duration::from_secs(2);
/// How often old idempotency keys are deleted.
const PRUNE_EVERY: Duration = Duration::from_secs(3_600);
/// Microseconds in a day.
const DAY: i64 = 86_400_000_000;

type AddService = Box<dyn FnOnce(Server) -> Server + Send>;

/// What a service gives to be served: its gRPC services. Its consumers and workers it gives
/// to [`Runtime::tasks`] itself.
#[derive(Default)]
pub struct Started {
    services: Vec<AddService>,
}

impl Started {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds to the server, as `started.with(|server| server.add_service(CifServer::new(cif)))`.
    #[must_use]
    pub fn with(mut self, add: impl FnOnce(Server) -> Server + Send + 'static) -> Self {
        self.services.push(Box::new(add));
        self
    }
}

/// Serves a role on the listener until the shutdown, with its relay and upkeep as supervised
/// tasks. Returns at once.
///
/// # Errors
/// The role has no database.
pub fn serve_role(runtime: &Runtime, started: Started, listener: TcpListener) -> anyhow::Result<()> {
    let db = runtime.database()?;
    let role = runtime.role;
    let ops = OpsServer::new(db.clone(), runtime.bus.clone(), role);
    let mut server = Server::new(
        runtime.identity.clone(),
        runtime.verifier.clone(),
        role,
        runtime.metrics.clone(),
    )
    .add_service(OpsServiceServer::new(ops));
    for add in started.services {
        server = add(server);
    }
    let drain = runtime.settings.process.drain();
    let (shutdown, readiness) = (runtime.shutdown.clone(), runtime.readiness.clone());
    runtime.tasks.spawn_fallible(format!("{role} server"), async move {
        readiness.up(role.name());
        Ok(server.serve(listener, shutdown, drain).await?)
    });
    let relay = florin_events::relay(
        db.clone(),
        runtime.outbox.clone(),
        runtime.bus.clone(),
        runtime.shutdown.clone(),
    );
    runtime.tasks.spawn(format!("{role} relay"), relay);
    runtime.tasks.spawn(format!("{role} upkeep"), upkeep(runtime.clone(), db));
    Ok(())
}

/// Checks the pool, measures it, and deletes what is old.
async fn upkeep(runtime: Runtime, db: Database) {
    let mut check = tokio::time::interval(CHECK_EVERY);
    let mut prune = tokio::time::interval(PRUNE_EVERY);
    prune.tick().await;
    loop {
        tokio::select! {
            () = runtime.shutdown.cancelled() => return,
            _ = check.tick() => check_pool(&runtime, &db).await,
            _ = prune.tick() => prune_keys(&runtime, &db).await,
        }
    }
}

async fn check_pool(runtime: &Runtime, db: &Database) {
    let role = runtime.role.name();
    let gauges = runtime
        .metrics
        .gauges::<[(&'static str, &'static str); 3]>("florin_pool_connections", "Connections of the database pools");
    for pool in db.pools() {
        for (state, count) in [("open", pool.open), ("idle", pool.idle), ("max", pool.max)] {
            let labels = [("role", role), ("pool", pool.name), ("state", state)];
            gauges.get_or_create(&labels).set(i64::from(count));
        }
    }
    let check = match tokio::time::timeout(POOL_WAIT, db.ping()).await {
        Err(_) => Err(format!("no connection of the pool within {} s", POOL_WAIT.as_secs())),
        // An absent database is everybody's: it is told by the calls and by the metrics.
        Ok(_) => Ok(()),
    };
    match runtime.readiness.note(role, check) {
        Some(true) => tracing::info!(role, "ready again"),
        Some(false) => tracing::error!(role, "not ready: its database pool gives no connection"),
        None => {}
    }
}

async fn prune_keys(runtime: &Runtime, db: &Database) {
    let days = i64::from(runtime.settings.process.idempotency_key_days.max(7));
    let now = db.write(async |tx: &Tx| tx.now().await).await;
    let pruned = match now {
        Ok(now) => idempotency::prune(db, now.plus_micros(-days * DAY)).await,
        Err(error) => Err(error),
    };
    match pruned {
        Ok(count) => tracing::debug!(role = runtime.role.name(), count, "old idempotency keys deleted"),
        Err(error) => tracing::warn!(role = runtime.role.name(), %error, "old idempotency keys stay"),
    }
}
