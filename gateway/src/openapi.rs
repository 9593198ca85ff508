//! OpenAPI 3.1, made from the descriptors: what the contract says, and nothing beside it.

mod behaviour;
mod comments;
mod operation;
mod schema;

use std::collections::BTreeSet;

use prost_reflect::FieldDescriptor;
use serde_json::{Map, Value, json};

use crate::route::{Catalogue, Route};
use comments::Comments;
use schema::Schemas;

/// Where clients get tokens, for the security schemes.
#[derive(Debug, Clone, Default)]
pub struct Security {
    /// Token endpoint of the development issuer, where it is on.
    pub token_url: Option<String>,
    /// Discovery documents of the accepted issuers.
    pub discovery_urls: Vec<String>,
}

/// The document of all routes.
#[must_use]
pub fn document(catalogue: &Catalogue, security: &Security) -> Value {
    let comments = Comments::read(catalogue);
    let mut schemas = Schemas::new(&comments, catalogue);
    let mut paths = Map::new();
    let mut tags = BTreeSet::new();
    for route in catalogue.routes() {
        let item = paths.entry(openapi_path(route)).or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(item) = item {
            let operation = operation::operation(route, &comments, &mut schemas, security);
            item.insert(route.http_method.to_ascii_lowercase(), operation);
        }
        tags.insert(route.role.name());
    }
    let mut components = schemas.finish();
    components.insert("Problem".to_owned(), schema::problem());
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Florin",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "REST of the core bank. Every answer that is no success is \
                application/problem+json (RFC 9457) with a stable reason. Requests may spell \
                fields by their proto or their JSON names.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "tags": tags.iter().map(|tag| json!({ "name": tag })).collect::<Vec<_>>(),
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": security_schemes(catalogue, security),
            "headers": headers(),
        },
    })
}

/// The path with plain names of parameters: `{customer.customer_id}` is `{customer_id}`, and
/// `{x=a/*}` is `{x}`. A template may stand only once, whatever its names, and generators
/// take names without dots.
fn openapi_path(route: &Route) -> String {
    let mut names = parameter_names(route).into_iter();
    let mut out = String::new();
    let mut inside = false;
    for character in route.path.chars() {
        match character {
            '{' => {
                inside = true;
                out.push_str(&format!("{{{}}}", names.next().unwrap_or_default()));
            }
            '}' => inside = false,
            _ if !inside => out.push(character),
            _ => {}
        }
    }
    out
}

/// The name of each variable of the path, in order: that of its field, with those above it
/// where two would be alike.
fn parameter_names(route: &Route) -> Vec<String> {
    let joined = |fields: &[FieldDescriptor], from: usize| {
        let names = fields.iter().skip(from).map(FieldDescriptor::name);
        names.collect::<Vec<_>>().join("_")
    };
    let leaf = |fields: &Vec<FieldDescriptor>| joined(fields, fields.len().saturating_sub(1));
    let leaves: Vec<String> = route.variables.iter().map(leaf).collect();
    let unique = leaves.iter().collect::<BTreeSet<_>>().len() == leaves.len();
    if unique { leaves } else { route.variables.iter().map(|all| joined(all, 0)).collect() }
}

/// The names of the schemes that a token may come by; a token that one has already is taken
/// whoever issued it.
fn scheme_names(security: &Security) -> Vec<String> {
    let mut names = vec!["bearer".to_owned()];
    if security.token_url.is_some() {
        names.push("clientCredentials".to_owned());
    }
    for index in 0..security.discovery_urls.len() {
        names.push(format!("openIdConnect{index}"));
    }
    names
}

fn security_schemes(catalogue: &Catalogue, security: &Security) -> Value {
    let mut schemes = Map::new();
    schemes.insert(
        "bearer".to_owned(),
        json!({ "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
                "description": "Access token (RFC 9068) of an issuer that the bank accepts." }),
    );
    if let Some(token_url) = &security.token_url {
        let scopes: Map<String, Value> = catalogue
            .routes()
            .iter()
            .flat_map(|route| route.policy.scopes)
            .map(|scope| ((*scope).to_owned(), Value::String(scope_words(scope))))
            .collect();
        schemes.insert(
            "clientCredentials".to_owned(),
            json!({ "type": "oauth2", "description": "The development issuer.",
                    "flows": { "clientCredentials": { "tokenUrl": token_url, "scopes": scopes } } }),
        );
    }
    for (index, url) in security.discovery_urls.iter().enumerate() {
        schemes.insert(
            format!("openIdConnect{index}"),
            json!({ "type": "openIdConnect", "openIdConnectUrl": url }),
        );
    }
    Value::Object(schemes)
}

fn scope_words(scope: &str) -> String {
    match scope.split_once(':') {
        Some((what, "read" | "list")) => format!("See {what}."),
        Some((what, "write")) => format!("Change {what}."),
        Some((what, verb)) => format!("{what}: {verb}."),
        None => scope.to_owned(),
    }
}

fn headers() -> Value {
    json!({
        "RequestId": {
            "description": "Names the request in logs; echoes X-Request-Id where one was sent.",
            "schema": { "type": "string" },
        },
        "IdempotentReplayed": {
            "description": "true where this is the stored answer to the same key.",
            "schema": { "type": "string", "enum": ["true"] },
        },
        "RetryAfter": {
            "description": "Seconds to wait before the next attempt.",
            "schema": { "type": "integer", "minimum": 1 },
        },
        "WwwAuthenticate": {
            "description": "Bearer, with the error (RFC 6750).",
            "schema": { "type": "string" },
        },
    })
}
