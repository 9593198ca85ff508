//! A small mesh: the payment role with a scripted OpsService, and whoever calls it.

mod payment;

use std::{
    net::SocketAddr,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use florin_proto::{
    common::v1::Reason,
    ops::v1::{
        self as ops, ops_service_client::OpsServiceClient, ops_service_server::OpsServiceServer,
    },
    payment::v1::payment_service_server::PaymentServiceServer,
};
use florin_rpc::{
    CallContext, Dependency, Error, Identity, Metrics, Retry, Role, Server, StackLimits, TlsFiles,
    TraceParent, Verifier, context, health::Health, tls, worker_context,
};
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::Notify, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, transport::Channel};

pub const LIST: &str = "/florin.ops.v1.OpsService/ListOutboxEvents";

/// How long calls may take to end after the shutdown.
pub const DRAIN: Duration = Duration::from_secs(3);

/// What the scripted handler does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    Answer,
    Hang,
    Panic,
    Unavailable,
    /// Unavailable for so many calls, then answers.
    UnavailableFor(u32),
    /// A dependency of the service is unavailable, its stack said so.
    UnavailableFurtherIn,
    /// Its queue is full.
    Overloaded,
    Bare(tonic::Code),
    Refuse,
    /// A defect, whose text stays inside.
    Defect,
}

/// The handler's script and what it saw.
pub struct Script {
    pub act: Mutex<Act>,
    pub calls: AtomicU32,
    pub seen: Mutex<Option<CallContext>>,
    /// The trace in which the handler would call on.
    pub onward: Mutex<Option<TraceParent>>,
    pub release: Notify,
}

impl Script {
    pub fn set(&self, act: Act) {
        *self.act.lock().unwrap() = act;
    }

    pub fn calls(&self) -> u32 {
        self.calls.load(Ordering::SeqCst)
    }

    pub fn seen(&self) -> CallContext {
        self.seen.lock().unwrap().clone().unwrap()
    }

    async fn play<T>(&self, request: &Request<T>) -> Result<(), Status> {
        let calls = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        *self.seen.lock().unwrap() = Some(context(request)?);
        *self.onward.lock().unwrap() = TraceParent::current();
        let unavailable = || Error::new(Reason::Unavailable, "not now");
        let act = *self.act.lock().unwrap();
        match act {
            Act::Answer => Ok(()),
            Act::Hang => {
                self.release.notified().await;
                Ok(())
            }
            Act::Panic => panic!("scripted"),
            Act::Unavailable => Err(unavailable().into()),
            Act::UnavailableFor(first) if calls <= first => Err(unavailable().into()),
            Act::UnavailableFor(_) => Ok(()),
            Act::UnavailableFurtherIn => {
                let error = unavailable().with("layer", "breaker").with("dependency", "account");
                Err(error.into())
            }
            Act::Overloaded => {
                Err(Error::new(Reason::Overloaded, "full").with("layer", "committer").into())
            }
            Act::Bare(code) => Err(Status::new(code, "bare")),
            Act::Defect => Err(Error::internal("row 7 is broken").into()),
            Act::Refuse => {
                Err(Error::new(ops::Reason::DeadLetterNotFound, "no such dead letter").into())
            }
        }
    }
}

#[derive(Clone)]
pub struct Stub(pub Arc<Script>);

type Answer<T> = Result<Response<T>, Status>;

fn not_scripted<T>() -> Answer<T> {
    Err(Status::internal("not scripted"))
}

#[tonic::async_trait]
impl ops::ops_service_server::OpsService for Stub {
    async fn list_outbox_events(
        &self,
        request: Request<ops::ListOutboxEventsRequest>,
    ) -> Answer<ops::ListOutboxEventsResponse> {
        self.0.play(&request).await?;
        Ok(Response::new(ops::ListOutboxEventsResponse {
            settled_position: 7,
            ..Default::default()
        }))
    }
    async fn list_dead_letters(
        &self,
        _: Request<ops::ListDeadLettersRequest>,
    ) -> Answer<ops::ListDeadLettersResponse> {
        not_scripted()
    }
    async fn retry_dead_letter(
        &self,
        _: Request<ops::RetryDeadLetterRequest>,
    ) -> Answer<ops::RetryDeadLetterResponse> {
        not_scripted()
    }
    async fn discard_dead_letter(
        &self,
        _: Request<ops::DiscardDeadLetterRequest>,
    ) -> Answer<ops::DiscardDeadLetterResponse> {
        not_scripted()
    }
    async fn replay_events(
        &self,
        _: Request<ops::ReplayEventsRequest>,
    ) -> Answer<ops::ReplayEventsResponse> {
        not_scripted()
    }
    async fn find_missing_events(
        &self,
        _: Request<ops::FindMissingEventsRequest>,
    ) -> Answer<ops::FindMissingEventsResponse> {
        not_scripted()
    }
    async fn rebuild_read_model(
        &self,
        _: Request<ops::RebuildReadModelRequest>,
    ) -> Answer<ops::RebuildReadModelResponse> {
        not_scripted()
    }
    async fn get_day_work(
        &self,
        _: Request<ops::GetDayWorkRequest>,
    ) -> Answer<ops::GetDayWorkResponse> {
        not_scripted()
    }
    async fn get_rebuild(
        &self,
        _: Request<ops::GetRebuildRequest>,
    ) -> Answer<ops::GetRebuildResponse> {
        not_scripted()
    }
}

/// A served payment role and its certificates.
pub struct Bench {
    pub dir: TempDir,
    pub address: SocketAddr,
    pub script: Arc<Script>,
    pub metrics: Metrics,
    pub health: Health,
    pub identity: Arc<Identity>,
    pub shutdown: CancellationToken,
    pub serving: JoinHandle<()>,
}

/// The certificates of a bank with an operator "eva" and a client "till".
pub fn pki() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    issue(dir.path());
    dir
}

pub fn issue(dir: &Path) {
    florin_rpc::certs::issue_development_pki(dir, &["eva"], &["till"], &[]).unwrap();
}

impl Bench {
    pub async fn start() -> Self {
        Self::start_with(Verifier::none().unwrap()).await
    }

    pub async fn start_with(verifier: Verifier) -> Self {
        Self::start_as(verifier, |server| server).await
    }

    /// A server that is set up further.
    pub async fn start_as(verifier: Verifier, set_up: impl FnOnce(Server) -> Server) -> Self {
        let dir = pki();
        let identity = Identity::load(&TlsFiles::in_dir(dir.path(), "payment")).unwrap();
        let script = Arc::new(Script {
            act: Mutex::new(Act::Answer),
            calls: AtomicU32::new(0),
            seen: Mutex::new(None),
            onward: Mutex::new(None),
            release: Notify::new(),
        });
        let metrics = Metrics::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = Server::new(identity.clone(), Arc::new(verifier), Role::Payment, &metrics)
            .add_service(OpsServiceServer::new(Stub(script.clone())))
            .add_service(PaymentServiceServer::new(Stub(script.clone())));
        let server = set_up(server);
        let health = server.health();
        let shutdown = CancellationToken::new();
        let stop = shutdown.clone();
        let serving = tokio::spawn(async move {
            server.serve(listener, stop, DRAIN).await.unwrap();
        });
        Self { dir, address, script, metrics, health, identity, shutdown, serving }
    }

    pub fn identity(&self, name: &str) -> Arc<Identity> {
        Identity::load(&TlsFiles::in_dir(self.dir.path(), name)).unwrap()
    }

    pub fn channel(&self, name: &str) -> Channel {
        tls::channel(&self.identity(name), Role::Payment, self.address).unwrap()
    }

    /// The payment role as `reporting` calls it.
    pub fn dependency(&self, limits: StackLimits) -> Dependency {
        Dependency::new(
            Role::Payment,
            self.address,
            self.identity("reporting"),
            limits,
            &self.metrics,
        )
    }

    pub fn operator(&self) -> OpsServiceClient<Channel> {
        OpsServiceClient::new(self.channel("operator-eva"))
    }
}

/// Lists the outbox through the call stack.
pub async fn list(dependency: &Dependency, ctx: &CallContext, retry: Retry) -> Result<i64, Error> {
    let message = ops::ListOutboxEventsRequest::default();
    let call = |channel, request| async move {
        OpsServiceClient::new(channel).list_outbox_events(request).await
    };
    dependency.call(ctx, LIST, retry, message, call).await.map(|answer| answer.settled_position)
}

pub fn caller() -> CallContext {
    worker_context(Role::Reporting)
}

/// Limits with which a test does not wait.
pub fn quick() -> StackLimits {
    StackLimits {
        backoff: Duration::from_millis(1),
        backoff_most: Duration::from_millis(2),
        ..StackLimits::default()
    }
}
