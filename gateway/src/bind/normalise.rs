//! Checks a JSON tree against its message and gives it the one form that prost-reflect
//! reads: proto names, full names of enum values. prost-reflect alone would let a field
//! under both its names pass, and numbers that no enum value has.

use std::collections::{BTreeMap, BTreeSet};

use florin_kernel::Violations;
use prost_reflect::{DynamicMessage, EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value};

use super::field_of;
use crate::json::{Place, clip, note};

/// Makes a message of a JSON object; violations are noted and the rest is made.
pub fn message_of(
    descriptor: &MessageDescriptor,
    tree: Map<String, Value>,
    found: &mut Violations,
) -> DynamicMessage {
    let before = found.as_slice().len();
    let tree = object(descriptor, tree, &Place::Root, found);
    if found.as_slice().len() > before {
        return DynamicMessage::new(descriptor.clone());
    }
    let tree = Value::Object(tree);
    match DynamicMessage::deserialize(descriptor.clone(), &tree) {
        Ok(message) => message,
        Err(error) => {
            locate(descriptor, &tree, &Place::Root, found);
            if found.as_slice().len() == before {
                found.add("", "TYPE", error.to_string());
            }
            DynamicMessage::new(descriptor.clone())
        }
    }
}

fn object(
    descriptor: &MessageDescriptor,
    entries: Map<String, Value>,
    place: &Place<'_>,
    found: &mut Violations,
) -> Map<String, Value> {
    let mut out = Map::new();
    let mut seen = BTreeSet::new();
    let mut choices: BTreeMap<String, String> = BTreeMap::new();
    for (key, value) in entries {
        let here = Place::Key(place, &key);
        let Some(field) = field_of(descriptor, &key) else {
            note(found, &here, "UNKNOWN_FIELD", format!("{:?} is not known", clip(&key)));
            continue;
        };
        if !seen.insert(field.number()) {
            let words = format!("is given as {} and as {}", field.name(), field.json_name());
            note(found, &here, "REPEATED", words);
            continue;
        }
        if value.is_null() {
            continue;
        }
        if let Some(choice) = field.containing_oneof()
            && let Some(other) = choices.insert(choice.name().to_owned(), field.name().to_owned())
        {
            let words = format!("only one of {other} and {} may be given", field.name());
            note(found, &here, "ONE_OF", words);
        }
        let value = field_value(&field, value, &here, found);
        out.insert(field.name().to_owned(), value);
    }
    out
}

fn field_value(
    field: &FieldDescriptor,
    value: Value,
    place: &Place<'_>,
    found: &mut Violations,
) -> Value {
    if field.is_map() {
        return map_value(field, value, place, found);
    }
    if !field.is_list() {
        return kind_value(&field.kind(), value, place, found);
    }
    let Value::Array(items) = value else {
        note(found, place, "TYPE", "must be an array".to_owned());
        return Value::Null;
    };
    let each = |(index, item): (usize, Value)| {
        kind_value(&field.kind(), item, &Place::Index(place, index), found)
    };
    Value::Array(items.into_iter().enumerate().map(each).collect())
}

fn map_value(
    field: &FieldDescriptor,
    value: Value,
    place: &Place<'_>,
    found: &mut Violations,
) -> Value {
    let Value::Object(entries) = value else {
        note(found, place, "TYPE", "must be an object".to_owned());
        return Value::Null;
    };
    let kind = field.kind().as_message().map(|entry| entry.map_entry_value_field().kind());
    let Some(kind) = kind else { return Value::Null };
    let each = |(key, item): (String, Value)| {
        let item = kind_value(&kind, item, &Place::Key(place, &key), found);
        (key, item)
    };
    Value::Object(entries.into_iter().map(each).collect())
}

fn kind_value(kind: &Kind, value: Value, place: &Place<'_>, found: &mut Violations) -> Value {
    match (kind, value) {
        (Kind::Enum(descriptor), value) => enum_value(descriptor, value, place, found),
        (Kind::Message(message), Value::String(text))
            if message.full_name() == "google.protobuf.FieldMask" =>
        {
            Value::String(text.split(',').map(camel).collect::<Vec<_>>().join(","))
        }
        (Kind::Message(message), value) if is_well_known(message) => value,
        (Kind::Message(message), Value::Object(entries)) => {
            Value::Object(object(message, entries, place, found))
        }
        (Kind::Message(_), _) => {
            note(found, place, "TYPE", "must be an object".to_owned());
            Value::Null
        }
        (_, Value::Null) => {
            note(found, place, "TYPE", "must not be null in a list or map".to_owned());
            Value::Null
        }
        (_, value) => value,
    }
}

fn enum_value(
    descriptor: &EnumDescriptor,
    value: Value,
    place: &Place<'_>,
    found: &mut Violations,
) -> Value {
    let known = match &value {
        Value::String(text) => descriptor
            .values()
            .find(|known| known.name() == text || is_short(descriptor, known.name(), text)),
        Value::Number(number) => number
            .as_i64()
            .and_then(|number| i32::try_from(number).ok())
            .and_then(|number| descriptor.get_value(number)),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    if let Some(known) = known {
        return Value::String(known.name().to_owned());
    }
    let all: Vec<String> = descriptor.values().map(|value| value.name().to_owned()).collect();
    note(found, place, "UNKNOWN_VALUE", format!("must be one of {}", all.join(", ")));
    Value::Null
}

/// Whether `text` is the name without the prefix that buf asks for: `PROCESSING` for
/// `TRANSFER_STATUS_PROCESSING`. Taken, never sent.
fn is_short(descriptor: &EnumDescriptor, name: &str, text: &str) -> bool {
    short_name(descriptor, name) == Some(text)
}

/// The name of a value without the prefix that buf asks for.
fn short_name<'n>(descriptor: &EnumDescriptor, name: &'n str) -> Option<&'n str> {
    let mut prefix = String::new();
    for character in descriptor.name().chars() {
        if character.is_ascii_uppercase() && !prefix.is_empty() {
            prefix.push('_');
        }
        prefix.push(character.to_ascii_uppercase());
    }
    name.strip_prefix(prefix.as_str())?.strip_prefix('_')
}

/// The short names of all values of an enum, which requests may use.
pub(crate) fn short_names(descriptor: &EnumDescriptor) -> Vec<String> {
    let names = descriptor.values().map(|value| value.name().to_owned());
    names.filter_map(|name| short_name(descriptor, &name).map(str::to_owned)).collect()
}

/// `contact.postal_code` as `contact.postalCode`, the form of a field mask in JSON.
fn camel(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    let mut raise = false;
    for character in path.trim().chars() {
        if character == '_' {
            raise = true;
        } else if raise {
            out.push(character.to_ascii_uppercase());
            raise = false;
        } else {
            out.push(character);
        }
    }
    out
}

/// Messages of protobuf itself have JSON forms of their own.
fn is_well_known(message: &MessageDescriptor) -> bool {
    message.full_name().starts_with("google.protobuf.")
}

/// The message of a field, unless it is one of protobuf's own.
pub(crate) fn message_kind(field: &FieldDescriptor) -> Option<MessageDescriptor> {
    field.kind().as_message().filter(|message| !is_well_known(message)).cloned()
}

/// Finds out which field prost-reflect refuses, by trying each alone.
fn locate(descriptor: &MessageDescriptor, tree: &Value, place: &Place<'_>, found: &mut Violations) {
    let Value::Object(entries) = tree else { return };
    for (key, value) in entries {
        let here = Place::Key(place, key);
        let Some(field) = field_of(descriptor, key) else { continue };
        let Some(error) = refusal(descriptor, key, value) else { continue };
        let inner = message_kind(&field);
        let before = found.as_slice().len();
        match (value, inner) {
            (Value::Array(items), inner) if field.is_list() => {
                for (index, item) in items.iter().enumerate() {
                    let here = Place::Index(&here, index);
                    let alone = Value::Array(vec![item.clone()]);
                    match (&inner, refusal(descriptor, key, &alone)) {
                        (_, None) => {}
                        (Some(inner), Some(_)) => locate(inner, item, &here, found),
                        (None, Some(error)) => note(found, &here, "TYPE", error),
                    }
                }
            }
            (Value::Object(_), Some(inner)) if !field.is_map() => {
                locate(&inner, value, &here, found);
            }
            (_, _) => {}
        }
        if found.as_slice().len() == before {
            note(found, &here, "TYPE", error);
        }
    }
}

fn refusal(descriptor: &MessageDescriptor, key: &str, value: &Value) -> Option<String> {
    let alone = Value::Object(Map::from_iter([(key.to_owned(), value.clone())]));
    DynamicMessage::deserialize(descriptor.clone(), &alone).err().map(|error| error.to_string())
}
