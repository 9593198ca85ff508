//! From an HTTP request to the message of the RPC: path, query and body each fill the
//! fields that `google.api.http` gives them, and nothing is dropped in silence.

mod normalise;
mod parameter;

use florin_kernel::Violations;
use prost_reflect::{DynamicMessage, FieldDescriptor, MessageDescriptor, Value as Field};
use serde_json::{Map, Value};

use normalise::message_of;
pub(crate) use normalise::{message_kind, short_names};

use crate::{
    json::{self, Place, note},
    path::{NotText, parse_query},
    route::{BodyRule, Route},
};

/// What an HTTP request brings.
#[derive(Debug)]
pub struct Input<'r> {
    /// What the variables of the path take.
    pub path: Vec<(Vec<String>, Result<String, NotText>)>,
    /// The query as sent, without question mark.
    pub query: &'r str,
    /// The body, empty where there is none.
    pub body: &'r [u8],
}

/// Makes the request message.
///
/// # Errors
/// Every field, parameter or place that breaks a rule.
pub fn bind(route: &Route, input: &Input<'_>) -> Result<DynamicMessage, Violations> {
    let mut found = Violations::new();
    let mut tree = Map::new();
    query(route, input.query, &mut tree, &mut found);
    body(route, input.body, &mut tree, &mut found);
    let path = path(route, &input.path, &mut found);
    let mut message = message_of(&route.input, tree, &mut found);
    merge(route, &mut message, &path, &mut found);
    found.finish(Some(message))
}

fn query(route: &Route, query: &str, tree: &mut Map<String, Value>, found: &mut Violations) {
    // Browsers write a space as plus, and a plus as %2B.
    let Ok(parameters) = parse_query(query, true) else {
        found.add("", "NOT_UTF8", "the query must be UTF-8 after percent-decoding");
        return;
    };
    for (name, text) in parameters {
        let place = Place::Key(&Place::Root, &name);
        match &route.body {
            BodyRule::Whole => {
                let words =
                    format!("{:?} is not known: all fields are in the body", json::clip(&name));
                note(found, &place, "UNKNOWN_PARAMETER", words);
                continue;
            }
            BodyRule::Field(field) if first(&name, field) => {
                let words = format!("{:?} is taken from the body", json::clip(&name));
                note(found, &place, "UNKNOWN_PARAMETER", words);
                continue;
            }
            BodyRule::Field(_) | BodyRule::None => {}
        }
        parameter::put(&route.input, tree, &name, &text, found);
    }
}

fn first(name: &str, field: &FieldDescriptor) -> bool {
    let first = name.split('.').next().unwrap_or_default();
    first == field.name() || first == field.json_name()
}

fn body(route: &Route, body: &[u8], tree: &mut Map<String, Value>, found: &mut Violations) {
    if body.is_empty() {
        if let BodyRule::Field(field) = &route.body {
            // An absent message would be read as an empty one: with a mask, as the wish to
            // clear every field that the mask names.
            let words = format!("the body is missing: {} is taken from it", field.name());
            found.add("", "BODY_MISSING", words);
        }
        return;
    }
    if matches!(route.body, BodyRule::None) {
        found.add("", "BODY_NOT_EXPECTED", "this request takes no body");
        return;
    }
    let value = match json::parse(body) {
        Ok(value) => value,
        Err(violations) => {
            for broken in violations.into_inner() {
                found.add(broken.field, broken.rule, broken.description);
            }
            return;
        }
    };
    match (&route.body, value) {
        // Null would be an absent message, and with a mask again the wish to clear it.
        (BodyRule::Field(field), Value::Null) if message_kind(field).is_some() => {
            found.add("", "TYPE", "the body must be a JSON object");
        }
        (BodyRule::Field(field), value) => {
            tree.insert(field.name().to_owned(), value);
        }
        (_, Value::Object(object)) => tree.extend(object),
        (_, _) => found.add("", "TYPE", "the body must be a JSON object"),
    }
}

fn path(
    route: &Route,
    bindings: &[(Vec<String>, Result<String, NotText>)],
    found: &mut Violations,
) -> DynamicMessage {
    let mut tree = Map::new();
    for (names, text) in bindings {
        let name = names.join(".");
        match text {
            Ok(text) => parameter::put(&route.input, &mut tree, &name, text, found),
            Err(error) => found.add(name, "NOT_UTF8", error.to_string()),
        }
    }
    message_of(&route.input, tree, found)
}

/// The path names the resource; a body or query that names another is a mistake of the
/// caller and not ours to decide.
fn merge(
    route: &Route,
    message: &mut DynamicMessage,
    path: &DynamicMessage,
    found: &mut Violations,
) {
    for variable in &route.variables {
        let Some(taken) = value_at(path, variable) else { continue };
        let name = variable.iter().map(FieldDescriptor::name).collect::<Vec<_>>().join(".");
        match value_at(message, variable) {
            Some(other) if other != taken => {
                let words = "is in the path with another value".to_owned();
                found.add(name, "CONFLICTS_WITH_PATH", words);
            }
            Some(_) | None => set_at(message, variable, taken),
        }
    }
}

fn value_at(message: &DynamicMessage, fields: &[FieldDescriptor]) -> Option<Field> {
    let (first, rest) = fields.split_first()?;
    if !message.has_field(first) {
        return None;
    }
    let value = message.get_field(first);
    if rest.is_empty() { Some(value.into_owned()) } else { value_at(value.as_message()?, rest) }
}

fn set_at(message: &mut DynamicMessage, fields: &[FieldDescriptor], value: Field) {
    let Some((first, rest)) = fields.split_first() else { return };
    if rest.is_empty() {
        message.set_field(first, value);
    } else if let Some(inner) = message.get_field_mut(first).as_message_mut() {
        set_at(inner, rest, value);
    }
}

/// Finds a field by either of its names.
pub(crate) fn field_of(message: &MessageDescriptor, name: &str) -> Option<FieldDescriptor> {
    message.get_field_by_name(name).or_else(|| message.get_field_by_json_name(name))
}
