//! Refusals as problem details (RFC 9457).

use std::time::Duration;

use axum::body::Body;
use florin_kernel::Kind;
use florin_rpc::Error;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use serde_json::{Value, json};

/// The path has no such method; HTTP's own refusal, with `Allow`.
pub const METHOD_NOT_ALLOWED: &str = "METHOD_NOT_ALLOWED";
/// The body is not JSON; HTTP's own refusal.
pub const UNSUPPORTED_MEDIA_TYPE: &str = "UNSUPPORTED_MEDIA_TYPE";
/// Domain of what HTTP itself refuses, which gRPC has no code for.
const HTTP_DOMAIN: &str = "gateway.florin.bank";
/// What a `type` starts with; the reason follows.
const TYPE_PREFIX: &str = "https://florin.bank/problems/";

/// The HTTP status of a kind, by the one table.
#[must_use]
pub const fn status_of(kind: Kind) -> u16 {
    florin_rpc::http_status(kind)
}

/// A refusal on its way out.
#[derive(Debug, Clone)]
pub struct Problem {
    status: u16,
    reason: String,
    domain: String,
    detail: String,
    metadata: Value,
    errors: Vec<Value>,
    headers: Vec<(HeaderName, String)>,
}

impl Problem {
    /// The path has other methods only.
    #[must_use]
    pub fn method_not_allowed(allowed: &[String]) -> Self {
        let allowed = allowed.join(", ");
        let mut problem =
            Self::http(405, METHOD_NOT_ALLOWED, format!("this path takes {allowed} only"));
        problem.headers.push((header::ALLOW, allowed));
        problem
    }

    /// The body is of another type than JSON.
    #[must_use]
    pub fn unsupported_media_type() -> Self {
        let detail = "the body must be sent as content-type application/json in UTF-8";
        Self::http(415, UNSUPPORTED_MEDIA_TYPE, detail.to_owned())
    }

    fn http(status: u16, reason: &str, detail: String) -> Self {
        Self {
            status,
            reason: reason.to_owned(),
            domain: HTTP_DOMAIN.to_owned(),
            detail,
            metadata: json!({}),
            errors: Vec::new(),
            headers: Vec::new(),
        }
    }

    /// Adds a header to the answer.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The HTTP status.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// The stable reason.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// The sentence for the caller.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// What the refusal says of itself under a key: layer, dependency, cause.
    #[must_use]
    pub fn metadata(&self, key: &str) -> Option<&str> {
        self.metadata.get(key).and_then(Value::as_str)
    }

    /// The answer; `request_id` becomes its instance.
    #[must_use]
    pub fn response(&self, request_id: &str) -> Response<Body> {
        let mut body = json!({
            "type": format!("{TYPE_PREFIX}{}", self.reason),
            "title": title(&self.reason),
            "status": self.status,
            "detail": self.detail,
            "instance": format!("urn:florin:request:{request_id}"),
            "reason": self.reason,
            "domain": self.domain,
            "metadata": self.metadata,
        });
        if let Value::Object(body) = &mut body
            && !self.errors.is_empty()
        {
            body.insert("errors".to_owned(), Value::Array(self.errors.clone()));
        }
        let mut response = Response::new(Body::from(body.to_string()));
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        let json = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, json);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        for (name, value) in &self.headers {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name.clone(), value);
            }
        }
        response
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let errors = error
            .field_violations()
            .iter()
            .map(|one| json!({ "field": one.field, "rule": one.rule, "detail": one.description }))
            .collect();
        let internal = error.kind() == Kind::Internal;
        // A defect of the gateway itself: of those further in only the public text came here,
        // and their service has logged the other.
        if internal && error.message() != error.public_message() {
            tracing::error!(error = %error.message(), "a defect ended a request");
        }
        let metadata = if internal { json!({}) } else { json!(error.metadata()) };
        let mut problem = Self {
            status: error.http_status(),
            reason: error.reason().to_owned(),
            domain: error.domain().to_owned(),
            detail: error.public_message().to_owned(),
            metadata,
            errors,
            headers: Vec::new(),
        };
        if let Some(delay) = error.retry_delay() {
            problem.headers.push((header::RETRY_AFTER, whole_seconds(delay).to_string()));
        }
        problem
    }
}

/// Rounded up: a client that waits so long does not come too early.
fn whole_seconds(delay: Duration) -> u64 {
    let up = u64::from(delay.subsec_nanos() > 0);
    delay.as_secs().saturating_add(up).max(1)
}

/// `INSUFFICIENT_FUNDS` as "Insufficient funds".
fn title(reason: &str) -> String {
    let words = reason.replace('_', " ").to_lowercase();
    let mut characters = words.chars();
    match characters.next() {
        Some(first) => first.to_uppercase().chain(characters).collect(),
        None => words,
    }
}
