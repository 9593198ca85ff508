//! One operation: parameters, body, answers and errors of one route.

use std::collections::{BTreeMap, BTreeSet};

use florin_proto::{
    known_reason,
    policy::{Idempotency, Own},
};
use prost_reflect::{FieldDescriptor, MessageDescriptor};
use serde_json::{Map, Value, json};

use super::{
    Security,
    behaviour::is_required,
    comments::Comments,
    parameter_names,
    schema::{Schemas, Way, describe},
    scheme_names,
};
use crate::{
    bind::message_kind,
    problem,
    route::{BodyRule, Route},
};

/// Messages in query parameters are followed so deep.
const QUERY_DEPTH_LIMIT: usize = 4;

/// The operation of a route.
pub fn operation(
    route: &Route,
    comments: &Comments,
    schemas: &mut Schemas<'_>,
    security: &Security,
) -> Value {
    let words = comments.method(&route.method);
    let mut operation = json!({
        "operationId": operation_id(route),
        "tags": [route.role.name()],
        "summary": words.split(['.', ';', ':']).next().unwrap_or_default(),
        "description": description(route, &words),
        "parameters": parameters(route, schemas),
        "responses": responses(route, schemas),
        "security": requirements(route, security),
    });
    if let Some(body) = request_body(route, schemas)
        && let Value::Object(operation) = &mut operation
    {
        operation.insert("requestBody".to_owned(), body);
    }
    operation
}

/// `AccountService.OpenAccount`; an additional binding has its method and path behind it.
fn operation_id(route: &Route) -> String {
    let service = route.method.parent_service();
    let name = format!("{}.{}", service.name(), route.method.name());
    let first = route.method.options();
    let main = first.extensions().any(|(_, value)| {
        let rule = value.as_message();
        rule.is_some_and(|rule| rule.fields().any(|(_, value)| value.as_str() == Some(&route.path)))
    });
    if main {
        name
    } else {
        format!("{name}.{}{}", route.http_method, route.path.replace('/', "."))
    }
}

fn description(route: &Route, words: &str) -> String {
    let mut text = words.to_owned();
    if !route.policy.scopes.is_empty() {
        text.push_str(&format!("\n\nScope: {}.", route.policy.scopes.join(" or ")));
    }
    if !route.policy.roles.is_empty() {
        text.push_str(&format!("\n\nStaff role: {}.", route.policy.roles.join(" or ")));
    }
    text
}

fn requirements(route: &Route, security: &Security) -> Value {
    let mut alternatives = Vec::new();
    for scheme in scheme_names(security) {
        if route.policy.scopes.is_empty() {
            alternatives.push(json!({ scheme.as_str(): [] }));
        }
        for scope in route.policy.scopes {
            alternatives.push(json!({ scheme.as_str(): [scope] }));
        }
    }
    Value::Array(alternatives)
}

fn parameters(route: &Route, schemas: &mut Schemas<'_>) -> Vec<Value> {
    let mut list = Vec::new();
    let mut bound = BTreeSet::new();
    for (fields, name) in route.variables.iter().zip(parameter_names(route)) {
        if let Some(leaf) = fields.last() {
            let schema = schemas.field(leaf, Way::Sent);
            list.push(json!({ "name": name, "in": "path", "required": true, "schema": schema }));
        }
        bound.insert(dotted(fields));
    }
    match &route.body {
        BodyRule::Whole => {}
        BodyRule::Field(field) => {
            bound.insert(field.name().to_owned());
            query_parameters(&route.input, &mut Vec::new(), &bound, schemas, &mut list);
        }
        BodyRule::None => {
            query_parameters(&route.input, &mut Vec::new(), &bound, schemas, &mut list);
        }
    }
    if route.policy.idempotency == Idempotency::Required {
        list.push(json!({
            "name": "Idempotency-Key", "in": "header", "required": true,
            "description": "Names this change; the same key and request again gets the first \
                            answer. Quoted or bare, kept at least 7 days.",
            "schema": { "type": "string", "minLength": 1, "maxLength": 255 },
        }));
    }
    if route.policy.success_status == 202 {
        list.push(json!({
            "name": "Prefer", "in": "header", "required": false,
            "description": "wait=N: answer with the end state where it is reached within N \
                            seconds, at most 10 (RFC 7240).",
            "schema": { "type": "string", "examples": ["wait=5"] },
        }));
    }
    list
}

fn dotted(fields: &[FieldDescriptor]) -> String {
    fields.iter().map(FieldDescriptor::name).collect::<Vec<_>>().join(".")
}

fn query_parameters(
    message: &MessageDescriptor,
    above: &mut Vec<FieldDescriptor>,
    bound: &BTreeSet<String>,
    schemas: &mut Schemas<'_>,
    list: &mut Vec<Value>,
) {
    for field in message.fields() {
        above.push(field.clone());
        let name = dotted(above);
        let inner = message_kind(&field);
        if bound.contains(&name) || field.is_map() || (field.is_list() && inner.is_some()) {
            above.pop();
            continue;
        }
        match inner {
            Some(inner) if above.len() < QUERY_DEPTH_LIMIT => {
                query_parameters(&inner, above, bound, schemas, list);
            }
            Some(_) => {}
            None => {
                let schema = schemas.field(&field, Way::Sent);
                let name: Vec<&str> = above.iter().map(FieldDescriptor::json_name).collect();
                let name = name.join(".");
                list.push(json!({ "name": name, "in": "query", "schema": schema }));
            }
        }
        above.pop();
    }
}

fn request_body(route: &Route, schemas: &mut Schemas<'_>) -> Option<Value> {
    let schema = match &route.body {
        BodyRule::None => return None,
        BodyRule::Field(field) => schemas.field(field, Way::Sent),
        BodyRule::Whole if route.variables.is_empty() => schemas.message(&route.input, Way::Sent),
        BodyRule::Whole => {
            let bound: BTreeSet<String> =
                route.variables.iter().map(|fields| dotted(fields)).collect();
            schemas.object(&route.input, Way::Sent, |field| !bound.contains(field.name()))
        }
    };
    let required = is_body_required(route);
    Some(json!({ "required": required,
                 "content": { "application/json": { "schema": schema } } }))
}

/// Whether a request without a body is refused for that alone. Where the body is the message, no
/// body says the same as an empty object: an action such as :cancel, of which the path says
/// all, needs none. Where it is one field, the gateway refuses its absence whatever it holds.
fn is_body_required(route: &Route) -> bool {
    let bound: BTreeSet<String> = route.variables.iter().map(|fields| dotted(fields)).collect();
    match &route.body {
        BodyRule::None => false,
        BodyRule::Field(_) => true,
        BodyRule::Whole => {
            let mut fields = route.input.fields();
            fields.any(|field| is_required(&field) && !bound.contains(field.name()))
        }
    }
}

fn responses(route: &Route, schemas: &mut Schemas<'_>) -> Value {
    let mut answers = Map::new();
    let schema = match &route.response_body {
        Some(field) => schemas.field(field, Way::Answered),
        None => schemas.message(&route.output, Way::Answered),
    };
    let mut headers = json!({ "X-Request-Id": { "$ref": "#/components/headers/RequestId" } });
    if route.policy.idempotency == Idempotency::Required
        && let Value::Object(headers) = &mut headers
    {
        let replayed = json!({ "$ref": "#/components/headers/IdempotentReplayed" });
        headers.insert("Idempotent-Replayed".to_owned(), replayed);
    }
    answers.insert(
        route.policy.success_status.to_string(),
        json!({ "description": success_words(route.policy.success_status), "headers": headers,
                "content": { "application/json": { "schema": schema } } }),
    );
    for (status, reasons) in reasons_by_status(route) {
        answers.insert(status.to_string(), refusal(status, &reasons));
    }
    Value::Object(answers)
}

const fn success_words(status: u16) -> &'static str {
    match status {
        201 => "Created.",
        202 => "Accepted; the work goes on.",
        _ => "Done.",
    }
}

fn refusal(status: u16, reasons: &BTreeSet<String>) -> Value {
    let mut headers = json!({ "X-Request-Id": { "$ref": "#/components/headers/RequestId" } });
    if let Value::Object(headers) = &mut headers {
        if matches!(status, 404 | 409) {
            let replayed = json!({ "$ref": "#/components/headers/IdempotentReplayed" });
            headers.insert("Idempotent-Replayed".to_owned(), replayed);
        }
        if matches!(status, 409 | 429 | 503) {
            let after = json!({ "$ref": "#/components/headers/RetryAfter" });
            headers.insert("Retry-After".to_owned(), after);
        }
        if status == 401 {
            let challenge = json!({ "$ref": "#/components/headers/WwwAuthenticate" });
            headers.insert("WWW-Authenticate".to_owned(), challenge);
        }
    }
    let mut schema = json!({ "allOf": [
        { "$ref": "#/components/schemas/Problem" },
        { "type": "object", "properties": { "reason": { "type": "string", "enum": reasons } } },
    ] });
    let words = reasons.iter().cloned().collect::<Vec<_>>().join(", ");
    describe(&mut schema, words.clone());
    json!({ "description": words, "headers": headers,
            "content": { "application/problem+json": { "schema": schema } } })
}

fn reasons_by_status(route: &Route) -> BTreeMap<u16, BTreeSet<String>> {
    let mut common = vec![
        "INVALID_REQUEST",
        "UNAUTHENTICATED",
        "RATE_LIMITED",
        "DEADLINE_EXCEEDED",
        "UNAVAILABLE",
        "OVERLOADED",
        "INTERNAL",
        "CANCELLED",
        "CALLER_NOT_ALLOWED",
    ];
    if !route.policy.scopes.is_empty() {
        common.push("SCOPE_MISSING");
    }
    if !route.policy.roles.is_empty() || route.policy.own == Own::NoCustomers {
        common.push("ROLE_MISSING");
    }
    if matches!(route.policy.own, Own::Field(_)) {
        common.push("NOT_OWN_CUSTOMER");
    }
    if route.policy.idempotency == Idempotency::Required {
        common.extend([
            "IDEMPOTENCY_KEY_MISSING",
            "IDEMPOTENCY_KEY_MALFORMED",
            "IDEMPOTENCY_KEY_REUSED",
            "IDEMPOTENCY_KEY_IN_USE",
        ]);
    }
    if route.policy.idempotency != Idempotency::None {
        common.push("CONCURRENT_CHANGE");
    }
    if route.input.get_field_by_name("page_token").is_some() {
        common.push("PAGE_TOKEN_INVALID");
    }
    let mut grouped: BTreeMap<u16, BTreeSet<String>> = BTreeMap::new();
    let mut add = |status: u16, reason: &str| {
        grouped.entry(status).or_default().insert(reason.to_owned());
    };
    if !matches!(route.body, BodyRule::None) {
        common.push("BODY_TOO_LARGE");
        add(415, problem::UNSUPPORTED_MEDIA_TYPE);
    }
    let common = common.iter().filter_map(|reason| known_reason("common.florin.bank", reason));
    for reason in common.chain(route.policy.reasons) {
        add(problem::status_of(reason.kind), reason.name);
    }
    grouped
}
