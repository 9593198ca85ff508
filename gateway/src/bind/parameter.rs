//! One parameter of a path or a query, put into the tree of the request.

use florin_kernel::Violations;
use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value};

use super::{field_of, message_kind};
use crate::json::{Place, clip, note};

/// Puts the text of a parameter where its name points.
pub fn put(
    message: &MessageDescriptor,
    tree: &mut Map<String, Value>,
    name: &str,
    text: &str,
    found: &mut Violations,
) {
    let place = Place::Key(&Place::Root, name);
    let outcome = resolve(message, name).and_then(|fields| {
        let (leaf, above) = fields.split_last().ok_or_else(unknown)?;
        let value = value_of(leaf, text)?;
        insert(tree, above, leaf, value)
    });
    if let Err((rule, words)) = outcome {
        note(found, &place, rule, format!("{:?} {words}", clip(name)));
    }
}

type Refusal = (&'static str, String);

fn unknown() -> Refusal {
    ("UNKNOWN_PARAMETER", "is not known".to_owned())
}

/// The fields along a name such as `customer.contact.email`.
pub fn resolve(message: &MessageDescriptor, name: &str) -> Result<Vec<FieldDescriptor>, Refusal> {
    let mut fields: Vec<FieldDescriptor> = Vec::new();
    let mut current = Some(message.clone());
    for part in name.split('.') {
        let here = current.take().ok_or_else(unknown)?;
        let field = field_of(&here, part).ok_or_else(unknown)?;
        if !field.is_list() && !field.is_map() {
            current = message_kind(&field);
        }
        fields.push(field);
    }
    Ok(fields)
}

fn value_of(field: &FieldDescriptor, text: &str) -> Result<Value, Refusal> {
    let kind = field.kind();
    let Kind::Message(message) = &kind else {
        return scalar(&kind, text);
    };
    let inner = message.get_field_by_name("value").map(|field| field.kind());
    match (message.full_name(), inner) {
        (
            "google.protobuf.Timestamp" | "google.protobuf.Duration" | "google.protobuf.FieldMask",
            _,
        ) => Ok(Value::String(text.to_owned())),
        ("google.protobuf.Any", _) => Err(not_here()),
        (name, Some(inner)) if name.starts_with("google.protobuf.") => scalar(&inner, text),
        (_, _) => Err(not_here()),
    }
}

fn not_here() -> Refusal {
    let words = "is a message: give its fields, as in message.field".to_owned();
    ("NOT_A_PARAMETER", words)
}

fn scalar(kind: &Kind, text: &str) -> Result<Value, Refusal> {
    match (kind, text) {
        (Kind::Bool, "true") => Ok(Value::Bool(true)),
        (Kind::Bool, "false") => Ok(Value::Bool(false)),
        (Kind::Bool, _) => Err(("TYPE", "must be true or false".to_owned())),
        (Kind::Enum(_), _) => match text.parse::<i64>() {
            Ok(number) => Ok(Value::Number(number.into())),
            Err(_) => Ok(Value::String(text.to_owned())),
        },
        // Numbers are texts in protobuf's JSON too, and checked when the message is made.
        (_, _) => Ok(Value::String(text.to_owned())),
    }
}

fn insert(
    tree: &mut Map<String, Value>,
    above: &[FieldDescriptor],
    leaf: &FieldDescriptor,
    value: Value,
) -> Result<(), Refusal> {
    if leaf.is_map() || (leaf.is_list() && leaf.kind().as_message().is_some()) {
        let words = "is a list of messages or a map, which no parameter can carry".to_owned();
        return Err(("NOT_A_PARAMETER", words));
    }
    let mut object = tree;
    for field in above {
        let inner =
            object.entry(field.name().to_owned()).or_insert_with(|| Value::Object(Map::new()));
        object = inner.as_object_mut().ok_or_else(unknown)?;
    }
    if leaf.is_list() {
        let list = object.entry(leaf.name().to_owned()).or_insert_with(|| Value::Array(Vec::new()));
        list.as_array_mut().ok_or_else(unknown)?.push(value);
        return Ok(());
    }
    if object.insert(leaf.name().to_owned(), value).is_some() {
        return Err(("REPEATED", "is given twice".to_owned()));
    }
    Ok(())
}
