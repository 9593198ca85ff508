//! Refusals as problem details (RFC 9457).

use std::time::Duration;

use axum::body::Body;
use florin_kernel::Kind;
use florin_rpc::Error;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use prost_reflect::{FieldDescriptor, MessageDescriptor};
use serde_json::{Value, json};

use crate::{
    bind::field_of,
    route::{BodyRule, Route},
};

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

    /// Names the fields as the client of this route sends them: JSON names, below the body
    /// where the body is one field of the request. Services name them as the contract does.
    #[must_use]
    pub fn named_for(mut self, route: &Route) -> Self {
        for error in &mut self.errors {
            if let Some(Value::String(field)) = error.get_mut("field") {
                *field = sent_as(route, field);
            }
        }
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

/// The path of a field as the client sends it; what is not known stays as it is.
fn sent_as(route: &Route, path: &str) -> String {
    let whole = (route.input.clone(), path);
    let (message, path) = match &route.body {
        BodyRule::None | BodyRule::Whole => whole,
        BodyRule::Field(body) => match body.kind().as_message() {
            None => whole,
            Some(inner) => match below(body, path) {
                Some(rest) => (inner.clone(), rest),
                // The gateway reads the body alone and names what it finds below it.
                None if !starts_in(&route.input, path) => (inner.clone(), path),
                None => whole,
            },
        },
    };
    let mut message = Some(message);
    let named = path.split('.').map(|part| {
        let (name, index) = split_index(part);
        let field = message.take().and_then(|message| field_of(&message, name));
        let Some(field) = field else { return part.to_owned() };
        message = field.kind().as_message().cloned();
        format!("{}{index}", field.json_name())
    });
    named.collect::<Vec<_>>().join(".")
}

/// What follows the field and a dot.
fn below<'p>(field: &FieldDescriptor, path: &'p str) -> Option<&'p str> {
    let mut names = [field.name(), field.json_name()].into_iter();
    names.find_map(|name| path.strip_prefix(name)?.strip_prefix('.'))
}

fn starts_in(message: &MessageDescriptor, path: &str) -> bool {
    let first = path.split('.').next().unwrap_or_default();
    field_of(message, split_index(first).0).is_some()
}

/// A name and the index behind it: `legs[1]` is `legs` and `[1]`.
fn split_index(part: &str) -> (&str, &str) {
    part.find('[').map_or((part, ""), |at| part.split_at(at))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Catalogue;

    #[test]
    fn fields_are_named_as_the_client_sent_them() {
        let catalogue = Catalogue::of_the_contract().unwrap();
        let named = |rpc: &str, path: &str| {
            let route = catalogue.routes().iter().find(|route| route.policy.path.ends_with(rpc));
            sent_as(route.unwrap(), path)
        };
        for (rpc, path, sent) in [
            ("/OpenAccount", "overdraft_limit", "overdraftLimit"),
            ("/OpenAccount", "overdraft_limit.amount", "overdraftLimit.amount"),
            ("/OpenAccount", "overdraftLimit", "overdraftLimit"),
            (
                "/PostTransactions",
                "transactions[3].legs[1].gl_code",
                "transactions[3].legs[1].glCode",
            ),
            // The body is one field: its name is not what the client wrote.
            ("/UpdateCustomer", "customer.person.given_name", "person.givenName"),
            ("/UpdateCustomer", "contact.email", "contact.email"),
            ("/UpdateCustomer", "update_mask", "updateMask"),
            ("/UpdateCustomer", "unheardOf", "unheardOf"),
            ("/UpdateCustomer", "", ""),
            ("/SearchTransactions", "positions[1]", "positions[1]"),
            ("/CreateTransfer", "no_such.field", "no_such.field"),
        ] {
            assert_eq!(named(rpc, path), sent, "{rpc}");
        }
    }
}
