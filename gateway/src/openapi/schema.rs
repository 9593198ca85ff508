//! JSON Schemas of messages and enums.

use std::collections::BTreeMap;

use prost_reflect::{EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value, json};

use super::comments::Comments;

/// The schemas that were asked for so far.
pub struct Schemas<'c> {
    comments: &'c Comments,
    done: BTreeMap<String, Value>,
}

/// The name of a component: the proto name without our prefix.
fn component(full_name: &str) -> String {
    full_name.strip_prefix("florin.").unwrap_or(full_name).to_owned()
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

impl<'c> Schemas<'c> {
    /// None yet.
    pub fn new(comments: &'c Comments) -> Self {
        Self { comments, done: BTreeMap::new() }
    }

    /// All of them, by component name.
    pub fn finish(self) -> Map<String, Value> {
        self.done.into_iter().collect()
    }

    /// A reference to a message's schema, which is made at the first call.
    pub fn message(&mut self, message: &MessageDescriptor) -> Value {
        if let Some(schema) = well_known(message) {
            return schema;
        }
        let name = component(message.full_name());
        if !self.done.contains_key(&name) {
            // Taken first, so that a message that holds itself ends.
            self.done.insert(name.clone(), Value::Null);
            let schema = self.object(message, |_| true);
            self.done.insert(name.clone(), schema);
        }
        reference(&name)
    }

    /// The schema of those fields of a message that are wanted.
    pub fn object(
        &mut self,
        message: &MessageDescriptor,
        wanted: impl Fn(&FieldDescriptor) -> bool,
    ) -> Value {
        let mut properties = Map::new();
        for field in message.fields().filter(|field| wanted(field)) {
            properties.insert(field.json_name().to_owned(), self.field(&field));
        }
        let mut schema = json!({ "type": "object", "properties": properties });
        describe(&mut schema, self.comments.message(message));
        schema
    }

    /// The schema of a field with its comment.
    pub fn field(&mut self, field: &FieldDescriptor) -> Value {
        let mut schema = if field.is_map() {
            let value = field.kind().as_message().map(|entry| entry.map_entry_value_field().kind());
            let value = value.map(|kind| self.kind(&kind)).unwrap_or_default();
            json!({ "type": "object", "additionalProperties": value })
        } else if field.is_list() {
            json!({ "type": "array", "items": self.kind(&field.kind()) })
        } else {
            self.kind(&field.kind())
        };
        describe(&mut schema, self.comments.field(field));
        schema
    }

    fn kind(&mut self, kind: &Kind) -> Value {
        match kind {
            Kind::Double | Kind::Float => json!({ "type": "number" }),
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => {
                json!({ "type": "integer", "format": "int32" })
            }
            Kind::Uint32 | Kind::Fixed32 => {
                json!({ "type": "integer", "format": "int64", "minimum": 0 })
            }
            // Numbers of 64 bits are strings in protobuf's JSON: a browser's numbers lose digits.
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 | Kind::Uint64 | Kind::Fixed64 => {
                json!({ "type": "string", "format": "int64", "pattern": "^-?[0-9]{1,20}$" })
            }
            Kind::Bool => json!({ "type": "boolean" }),
            Kind::String => json!({ "type": "string" }),
            Kind::Bytes => json!({ "type": "string", "contentEncoding": "base64" }),
            Kind::Message(message) => self.message(message),
            Kind::Enum(item) => self.enumeration(item),
        }
    }

    fn enumeration(&mut self, item: &EnumDescriptor) -> Value {
        let name = component(item.full_name());
        if !self.done.contains_key(&name) {
            let values: Vec<String> = item.values().map(|value| value.name().to_owned()).collect();
            let mut words = self.comments.enumeration(item);
            for value in item.values() {
                let comment = self.comments.value(&value);
                words.push_str(&format!("\n* `{}`: {comment}", value.name()));
            }
            let mut schema = json!({ "type": "string", "enum": values });
            describe(&mut schema, words);
            self.done.insert(name.clone(), schema);
        }
        reference(&name)
    }
}

/// Adds a description; beside `$ref` it is allowed since 3.1.
pub fn describe(schema: &mut Value, words: String) {
    if let Value::Object(schema) = schema
        && !words.is_empty()
    {
        schema.insert("description".to_owned(), Value::String(words));
    }
}

fn well_known(message: &MessageDescriptor) -> Option<Value> {
    let schema = match message.full_name() {
        "google.protobuf.Timestamp" => json!({ "type": "string", "format": "date-time" }),
        "google.protobuf.Duration" => {
            json!({ "type": "string", "pattern": r"^-?[0-9]+(\.[0-9]{1,9})?s$" })
        }
        "google.protobuf.FieldMask" => {
            json!({ "type": "string", "examples": ["contact.email,contact.phone"] })
        }
        "google.protobuf.StringValue" => json!({ "type": ["string", "null"] }),
        "google.protobuf.BytesValue" => {
            json!({ "type": ["string", "null"], "contentEncoding": "base64" })
        }
        "google.protobuf.BoolValue" => json!({ "type": ["boolean", "null"] }),
        "google.protobuf.Int32Value" | "google.protobuf.UInt32Value" => {
            json!({ "type": ["integer", "null"] })
        }
        "google.protobuf.Int64Value" | "google.protobuf.UInt64Value" => {
            json!({ "type": ["string", "null"], "format": "int64" })
        }
        "google.protobuf.Struct" | "google.protobuf.Empty" => json!({ "type": "object" }),
        "google.protobuf.Value" => json!({}),
        _ => return None,
    };
    Some(schema)
}

/// The schema of problem details.
pub fn problem() -> Value {
    json!({
        "type": "object",
        "description": "Problem details (RFC 9457).",
        "required": ["type", "title", "status", "detail", "instance", "reason", "domain"],
        "properties": {
            "type": { "type": "string", "format": "uri",
                      "description": "https://florin.bank/problems/ and the reason." },
            "title": { "type": "string", "description": "The reason in words." },
            "status": { "type": "integer", "description": "The HTTP status." },
            "detail": { "type": "string", "description": "What went wrong, for a developer." },
            "instance": { "type": "string", "description": "urn:florin:request: and the request id." },
            "reason": { "type": "string", "description": "Stable reason: branch on this." },
            "domain": { "type": "string", "description": "Who refused: account.florin.bank." },
            "metadata": { "type": "object", "additionalProperties": { "type": "string" } },
            "errors": {
                "type": "array",
                "description": "Every field that breaks a rule.",
                "items": {
                    "type": "object",
                    "required": ["field", "rule", "detail"],
                    "properties": {
                        "field": { "type": "string", "description": "Path of the field." },
                        "rule": { "type": "string", "description": "Stable name of the rule." },
                        "detail": { "type": "string", "description": "The rule in words." },
                    },
                },
            },
        },
    })
}
