//! The layer between the connection and the handlers.

use std::{
    convert::Infallible,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use florin_proto::common::v1::Reason;
use futures_util::FutureExt as _;
use http::{HeaderMap, HeaderValue, Request, Response};
use tonic::{Code, Status, body::Body, service::Routes};
use tower::{Layer, Service};
use tracing::Instrument as _;

use super::{
    access::{self, Marks, admit},
    observe::{ObservedBody, Record, Rule, ServerMetrics},
};
use crate::{CallContext, Error, tls::Connection, token::Verifier};

/// tonic's own timer, which answers CANCELLED, runs beside ours from the same header; ours
/// fires this much earlier.
const AHEAD: Duration = Duration::from_millis(2);

/// Puts the mesh's checks around the routes.
#[derive(Clone)]
pub struct MeshLayer {
    verifier: Arc<Verifier>,
    metrics: Arc<ServerMetrics>,
}

impl MeshLayer {
    /// A layer for one server.
    pub fn new(verifier: Arc<Verifier>, metrics: ServerMetrics) -> Self {
        Self { verifier, metrics: Arc::new(metrics) }
    }
}

impl Layer<Routes> for MeshLayer {
    type Service = Mesh;

    fn layer(&self, routes: Routes) -> Mesh {
        Mesh { routes, layer: self.clone() }
    }
}

/// The routes behind the mesh's checks.
#[derive(Clone)]
pub struct Mesh {
    routes: Routes,
    layer: MeshLayer,
}

impl Service<Request<Body>> for Mesh {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Service::<Request<Body>>::poll_ready(&mut self.routes, cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        // tonic's own timer starts when this returns, and the future may be polled much later.
        let arrived = Instant::now();
        let method = Arc::clone(self.layer.metrics.find(request.uri().path()));
        let verifier = Arc::clone(&self.layer.verifier);
        let routes = self.routes.clone();
        let record = Record::start(Arc::clone(&method));
        Box::pin(async move {
            let (rule, path) = (method.rule, method.path);
            Ok(handle(routes, verifier, rule, path, request, record, arrived).await)
        })
    }
}

async fn handle(
    routes: Routes,
    verifier: Arc<Verifier>,
    rule: Rule,
    path: &'static str,
    mut request: Request<Body>,
    mut record: Record,
    arrived: Instant,
) -> Response<Body> {
    let left = timeout_of(request.headers()).map(|left| left.saturating_sub(AHEAD));
    let deadline = left.and_then(|left| arrived.checked_add(left));
    let marks = Marks::of(request.headers(), deadline);
    record.request_id.clone_from(&marks.request_id);
    record.trace_id = marks.trace.trace_id_hex();
    let span = tracing::info_span!(
        "rpc",
        method = path,
        request_id = marks.request_id,
        trace_id = record.trace_id
    );
    marks.trace.adopt(&span);
    let connection = request.extensions().get::<Connection>().cloned();
    record.call = connection.as_ref().map(Connection::open_call);
    let headers = request.headers().clone();
    let work = async {
        let context = check(rule, &verifier, connection, &headers, &marks, &mut record).await?;
        if let Some(context) = context {
            request.extensions_mut().insert(context);
        }
        call(routes, request).await
    };
    // Checks and handler run inside the span, so that each of their lines has its names and
    // each call that they make goes on in its trace.
    let work = work.instrument(span.clone());
    let answer = match deadline {
        Some(deadline) => match tokio::time::timeout_at(deadline.into(), work).await {
            Ok(answer) => answer,
            Err(_) => Err(Error::new(Reason::DeadlineExceeded, "the deadline of the call passed")
                .with("layer", "server")
                .with("method", path)),
        },
        None => work.await,
    };
    let request_id = HeaderValue::from_str(&record.request_id);
    let mut response = span.in_scope(|| match answer {
        Ok(response) => observed(response, record, deadline, span.clone()),
        Err(error) => refused(error, record),
    });
    if let Ok(request_id) = request_id {
        response.headers_mut().insert("x-request-id", request_id);
    }
    response
}

/// Everything that comes before the handler.
async fn check(
    rule: Rule,
    verifier: &Verifier,
    connection: Option<Connection>,
    headers: &HeaderMap,
    marks: &Marks,
    record: &mut Record,
) -> Result<Option<CallContext>, Error> {
    let connection =
        connection.ok_or_else(|| Error::new(Reason::Unauthenticated, "no certificate"))?;
    let peer = connection.peer();
    record.peer = peer.to_string();
    record.address = connection.address().to_string();
    match rule {
        Rule::Unknown => Err(Error::new(Reason::NotFound, "this server has no such method")),
        Rule::Infrastructure => Ok(None),
        Rule::Contract(policy) => {
            let context = admit(policy, peer, headers, verifier, marks).await?;
            record.principal = context.principal.kind.name();
            record.customer = context.principal.customer.map(|customer| customer.to_string());
            Ok(Some(context))
        }
    }
}

async fn call(mut routes: Routes, request: Request<Body>) -> Result<Response<Body>, Error> {
    let handler = AssertUnwindSafe(async move { routes.call(request).await });
    match handler.catch_unwind().await {
        Ok(Ok(response)) => Ok(response),
        Ok(Err(never)) => match never {},
        // The panic hook has told where.
        Err(_) => Err(Error::internal("a handler panicked")),
    }
}

/// Takes an answer over. A refusal without `ErrorInfo` gets the one of its code, so that
/// every refusal carries exactly one, whoever made it.
fn observed(
    response: Response<Body>,
    mut record: Record,
    deadline: Option<Instant>,
    span: tracing::Span,
) -> Response<Body> {
    let status = Status::from_header_map(response.headers());
    if let Some(status) = status.filter(|status| status.code() != Code::Ok) {
        let error = Error::from_status(&status);
        if status.details().is_empty() {
            return refused(error, record);
        }
        record.end(status.code());
        record.refuse(&error);
        return response;
    }
    let deadline =
        deadline.map(|at| Box::pin(tokio::time::sleep_until(tokio::time::Instant::from_std(at))));
    response.map(|inner| Body::new(ObservedBody { inner, record: Some(record), deadline, span }))
}

fn refused(error: Error, mut record: Record) -> Response<Body> {
    record.refuse(&error);
    let status = Status::from(error);
    record.end(status.code());
    status.into_http()
}

/// The `grpc-timeout` of a request: at most eight digits and a unit.
fn timeout_of(headers: &HeaderMap) -> Option<Duration> {
    let text = access::only(headers, "grpc-timeout")?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let count: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(count.checked_mul(3_600)?)),
        "M" => Some(Duration::from_secs(count.checked_mul(60)?)),
        "S" => Some(Duration::from_secs(count)),
        "m" => Some(Duration::from_millis(count)),
        "u" => Some(Duration::from_micros(count)),
        "n" => Some(Duration::from_nanos(count)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_timeouts_as_the_specification_writes_them() {
        for (text, left) in [
            ("1H", Some(Duration::from_secs(3_600))),
            ("250m", Some(Duration::from_millis(250))),
            ("99999999u", Some(Duration::from_micros(99_999_999))),
            ("5n", Some(Duration::from_nanos(5))),
            ("", None),
            ("S", None),
            ("-1S", None),
            ("123456789S", None),
            ("1x", None),
            ("1é", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("grpc-timeout", http::HeaderValue::from_bytes(text.as_bytes()).unwrap());
            assert_eq!(timeout_of(&headers), left, "{text}");
        }
    }
}
