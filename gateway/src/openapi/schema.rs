//! JSON Schemas of messages and enums.

use std::collections::{BTreeMap, BTreeSet};

use florin_kernel::rule::RULES;
use prost_reflect::{EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value, json};

use super::{behaviour, comments::Comments};
use crate::{bind::short_names, route::Catalogue};

/// The schemas that were asked for so far.
pub struct Schemas<'c> {
    comments: &'c Comments,
    /// Full names of the messages and enums that stand in answers.
    answered: BTreeSet<String>,
    /// Full names of the messages of which an update sends parts.
    in_parts: BTreeSet<String>,
    done: BTreeMap<String, Value>,
}

/// Which way a message goes. What is sent to us may be spelled in more ways than we answer in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// In a request: null stands for absent, numbers and enum values have several spellings,
    /// and a field that is not known is refused.
    Sent,
    /// In an answer: every field that can be shown is there, and new ones may come.
    Answered,
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

impl<'c> Schemas<'c> {
    /// None yet.
    pub fn new(comments: &'c Comments, catalogue: &Catalogue) -> Self {
        let mut answered = BTreeSet::new();
        for route in catalogue.routes() {
            reach(&route.output, &mut answered);
        }
        let in_parts = behaviour::sent_in_parts(catalogue);
        Self { comments, answered, in_parts, done: BTreeMap::new() }
    }

    /// All of them, by component name.
    pub fn finish(self) -> Map<String, Value> {
        self.done.into_iter().collect()
    }

    /// The name of a component: the proto name without our prefix; what goes both ways has one
    /// for each.
    fn component(&self, full_name: &str, way: Way) -> String {
        let name = full_name.strip_prefix("florin.").unwrap_or(full_name);
        let both = way == Way::Sent && self.answered.contains(full_name);
        if both { format!("{name}Input") } else { name.to_owned() }
    }

    /// A reference to a message's schema, which is made at the first call.
    pub fn message(&mut self, message: &MessageDescriptor, way: Way) -> Value {
        if let Some(schema) = well_known(message) {
            return schema;
        }
        let name = self.component(message.full_name(), way);
        if !self.done.contains_key(&name) {
            // Taken first, so that a message that holds itself ends.
            self.done.insert(name.clone(), Value::Null);
            let schema = self.object(message, way, |_| true);
            self.done.insert(name.clone(), schema);
        }
        reference(&name)
    }

    /// The schema of those fields of a message that are wanted.
    pub fn object(
        &mut self,
        message: &MessageDescriptor,
        way: Way,
        wanted: impl Fn(&FieldDescriptor) -> bool,
    ) -> Value {
        let mut properties = Map::new();
        let mut required = Vec::new();
        for field in message.fields().filter(|field| wanted(field)) {
            let mut schema = self.field(&field, way);
            let needed = match way {
                Way::Answered => !field.supports_presence(),
                Way::Sent => {
                    behaviour::is_required(&field) && !self.in_parts.contains(message.full_name())
                }
            };
            if way == Way::Sent && !needed {
                schema = or_null(schema);
            }
            if way == Way::Sent && behaviour::is_output_only(&field) {
                schema["readOnly"] = Value::Bool(true);
            }
            properties.insert(field.json_name().to_owned(), schema);
            if needed {
                required.push(field.json_name().to_owned());
            }
        }
        let mut object = Map::from_iter([
            ("type".to_owned(), json!("object")),
            ("properties".to_owned(), Value::Object(properties)),
        ]);
        if way == Way::Sent {
            object.insert("additionalProperties".to_owned(), Value::Bool(false));
        }
        if !required.is_empty() {
            object.insert("required".to_owned(), json!(required));
        }
        let choices = choices(message, way, &wanted);
        if !choices.is_empty() {
            object.insert("allOf".to_owned(), Value::Array(choices));
        }
        let mut schema = Value::Object(object);
        describe(&mut schema, self.comments.message(message));
        schema
    }

    /// The schema of a field with its comment.
    pub fn field(&mut self, field: &FieldDescriptor, way: Way) -> Value {
        let mut schema = if field.is_map() {
            let value = field.kind().as_message().map(|entry| entry.map_entry_value_field().kind());
            let value = value.map(|kind| self.kind(&kind, way)).unwrap_or_default();
            json!({ "type": "object", "additionalProperties": value })
        } else if field.is_list() {
            json!({ "type": "array", "items": self.kind(&field.kind(), way) })
        } else {
            self.kind(&field.kind(), way)
        };
        describe(&mut schema, self.comments.field(field));
        schema
    }

    fn kind(&mut self, kind: &Kind, way: Way) -> Value {
        match (kind, way) {
            (Kind::Double | Kind::Float, _) => json!({ "type": "number" }),
            (Kind::Int32 | Kind::Sint32 | Kind::Sfixed32, Way::Answered) => {
                json!({ "type": "integer", "format": "int32" })
            }
            (Kind::Uint32 | Kind::Fixed32, Way::Answered) => {
                json!({ "type": "integer", "format": "int64", "minimum": 0 })
            }
            // Numbers of 64 bits are strings in protobuf's JSON: a browser's numbers lose digits.
            (
                Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 | Kind::Uint64 | Kind::Fixed64,
                Way::Answered,
            ) => json!({ "type": "string", "format": "int64", "pattern": INTEGER }),
            // Both forms are taken of all of them.
            (Kind::Int32 | Kind::Sint32 | Kind::Sfixed32, Way::Sent) => {
                json!({ "type": ["integer", "string"], "format": "int32", "pattern": INTEGER })
            }
            (Kind::Uint32 | Kind::Fixed32, Way::Sent) => json!({
                "type": ["integer", "string"], "format": "int64", "minimum": 0, "pattern": INTEGER,
            }),
            (
                Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 | Kind::Uint64 | Kind::Fixed64,
                Way::Sent,
            ) => json!({ "type": ["string", "integer"], "format": "int64", "pattern": INTEGER }),
            (Kind::Bool, _) => json!({ "type": "boolean" }),
            (Kind::String, _) => json!({ "type": "string" }),
            (Kind::Bytes, _) => json!({ "type": "string", "contentEncoding": "base64" }),
            (Kind::Message(message), way) => self.message(message, way),
            (Kind::Enum(item), way) => self.enumeration(item, way),
        }
    }

    fn enumeration(&mut self, item: &EnumDescriptor, way: Way) -> Value {
        let name = self.component(item.full_name(), way);
        if !self.done.contains_key(&name) {
            let values: Vec<String> = item.values().map(|value| value.name().to_owned()).collect();
            let mut words = self.comments.enumeration(item);
            for value in item.values() {
                let comment = self.comments.value(&value);
                words.push_str(&format!("\n* `{}`: {comment}", value.name()));
            }
            let mut schema = match way {
                Way::Answered => json!({ "type": "string", "enum": values }),
                Way::Sent => json!({ "anyOf": [
                    { "type": "string", "enum": values },
                    { "type": "string", "enum": short_names(item),
                      "description": "The same without their prefix." },
                    { "type": "integer",
                      "enum": item.values().map(|value| value.number()).collect::<Vec<_>>(),
                      "description": "The same by number." },
                ] }),
            };
            describe(&mut schema, words);
            self.done.insert(name.clone(), schema);
        }
        reference(&name)
    }
}

/// An integer in a string.
const INTEGER: &str = "^-?[0-9]{1,20}$";

/// The same schema, or null, which stands for an absent field.
fn or_null(mut schema: Value) -> Value {
    let Some(object) = schema.as_object_mut() else { return schema };
    if let Some(target) = object.remove("$ref") {
        object.insert("anyOf".to_owned(), json!([{ "$ref": target }, { "type": "null" }]));
        return schema;
    }
    match object.get_mut("type") {
        Some(Value::String(one)) => {
            let both = json!([*one, "null"]);
            object.insert("type".to_owned(), both);
        }
        Some(Value::Array(several)) if !several.iter().any(|one| one == "null") => {
            several.push(json!("null"));
        }
        Some(_) | None => {}
    }
    schema
}

/// Every message that this one can hold, itself included.
fn reach(message: &MessageDescriptor, found: &mut BTreeSet<String>) {
    if !found.insert(message.full_name().to_owned()) {
        return;
    }
    for field in message.fields() {
        if let Kind::Message(inner) = field.kind() {
            reach(&inner, found);
        } else if let Kind::Enum(item) = field.kind() {
            found.insert(item.full_name().to_owned());
        }
    }
}

/// At most one field of each `oneof` may be given; null gives none.
fn choices(
    message: &MessageDescriptor,
    way: Way,
    wanted: impl Fn(&FieldDescriptor) -> bool,
) -> Vec<Value> {
    let mut rules = Vec::new();
    for choice in message.oneofs() {
        let fields: Vec<FieldDescriptor> = choice.fields().filter(|field| wanted(field)).collect();
        for (at, one) in fields.iter().enumerate() {
            for other in fields.iter().skip(at.saturating_add(1)) {
                let (one, other) = (one.json_name(), other.json_name());
                let mut both = json!({ "required": [one, other] });
                if let (Way::Sent, Value::Object(both)) = (way, &mut both) {
                    let given = json!({ "not": { "type": "null" } });
                    both.insert("properties".to_owned(), json!({ one: given, other: given }));
                }
                rules.push(json!({ "not": both }));
            }
        }
    }
    rules
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

/// The rules of fields, by name, with what each says.
fn rule() -> Value {
    let names: Vec<&str> = RULES.iter().map(|(name, _)| *name).collect();
    let words: Vec<String> =
        RULES.iter().map(|(name, words)| format!("* `{name}`: {words}")).collect();
    let words = format!("Stable name of the rule that the field breaks.\n\n{}", words.join("\n"));
    json!({ "type": "string", "enum": names, "description": words })
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
                "description": "The fields that break a rule, as many as fit; metadata.violations_left_out counts the others.",
                "items": {
                    "type": "object",
                    "required": ["field", "rule", "detail"],
                    "properties": {
                        "field": { "type": "string", "description": "Path of the field as the client sends it: JSON names, below the body." },
                        "rule": rule(),
                        "detail": { "type": "string", "description": "The rule in words." },
                    },
                },
            },
        },
    })
}
