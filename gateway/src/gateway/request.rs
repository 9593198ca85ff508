//! What ties a request to its log line, its trace and its metrics.

use std::{
    net::{IpAddr, SocketAddr},
    time::Instant,
};

use axum::body::Body;
use florin_rpc::{Metrics, Principal, Role, TraceParent, fresh_request_id, metrics::MetricFamily};
use http::{HeaderValue, Request, Response, StatusCode, header};
use prometheus_client::metrics::{counter::Counter, histogram::Histogram};

use crate::problem::Problem;

/// A request id from outside has at most so many characters.
const REQUEST_ID_LIMIT: usize = 128;

/// One request.
pub struct Call {
    /// When it came.
    pub started: Instant,
    /// Its name in logs and problem details.
    pub request_id: String,
    /// Its place in a trace.
    pub trace: TraceParent,
    /// Where it came from.
    pub remote: Option<IpAddr>,
    /// The RPC, once it is known.
    pub rpc: &'static str,
    /// The OAuth2 client, once it is known.
    pub client: String,
    /// What sort of principal acts, once it is known.
    pub principal: &'static str,
    /// The customer who acts, if one does.
    pub customer: Option<String>,
}

/// Rate, errors and duration of REST, by RPC.
pub struct HttpMetrics {
    requests: MetricFamily<[(&'static str, String); 3], Counter>,
    seconds: MetricFamily<[(&'static str, &'static str); 1], Histogram>,
}

impl HttpMetrics {
    /// The families of the process.
    pub fn new(metrics: &Metrics) -> Self {
        Self {
            requests: metrics
                .counters("florin_http_requests", "REST requests by RPC, status, reason"),
            seconds: metrics.durations("florin_http_request_seconds", "Time of REST requests"),
        }
    }
}

/// Where a connection comes from; the server puts it into the extensions.
#[derive(Debug, Clone, Copy)]
pub struct Remote(pub SocketAddr);

impl Call {
    /// Reads what the head of a request says.
    pub fn of(request: &Request<Body>) -> Self {
        let text = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
        let request_id = text("x-request-id").filter(|id| is_request_id(id)).map(str::to_owned);
        let trace = text("traceparent").and_then(TraceParent::parse).map(TraceParent::child);
        Self {
            started: Instant::now(),
            request_id: request_id.unwrap_or_else(fresh_request_id),
            trace: trace.unwrap_or_else(TraceParent::fresh),
            remote: request.extensions().get::<Remote>().map(|remote| remote.0.ip()),
            rpc: "none",
            client: String::new(),
            principal: "none",
            customer: None,
        }
    }

    /// Who acts.
    pub fn known(&mut self, principal: &Principal) {
        self.client.clone_from(&principal.client);
        self.principal = principal.kind.name();
        self.customer = principal.customer.map(|customer| customer.to_string());
    }

    /// Adds the headers that every answer has.
    pub fn finish(&self, response: &mut Response<Body>) {
        let headers = response.headers_mut();
        if let Ok(id) = HeaderValue::from_str(&self.request_id) {
            headers.insert("x-request-id", id);
        }
        if let Ok(trace) = HeaderValue::from_str(&self.trace.to_string()) {
            headers.insert("traceparent", trace);
        }
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        let strict = HeaderValue::from_static("max-age=31536000");
        headers.insert(header::STRICT_TRANSPORT_SECURITY, strict);
    }

    /// One log line and the metrics of the request, in the words of the services' lines.
    /// Neither path nor query is told: they may hold what a log must not.
    pub fn tell(&self, metrics: &HttpMetrics, status: StatusCode, refused: Option<&Problem>) {
        let elapsed = self.started.elapsed();
        let status_text = status.as_u16().to_string();
        let reason = refused.map_or("", Problem::reason);
        let labels =
            [("rpc", self.rpc.to_owned()), ("status", status_text), ("reason", reason.to_owned())];
        metrics.requests.get_or_create(&labels).inc();
        metrics.seconds.get_or_create(&[("rpc", self.rpc)]).observe(elapsed.as_secs_f64());
        let told = |key: &str| refused.and_then(|problem| problem.metadata(key));
        // Of a denial the sentence is the cause: which issuer, which scope.
        let denial = refused.filter(|problem| matches!(problem.status(), 401 | 403));
        tracing::info!(
            role = Role::Gateway.name(),
            method = self.rpc,
            address = self.remote.map(tracing::field::display),
            client = %self.client,
            principal = self.principal,
            customer = self.customer,
            status = status.as_u16(),
            reason,
            layer = told("layer"),
            dependency = told("dependency"),
            cause = told("cause").or_else(|| denial.map(Problem::detail)),
            latency_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
            request_id = %self.request_id,
            trace_id = %self.trace.trace_id_hex(),
            "request"
        );
    }
}

fn is_request_id(id: &str) -> bool {
    (1..=REQUEST_ID_LIMIT).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// Whether a content type is JSON in UTF-8.
pub fn is_json(value: &HeaderValue) -> bool {
    let Ok(text) = value.to_str() else { return false };
    let mut parts = text.split(';').map(str::trim);
    let kind = parts.next().unwrap_or_default();
    kind.eq_ignore_ascii_case("application/json")
        && parts.filter(|part| !part.is_empty()).all(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            !name.trim().eq_ignore_ascii_case("charset")
                || value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
        })
}
