//! Serves a role: its services, health, operations, the relay of its outbox, its upkeep.

use std::time::Duration;

use florin_events::{OpsServer, Rebuild};
use florin_proto::ops::v1::ops_service_server::OpsServiceServer;
use florin_rpc::{
    CallContext, Server,
    health::{Health, ServingStatus},
};
use florin_store::{Database, Tx, idempotency};
use tokio::net::TcpListener;

#[cfg(doc)]
use crate::Process;
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
    rebuild: Option<Rebuild>,
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

    /// Gives operators a read model to rebuild.
    #[must_use]
    pub fn with_rebuild(mut self, rebuild: Rebuild) -> Self {
        self.rebuild = Some(rebuild);
        self
    }
}

/// Serves a role on the listener until the shutdown, with its relay and upkeep as supervised
/// tasks. Returns at once. The relay waits for [`Process::roles_have_started`].
///
/// # Errors
/// The role has no database.
pub fn serve_role(
    runtime: &Runtime,
    started: Started,
    listener: TcpListener,
) -> anyhow::Result<()> {
    let db = runtime.database()?;
    let role = runtime.role;
    let mut ops = OpsServer::new(db.clone(), runtime.bus.clone(), role.name()).with_actor(actor);
    if let Some(rebuild) = started.rebuild {
        ops = ops.with_rebuild(rebuild);
    }
    let mut server =
        Server::new(runtime.identity.clone(), runtime.verifier.clone(), role, &runtime.metrics)
            .add_service(OpsServiceServer::new(ops));
    for add in started.services {
        server = add(server);
    }
    let health = server.health();
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
    let (complete, shutdown) = (runtime.complete.clone(), runtime.shutdown.clone());
    runtime.tasks.spawn(format!("{role} relay"), async move {
        tokio::select! {
            () = complete.cancelled() => relay.await,
            () = shutdown.cancelled() => {}
        }
    });
    runtime.tasks.spawn(format!("{role} upkeep"), upkeep(runtime.clone(), db, health));
    Ok(())
}

/// Checks the pool, measures it, and deletes what is old.
async fn upkeep(runtime: Runtime, db: Database, health: Health) {
    let mut look = tokio::time::interval(CHECK_EVERY);
    let mut prune = tokio::time::interval(PRUNE_EVERY);
    prune.tick().await;
    loop {
        tokio::select! {
            () = runtime.shutdown.cancelled() => return,
            _ = look.tick() => check(&runtime, &db, &health).await,
            _ = prune.tick() => prune_keys(&runtime, &db).await,
        }
    }
}

/// The health of what this replica shares with others stands under names of its own: it
/// alarms, and takes no replica away.
async fn check(runtime: &Runtime, db: &Database, health: &Health) {
    measure_pools(runtime, db);
    let role = runtime.role.name();
    let (check, database) = match tokio::time::timeout(POOL_WAIT, db.ping()).await {
        Err(_) => {
            let cause = format!("no connection of the pool within {} s", POOL_WAIT.as_secs());
            (Err(cause), false)
        }
        Ok(answer) => (Ok(()), answer.is_ok()),
    };
    let expired = || "its certificate has expired".to_owned();
    let check =
        check.and_then(|()| runtime.identity.is_valid_now().then_some(()).ok_or_else(expired));
    health.set("database", serving(database));
    health.set("bus", serving(runtime.bus.is_ready(role)));
    let cause = check.clone().err();
    match runtime.readiness.note(role, check) {
        Some(true) => tracing::info!(role, "ready again"),
        Some(false) => tracing::error!(role, cause, "not ready"),
        None => {}
    }
}

const fn serving(is: bool) -> ServingStatus {
    if is { ServingStatus::Serving } else { ServingStatus::NotServing }
}

fn measure_pools(runtime: &Runtime, db: &Database) {
    let help = "Connections of the database pools";
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

/// Who calls an operation, for the audit.
fn actor(extensions: &tonic::Extensions) -> String {
    let context = extensions.get::<CallContext>();
    context.map_or_else(|| "unknown".to_owned(), |context| context.principal.scope_key())
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
