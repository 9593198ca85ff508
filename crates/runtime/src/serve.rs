//! Serves a role: its services, health, operations, the relay of its outbox, its upkeep.

use florin_events::{DayWork, OpsServer, Rebuild};
use florin_proto::ops::v1::ops_service_server::OpsServiceServer;
use florin_rpc::Server;
use tokio::net::TcpListener;

#[cfg(doc)]
use crate::Process;
use crate::{
    Runtime,
    operations::{actor, refuse},
    upkeep,
};

type AddService = Box<dyn FnOnce(Server) -> Server + Send>;

/// What a service gives to be served: its gRPC services. Its consumers and workers it gives
/// to [`Runtime::tasks`] itself.
#[derive(Default)]
pub struct Started {
    services: Vec<AddService>,
    rebuild: Option<Rebuild>,
    day: Option<DayWork>,
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

    /// Tells operators how far it is with a business date.
    #[must_use]
    pub fn with_day_work(mut self, day: DayWork) -> Self {
        self.day = Some(day);
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
    let mut ops =
        OpsServer::new(db.clone(), runtime.bus.clone(), role.name(), refuse).with_actor(actor);
    if let Some(rebuild) = started.rebuild {
        ops = ops.with_rebuild(rebuild);
    }
    if let Some(day) = started.day {
        ops = ops.with_day_work(day);
    }
    let (begun, shutdown) = (ops.tasks(), runtime.shutdown.clone());
    runtime.tasks.spawn(format!("{role} operations"), async move {
        shutdown.cancelled().await;
        begun.close();
        begun.wait().await;
    });
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
    upkeep::keep(runtime, &db, &health);
    Ok(())
}
