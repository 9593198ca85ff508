//! From the RPC's answer to JSON: protobuf's canonical form, every field shown.

use prost_reflect::{DynamicMessage, SerializeOptions};
use serde_json::Value;

use crate::route::Route;

/// The JSON of an answer.
///
/// # Errors
/// Where the answer holds what JSON cannot carry (an instant out of range).
pub fn json_of(route: &Route, answer: &DynamicMessage) -> Result<Value, serde_json::Error> {
    // A client that sees every field need not know which value is left out.
    let options = SerializeOptions::new().skip_default_fields(false);
    let mut value = answer.serialize_with_options(serde_json::value::Serializer, &options)?;
    match &route.response_body {
        Some(field) => Ok(value.get_mut(field.json_name()).map(Value::take).unwrap_or_default()),
        None => Ok(value),
    }
}
