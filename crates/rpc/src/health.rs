//! `grpc.health.v1` by its specification: Check, List, and a Watch that streams
//! SERVICE_UNKNOWN for a service it does not know yet.

use std::{collections::BTreeMap, pin::Pin, sync::Arc};

use florin_proto::common::v1::Reason;
use futures_util::Stream;
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use self::wire::{
    HealthCheckRequest, HealthCheckResponse, HealthListRequest, HealthListResponse,
    health_server::HealthServer,
};
use crate::{Error, Metrics, Role, metrics::MetricFamily};

/// Messages, client and server of the protocol.
#[allow(
    clippy::all,
    clippy::wildcard_enum_match_arm,
    clippy::as_conversions,
    missing_docs,
    reason = "generated code"
)]
pub mod wire {
    use tonic_prost as _;

    tonic::include_proto!("grpc.health.v1");
}

pub use wire::health_check_response::ServingStatus;

/// Services in one answer of List; the specification asks for a bound.
const MOST_LISTED: usize = 100;

/// How the services of one server are. Clones share it.
#[derive(Debug, Clone)]
pub struct Health {
    board: Arc<watch::Sender<Board>>,
    gauges: Option<Gauges>,
}

/// The same as metrics, for whoever alarms.
#[derive(Debug, Clone)]
struct Gauges {
    role: &'static str,
    family: MetricFamily<[(&'static str, String); 2], Gauge>,
}

impl Gauges {
    fn set(&self, service: &str, status: ServingStatus) {
        // A label that is empty is none: the server as a whole has a name here.
        let name = if service.is_empty() { "server" } else { service };
        let labels = [("role", self.role.to_owned()), ("name", name.to_owned())];
        self.family.get_or_create(&labels).set(i64::from(status == ServingStatus::Serving));
    }
}

#[derive(Debug, Default, Clone)]
struct Board {
    services: BTreeMap<String, ServingStatus>,
    stopped: bool,
}

impl Health {
    /// Nothing is known yet.
    #[must_use]
    pub fn new() -> Self {
        Self { board: Arc::new(watch::channel(Board::default()).0), gauges: None }
    }

    /// As [`Health::new`], and each state is a gauge.
    #[must_use]
    pub fn measured(role: Role, metrics: &Metrics) -> Self {
        let help = "1 while the named health is SERVING";
        let family = metrics.gauges("florin_health", help);
        Self { gauges: Some(Gauges { role: role.name(), family }), ..Self::new() }
    }

    /// Says how a service is; the empty name is the server as a whole.
    pub fn set(&self, service: &str, status: ServingStatus) {
        let changed = self.board.send_if_modified(|board| {
            !board.stopped && board.services.insert(service.to_owned(), status) != Some(status)
        });
        if let Some(gauges) = self.gauges.as_ref().filter(|_| changed) {
            gauges.set(service, status);
        }
    }

    /// How a service is; None where it is unknown.
    #[must_use]
    pub fn get(&self, service: &str) -> Option<ServingStatus> {
        self.board.borrow().services.get(service).copied()
    }

    /// The server shuts down: everything is NOT_SERVING for good, and watchers end.
    pub fn stop(&self) {
        self.board.send_modify(|board| {
            board.stopped = true;
            for (service, status) in &mut board.services {
                *status = ServingStatus::NotServing;
                if let Some(gauges) = &self.gauges {
                    gauges.set(service, *status);
                }
            }
        });
    }

    pub(crate) fn into_service(self) -> HealthServer<Self> {
        HealthServer::new(self)
    }
}

impl Default for Health {
    fn default() -> Self {
        Self::new()
    }
}

fn answer(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse { status: status.into() }
}

#[tonic::async_trait]
impl wire::health_server::Health for Health {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        match self.get(&request.get_ref().service) {
            Some(status) => Ok(Response::new(answer(status))),
            // The specification asks for NOT_FOUND, which no reason of the mesh has.
            None => Err(Status::not_found("unknown service")),
        }
    }

    async fn list(
        &self,
        _request: Request<HealthListRequest>,
    ) -> Result<Response<HealthListResponse>, Status> {
        let board = self.board.borrow().clone();
        if board.services.len() > MOST_LISTED {
            return Err(Error::new(Reason::Overloaded, "more services than a list holds").into());
        }
        let statuses =
            board.services.into_iter().map(|(name, status)| (name, answer(status))).collect();
        Ok(Response::new(HealthListResponse { statuses }))
    }

    type WatchStream = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let service = request.into_inner().service;
        let mut board = self.board.subscribe();
        let (sender, stream) = mpsc::channel(1);
        tokio::spawn(async move {
            let mut told = None;
            loop {
                let (status, stopped) = {
                    let now = board.borrow_and_update();
                    let status = now.services.get(&service).copied();
                    (status.unwrap_or(ServingStatus::ServiceUnknown), now.stopped)
                };
                if told != Some(status) {
                    told = Some(status);
                    if sender.send(Ok(answer(status))).await.is_err() {
                        return;
                    }
                }
                if stopped {
                    return;
                }
                tokio::select! {
                    () = sender.closed() => return,
                    changed = board.changed() => if changed.is_err() { return },
                }
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(stream))))
    }
}
