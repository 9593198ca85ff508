//! The one server stack: mutual TLS, then one layer that enforces what the contract says of
//! a method, then the handler; health and reflection beside it; a bounded drain.

mod access;
mod layer;
mod observe;
mod services;

use std::{borrow::Borrow, sync::Arc, time::Duration};

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::{body::Body, codegen::Service, server::NamedService};

use self::{layer::MeshLayer, observe::ServerMetrics};
use crate::{
    Identity, Metrics, Role,
    health::{Health, ServingStatus},
    reflection,
    tls::{Ages, Incoming},
    token::Verifier,
};

pub use access::{idempotency_key, permitted};
pub use services::Services;

/// How long a connection lives before it is asked to come again.
const CONNECTION_AGE: Duration = Duration::from_secs(300);

/// How long an aged connection without calls may take to be closed in order.
const AGE_GRACE: Duration = Duration::from_secs(60);

/// How long the calls of an aged connection may still run before it is cut: proofs, exports
/// and imports of a large bank stream for up to an hour, which is their callers' limit.
const LONGEST_CALL: Duration = Duration::from_secs(3_700);

/// How long closing may take once the drain is over and connections are cut.
const CUT: Duration = Duration::from_secs(1);

/// Longest message. Generated servers take at most as much (tonic's default).
pub const MAX_MESSAGE_BYTES: usize = 4 * 1024 * 1024;

/// Requests at a time on one connection.
const STREAMS: u32 = 4_096;

/// Why serving ended.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The transport failed.
    #[error("the server stopped: {0}")]
    Transport(#[from] tonic::transport::Error),
    /// The descriptors of the contract cannot be served.
    #[error("reflection cannot be built: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
}

/// Serves the services of one role over mutual TLS.
pub struct Server {
    identity: Arc<Identity>,
    verifier: Arc<Verifier>,
    role: Role,
    metrics: Metrics,
    services: Services,
    health: Health,
    connection_age: Duration,
    connection_grace: Duration,
}

impl Server {
    /// A server without services yet.
    #[must_use]
    pub fn new(
        identity: Arc<Identity>,
        verifier: Arc<Verifier>,
        role: Role,
        metrics: impl Borrow<Metrics>,
    ) -> Self {
        let metrics = metrics.borrow().clone();
        Self {
            identity,
            verifier,
            role,
            health: Health::measured(role, &metrics),
            metrics,
            services: Services::new(),
            connection_age: CONNECTION_AGE,
            connection_grace: AGE_GRACE,
        }
    }

    /// Adds a generated server.
    #[must_use]
    pub fn add_service<S>(mut self, service: S) -> Self
    where
        S: Service<
                http::Request<Body>,
                Response = http::Response<Body>,
                Error = std::convert::Infallible,
            > + NamedService
            + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send + 'static,
    {
        self.services = self.services.with(service);
        self
    }

    /// Adds services that were collected elsewhere.
    #[must_use]
    pub fn add_services(mut self, services: Services) -> Self {
        self.services = self.services.merge(services);
        self
    }

    /// How long a connection lives before it is asked to come again, so that a revoked
    /// certificate has an end and new replicas get their share. Calls under way then run to
    /// their end; without one it is cut after `grace` more.
    #[must_use]
    pub const fn connection_age(mut self, age: Duration, grace: Duration) -> Self {
        self.connection_age = age;
        self.connection_grace = grace;
        self
    }

    /// The health that this server reports; services start as SERVING.
    #[must_use]
    pub fn health(&self) -> Health {
        self.health.clone()
    }

    /// Serves until `shutdown`, then lets calls under way end for at most `drain` and cuts
    /// what is left.
    ///
    /// # Errors
    /// Where the transport fails.
    pub async fn serve(
        self,
        listener: TcpListener,
        shutdown: CancellationToken,
        drain: Duration,
    ) -> Result<(), ServeError> {
        let names = self.services.names().to_vec();
        self.health.set("", ServingStatus::Serving);
        for name in &names {
            self.health.set(name, ServingStatus::Serving);
        }
        let metrics = ServerMetrics::new(&self.metrics, self.role, &names);
        let (v1, v1alpha) = reflection::servers(&names)?;
        let routes = self.services.into_routes();
        let routes = routes
            .add_service(self.health.clone().into_service())
            .add_service(v1)
            .add_service(v1alpha)
            .prepare();

        let cut = CancellationToken::new();
        let ages = Ages {
            idle: self.connection_age.saturating_add(self.connection_grace),
            longest: self.connection_age.saturating_add(LONGEST_CALL),
        };
        let incoming = Incoming::counted(listener, self.identity, ages, cut.clone(), &self.metrics);
        let serving = tonic::transport::Server::builder()
            .max_connection_age(self.connection_age)
            .max_concurrent_streams(STREAMS)
            .initial_stream_window_size(1_048_576)
            .initial_connection_window_size(8_388_608)
            .http2_keepalive_interval(Some(Duration::from_secs(30)))
            .http2_keepalive_timeout(Some(Duration::from_secs(10)))
            .layer(MeshLayer::new(self.verifier, metrics))
            .add_routes(routes)
            .serve_with_incoming_shutdown(incoming, shutdown.clone().cancelled_owned());
        let mut serving = std::pin::pin!(serving);
        let over = async {
            shutdown.cancelled().await;
            // Watchers learn it and end, else their streams would hold up the drain.
            self.health.stop();
            tokio::time::sleep(drain).await;
        };
        tokio::select! {
            ended = &mut serving => return Ok(ended?),
            () = over => {}
        }
        tracing::warn!(role = %self.role, "calls were still under way at the end of the drain");
        cut.cancel();
        match tokio::time::timeout(CUT, serving).await {
            Ok(ended) => Ok(ended?),
            Err(_) => Ok(()),
        }
    }
}
