//! What the roles of one process share, and what one role gets of it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Context as _;
use florin_events::{Bus, Outbox};
use florin_kernel::Role;
use florin_rpc::{Dependency, Identity, Metrics, StackLimits, TlsFiles, Verifier};
use florin_store::{Database, Migrations, StoreError};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{Readiness, Settings, Stop, Supervisor, bus, probe, stop};

/// How long a database may take to be closed.
const CLOSING: Duration = Duration::from_secs(2);

/// A way to another role, and its purpose where it is not the general one.
type Way = (Role, Option<&'static str>);

/// One process of the mesh. Clones share it.
#[derive(Clone)]
pub struct Process {
    /// The settings, fixed for the life of the process.
    pub settings: Arc<Settings>,
    /// The registry behind `/metrics`.
    pub metrics: Metrics,
    /// What `/readyz` tells.
    pub readiness: Readiness,
    /// Tasks that must run until the shutdown.
    pub tasks: Supervisor,
    /// Cancelled when the process is to stop.
    pub shutdown: CancellationToken,
    complete: CancellationToken,
    embedded: Bus,
    databases: Arc<Mutex<Vec<Database>>>,
    verifiers: Arc<Mutex<Option<Arc<Verifier>>>>,
}

/// What a role of the process works with. Clones share all of it.
#[derive(Clone)]
pub struct Runtime {
    /// Which role it is.
    pub role: Role,
    /// The settings of the process.
    pub settings: Arc<Settings>,
    /// The role's database; the gateway has none.
    pub db: Option<Database>,
    /// The bus, opened with the role's own certificate.
    pub bus: Bus,
    /// Where the role's events go.
    pub outbox: Outbox,
    /// The role's certificate, reloaded live.
    pub identity: Arc<Identity>,
    /// Checks access tokens.
    pub verifier: Arc<Verifier>,
    /// The registry behind `/metrics`.
    pub metrics: Metrics,
    /// What `/readyz` tells.
    pub readiness: Readiness,
    /// Cancelled when the process is to stop.
    pub shutdown: CancellationToken,
    /// Tasks that must run until the shutdown.
    pub tasks: Supervisor,
    /// Cancelled when all roles of the process have started.
    pub(crate) complete: CancellationToken,
    dependencies: Arc<Mutex<HashMap<Way, Dependency>>>,
}

impl Process {
    /// A process with these settings; nothing runs yet.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let shutdown = CancellationToken::new();
        let (metrics, embedded) = (Metrics::new(), Bus::embedded());
        metrics.collect(Box::new(embedded.metrics().clone()));
        Self {
            settings: Arc::new(settings),
            metrics,
            readiness: Readiness::default(),
            tasks: Supervisor::new(shutdown.clone()),
            shutdown,
            complete: CancellationToken::new(),
            embedded,
            databases: Arc::default(),
            verifiers: Arc::default(),
        }
    }

    /// Opens what a role needs: its certificate, its database with all migrations run, the
    /// bus. `migrations` is None for the gateway.
    ///
    /// # Errors
    /// Says in one line what is missing and how to get it.
    pub async fn runtime(
        &self,
        role: Role,
        migrations: Option<Migrations>,
    ) -> anyhow::Result<Runtime> {
        self.readiness.expect(role.name());
        let files = TlsFiles::in_dir(&self.settings.tls.dir, role.name());
        let identity = Identity::load(&files)
            .with_context(|| format!("certificate of {role}; `florin certs` makes one"))?;
        let db = match migrations {
            Some(migrations) => Some(self.database(role, migrations).await?),
            None => None,
        };
        // The gateway neither tells nor hears events: it has no leave to the broker.
        let bus = if role.is_service() {
            bus::open(&self.settings, role, &files, &self.embedded)
                .await
                .with_context(|| format!("bus of {role} at {}", self.settings.bus.url))?
        } else {
            self.embedded.clone()
        };
        let every = Duration::from_secs(self.settings.tls.reload_seconds.max(1));
        let watched = identity.watch(every, self.shutdown.clone());
        self.tasks
            .spawn_fallible(format!("{role} certificate watch"), async { Ok(watched.await?) });
        Ok(Runtime {
            role,
            settings: Arc::clone(&self.settings),
            db,
            bus,
            outbox: Outbox::new(role.name()),
            identity,
            verifier: self.verifier()?,
            metrics: self.metrics.clone(),
            readiness: self.readiness.clone(),
            shutdown: self.shutdown.clone(),
            tasks: self.tasks.clone(),
            complete: self.complete.clone(),
            dependencies: Arc::default(),
        })
    }

    async fn database(&self, role: Role, migrations: Migrations) -> anyhow::Result<Database> {
        let options = self.settings.role(role).database;
        let db = Database::connect(&options, migrations).await.map_err(|error| {
            let hint = match &error {
                StoreError::Unavailable(_) | StoreError::Timeout(_) => {
                    format!("; set url in [{role}.database] to one that is reachable")
                }
                StoreError::Migration(_)
                | StoreError::Serialization(_)
                | StoreError::Locked
                | StoreError::KeyInUse
                | StoreError::Conflict { .. }
                | StoreError::Corrupt(_)
                | StoreError::Database(_) => String::new(),
            };
            anyhow::Error::new(error).context(format!("database of {role}{hint}"))
        })?;
        self.databases.lock().unwrap_or_else(PoisonError::into_inner).push(db.clone());
        Ok(db)
    }

    /// One verifier a process: one cache of keys and tokens.
    fn verifier(&self) -> anyhow::Result<Arc<Verifier>> {
        let mut kept = self.verifiers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(verifier) = &*kept {
            return Ok(Arc::clone(verifier));
        }
        let made = Arc::new(crate::tokens::verifier(&self.settings)?);
        *kept = Some(Arc::clone(&made));
        Ok(made)
    }

    /// Says that every role of the process has started, with its consumers: from now on the
    /// relays publish. Earlier the embedded bus would hand events to those readers that are
    /// there, and not to one that still runs its migrations.
    pub fn roles_have_started(&self) {
        self.complete.cancel();
    }

    /// Serves the probe port.
    pub fn serve_probes(&self, listener: TcpListener) {
        let serving = probe::serve(
            listener,
            self.readiness.clone(),
            self.metrics.clone(),
            self.shutdown.clone(),
        );
        self.tasks.spawn_fallible("probe port", serving);
    }

    /// Stops at SIGTERM and SIGINT; a second signal ends the drain.
    /// Exit with [`Stop::exit_code`].
    pub async fn run_until_stopped(&self) -> Stop {
        let hurry = CancellationToken::new();
        let signals = tokio::spawn(stop::on_signals(self.shutdown.clone(), hurry.clone()));
        self.shutdown.cancelled().await;
        self.readiness.drain();
        let limit = self.settings.process.limit();
        tokio::select! {
            drained = self.tasks.drained(limit) => if !drained {
                tracing::warn!(limit_seconds = limit.as_secs(), "the drain took too long, leaving");
            },
            () = hurry.cancelled() => tracing::warn!("asked again to stop, leaving"),
        }
        signals.abort();
        self.close_databases().await;
        match self.tasks.crash() {
            Some(what) => Stop::Crashed(what.to_owned()),
            None => Stop::Asked,
        }
    }

    async fn close_databases(&self) {
        let open =
            std::mem::take(&mut *self.databases.lock().unwrap_or_else(PoisonError::into_inner));
        for db in open {
            let closed = tokio::time::timeout(CLOSING, db.close()).await;
            if let Ok(Err(error)) = closed {
                tracing::warn!(%error, "a database could not be closed in order");
            }
        }
    }
}

impl Runtime {
    /// The role's database.
    ///
    /// # Errors
    /// The role has none, which is a defect of the one who started it.
    pub fn database(&self) -> anyhow::Result<Database> {
        self.db
            .clone()
            .with_context(|| format!("the role {} was started without database", self.role))
    }

    /// The way to another role; one a role and process, so that permits and breaker see all
    /// its calls.
    #[must_use]
    pub fn dependency(&self, role: Role) -> Dependency {
        let make = |address, identity, limits| {
            Dependency::new(role, address, identity, limits, &self.metrics)
        };
        self.way((role, None), make)
    }

    /// A second way to another role, for calls that must get through while the others are
    /// refused: it has permits, a breaker and a connection of its own. `purpose` is one word.
    #[must_use]
    pub fn dependency_for(&self, role: Role, purpose: &'static str) -> Dependency {
        let make = |address, identity, limits| {
            Dependency::for_purpose(purpose, role, address, identity, limits, &self.metrics)
        };
        self.way((role, Some(purpose)), make)
    }

    fn way(
        &self,
        which: Way,
        make: impl FnOnce(String, Arc<Identity>, StackLimits) -> Dependency,
    ) -> Dependency {
        let mut known = self.dependencies.lock().unwrap_or_else(PoisonError::into_inner);
        let address = || self.settings.role(which.0).address;
        let new = || make(address(), Arc::clone(&self.identity), StackLimits::default());
        known.entry(which).or_insert_with(new).clone()
    }
}
