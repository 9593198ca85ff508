//! What is seen of a request from outside: counters, a duration, one line in the log.

use std::{
    collections::HashMap,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
    time::Instant,
};

use bytes::Bytes;
use florin_kernel::Kind;
use florin_proto::{
    common::v1::Reason,
    policy::{MethodPolicy, POLICIES},
};
use http_body::{Frame, SizeHint};
use prometheus_client::metrics::{counter::Counter, gauge::Gauge, histogram::Histogram};
use tokio::time::Sleep;
use tonic::{Code, Status, body::Body};

use crate::{Error, Metrics, Role, metrics::MetricFamily, tls::OpenCall};

/// What the server does with a method.
#[derive(Clone, Copy)]
pub enum Rule {
    /// The contract says who may call it.
    Contract(&'static MethodPolicy),
    /// Health and reflection: any valid certificate of ours.
    Infrastructure,
    /// Not served here.
    Unknown,
}

/// Health and reflection have no `access` option; these are their rows.
const INFRASTRUCTURE: [&str; 5] = [
    "/grpc.health.v1.Health/Check",
    "/grpc.health.v1.Health/List",
    "/grpc.health.v1.Health/Watch",
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
];

type Labels<const N: usize> = [(&'static str, &'static str); N];

/// A method with its metrics, whose labels are resolved once.
pub struct Method {
    pub path: &'static str,
    pub rule: Rule,
    role: Role,
    codes: [OnceLock<Counter>; 17],
    requests: MetricFamily<Labels<3>, Counter>,
    denials: MetricFamily<Labels<2>, Counter>,
    duration: Histogram,
    in_flight: Gauge,
}

/// The methods that a server knows.
pub struct ServerMetrics {
    methods: HashMap<&'static str, Arc<Method>>,
    unknown: Arc<Method>,
}

impl ServerMetrics {
    /// The methods of these services, and those of health and reflection.
    pub fn new(metrics: &Metrics, role: Role, services: &[&'static str]) -> Self {
        let requests = metrics.counters("florin_rpc_requests", "Requests by method and gRPC code");
        let denials = metrics.counters("florin_rpc_denials", "Requests denied, by reason");
        let durations = metrics
            .durations("florin_rpc_duration_seconds", "Time until the last byte of the answer");
        let in_flight = metrics.gauges("florin_rpc_in_flight", "Requests under way");
        let method = |path: &'static str, rule| {
            let labels: Labels<2> = [("role", role.name()), ("method", path)];
            Arc::new(Method {
                path,
                rule,
                role,
                codes: std::array::from_fn(|_| OnceLock::new()),
                requests: MetricFamily::clone(&requests),
                denials: MetricFamily::clone(&denials),
                duration: durations.get_or_create_owned(&labels),
                in_flight: in_flight.get_or_create_owned(&labels),
            })
        };
        let served = |policy: &&MethodPolicy| {
            let service = policy.path.trim_start_matches('/').split('/').next();
            service.is_some_and(|service| services.contains(&service))
        };
        let contract =
            POLICIES.iter().filter(served).map(|policy| (policy.path, Rule::Contract(policy)));
        let infrastructure = INFRASTRUCTURE.map(|path| (path, Rule::Infrastructure));
        let methods =
            contract.chain(infrastructure).map(|(path, rule)| (path, method(path, rule))).collect();
        Self { methods, unknown: method("unknown", Rule::Unknown) }
    }

    /// The method of a path.
    pub fn find(&self, path: &str) -> &Arc<Method> {
        self.methods.get(path).unwrap_or(&self.unknown)
    }
}

/// One request, from its arrival to the last byte of its answer. Dropping it unfinished
/// means that the caller went away.
pub struct Record {
    method: Arc<Method>,
    started: Instant,
    code: Code,
    refusal: Option<Refusal>,
    /// Keeps an aged connection open while the answer is under way.
    pub call: Option<OpenCall>,
    pub peer: String,
    pub address: String,
    pub principal: &'static str,
    pub customer: Option<String>,
    pub request_id: String,
    pub trace_id: String,
}

/// What the log says of a refusal: the caller is told the same.
struct Refusal {
    reason: String,
    layer: Option<String>,
    dependency: Option<String>,
    cause: Option<String>,
}

impl Refusal {
    /// Of a denial the sentence is the cause: which issuer, which scope.
    fn of(error: &Error) -> Self {
        let told = |key: &str| error.metadata().get(key).cloned();
        let denied = matches!(error.kind(), Kind::Unauthenticated | Kind::Forbidden);
        let cause = told("cause").or_else(|| denied.then(|| error.public_message().to_owned()));
        Self {
            reason: error.reason().to_owned(),
            layer: told("layer"),
            dependency: told("dependency"),
            cause,
        }
    }
}

impl Record {
    /// A request has arrived.
    pub fn start(method: Arc<Method>) -> Self {
        method.in_flight.inc();
        Self {
            method,
            started: Instant::now(),
            code: Code::Cancelled,
            refusal: None,
            call: None,
            peer: String::new(),
            address: String::new(),
            principal: "none",
            customer: None,
            request_id: String::new(),
            trace_id: String::new(),
        }
    }

    /// How it ended; the last word counts.
    pub fn end(&mut self, code: Code) {
        self.code = code;
    }

    /// It was refused.
    pub fn refuse(&mut self, error: &Error) {
        self.refusal = Some(Refusal::of(error));
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let method = &*self.method;
        let elapsed = self.started.elapsed();
        method.in_flight.dec();
        method.duration.observe(elapsed.as_secs_f64());
        let role = method.role.name();
        let code = code_name(self.code);
        let counter = || {
            let labels = [("role", role), ("method", method.path), ("code", code)];
            method.requests.get_or_create_owned(&labels)
        };
        let slot = usize::try_from(i32::from(self.code)).ok().and_then(|at| method.codes.get(at));
        if let Some(slot) = slot {
            slot.get_or_init(counter).inc();
        }
        let refusal = self.refusal.as_ref();
        let reason = refusal.map_or("", |refusal| &refusal.reason);
        if matches!(self.code, Code::Unauthenticated | Code::PermissionDenied) {
            let known = florin_proto::REASONS.iter().find(|known| known.name == reason);
            let kind = known.map_or("OTHER", |known| known.name);
            method.denials.get_or_create(&[("role", role), ("kind", kind)]).inc();
        }
        let latency_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        tracing::info!(
            target: "florin_rpc::access",
            role,
            method = method.path,
            peer = self.peer,
            address = self.address,
            principal = self.principal,
            customer = self.customer,
            code,
            reason,
            layer = refusal.and_then(|refusal| refusal.layer.as_deref()),
            dependency = refusal.and_then(|refusal| refusal.dependency.as_deref()),
            cause = refusal.and_then(|refusal| refusal.cause.as_deref()),
            latency_ms,
            request_id = self.request_id,
            trace_id = self.trace_id,
            "request"
        );
    }
}

/// The name of a code as the specification spells it.
pub const fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

/// An answer's body that ends at the deadline and tells the record how it ended.
pub struct ObservedBody {
    pub inner: Body,
    pub record: Option<Record>,
    pub deadline: Option<Pin<Box<Sleep>>>,
    /// The request's span: what is logged while the answer streams belongs to it.
    pub span: tracing::Span,
}

impl ObservedBody {
    fn end(&mut self, status: Option<&Status>) {
        if let Some(mut record) = self.record.take() {
            record.end(status.map_or(Code::Ok, Status::code));
            if let Some(status) = status.filter(|status| status.code() != Code::Ok) {
                record.refuse(&Error::from_status(status));
            }
        }
    }
}

impl http_body::Body for ObservedBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        let span = this.span.clone();
        let _entered = span.enter();
        if this.record.is_none() {
            return Poll::Ready(None);
        }
        if let Poll::Ready(next) = Pin::new(&mut this.inner).poll_frame(cx) {
            match &next {
                Some(Ok(frame)) => {
                    if let Some(trailers) = frame.trailers_ref() {
                        this.end(Status::from_header_map(trailers).as_ref());
                    }
                }
                Some(Err(status)) => this.end(Some(status)),
                None => this.end(None),
            }
            return Poll::Ready(next);
        }
        let late = this.deadline.as_mut().is_some_and(|at| at.as_mut().poll(cx).is_ready());
        if !late {
            return Poll::Pending;
        }
        let status: Status =
            Error::new(Reason::DeadlineExceeded, "the deadline passed within the stream").into();
        this.end(Some(&status));
        this.inner = Body::empty();
        let mut trailers = http::HeaderMap::new();
        match status.add_header(&mut trailers) {
            Ok(()) => Poll::Ready(Some(Ok(Frame::trailers(trailers)))),
            Err(status) => Poll::Ready(Some(Err(status))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.record.is_none() || self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
