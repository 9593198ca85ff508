//! From the RPC's answer to JSON: names as in the contract, enum values without the prefix
//! that buf asks for, 64-bit numbers as strings, every field shown.

use prost_reflect::{DynamicMessage, Kind, MessageDescriptor, SerializeOptions};
use serde_json::Value;

use crate::{bind::EnumNames, route::Route};

/// The JSON of an answer.
///
/// # Errors
/// Where the answer holds what JSON cannot carry (an instant out of range).
pub fn json_of(route: &Route, answer: &DynamicMessage) -> Result<Value, serde_json::Error> {
    let mut value = message_json(answer)?;
    match &route.response_body {
        Some(field) => Ok(value.get_mut(field.name()).map(Value::take).unwrap_or_default()),
        None => Ok(value),
    }
}

/// The JSON of any message.
///
/// # Errors
/// Where it holds what JSON cannot carry.
pub fn message_json(message: &DynamicMessage) -> Result<Value, serde_json::Error> {
    let options = SerializeOptions::new().use_proto_field_name(true).skip_default_fields(false);
    let mut value = message.serialize_with_options(serde_json::value::Serializer, &options)?;
    shorten(&prost_reflect::ReflectMessage::descriptor(message), &mut value);
    Ok(value)
}

fn shorten(descriptor: &MessageDescriptor, value: &mut Value) {
    let Value::Object(entries) = value else { return };
    for field in descriptor.fields() {
        let Some(value) = entries.get_mut(field.name()) else { continue };
        if field.is_map() {
            let kind = field.kind().as_message().map(|entry| entry.map_entry_value_field().kind());
            if let (Some(kind), Value::Object(items)) = (kind, value) {
                items.values_mut().for_each(|item| shorten_kind(&kind, item));
            }
        } else if let Value::Array(items) = value {
            items.iter_mut().for_each(|item| shorten_kind(&field.kind(), item));
        } else {
            shorten_kind(&field.kind(), value);
        }
    }
}

fn shorten_kind(kind: &Kind, value: &mut Value) {
    match kind {
        Kind::Enum(descriptor) => {
            if let Value::String(name) = value {
                *name = EnumNames::of(descriptor).short(name).to_owned();
            }
        }
        Kind::Message(message) if !message.full_name().starts_with("google.protobuf.") => {
            shorten(message, value);
        }
        _ => {}
    }
}
