//! What the contract says of fields by `google.api.field_behavior`.

use std::collections::BTreeSet;

use prost_reflect::{FieldDescriptor, MessageDescriptor};

use crate::route::{BodyRule, Catalogue};

const REQUIRED: i32 = 2;
const OUTPUT_ONLY: i32 = 3;

/// Whether a request without the field is refused.
pub fn is_required(field: &FieldDescriptor) -> bool {
    has(field, REQUIRED)
}

/// Whether we set the field and pass over what is sent.
pub fn is_output_only(field: &FieldDescriptor) -> bool {
    has(field, OUTPUT_ONLY)
}

fn has(field: &FieldDescriptor, behaviour: i32) -> bool {
    let pool = field.parent_message().parent_pool().clone();
    let Some(extension) = pool.get_extension_by_name("google.api.field_behavior") else {
        return false;
    };
    let options = field.options();
    let told = options.get_extension(&extension);
    let list = told.as_list().unwrap_or_default();
    list.iter().any(|one| one.as_enum_number() == Some(behaviour))
}

/// Full names of the messages of which an update sends parts: what a field of them requires is
/// asked only where the mask names it.
pub fn sent_in_parts(catalogue: &Catalogue) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for route in catalogue.routes().iter().filter(|route| route.http_method == "PATCH") {
        if let BodyRule::Field(field) = &route.body
            && let Some(message) = field.kind().as_message()
        {
            collect(message, &mut found);
        }
    }
    found
}

fn collect(message: &MessageDescriptor, found: &mut BTreeSet<String>) {
    if found.insert(message.full_name().to_owned()) {
        for field in message.fields() {
            if let Some(inner) = field.kind().as_message() {
                collect(inner, found);
            }
        }
    }
}
