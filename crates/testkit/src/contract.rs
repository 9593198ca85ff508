//! What the contract says of the fields of requests, for tests that hold a service to it.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use prost_reflect::{DescriptorPool, FieldDescriptor, MessageDescriptor};

/// `google.api.FieldBehavior.REQUIRED`.
const REQUIRED: i32 = 2;

/// The REQUIRED fields of a message of `florin.{package}.v1`, below a path like "items[0].".
///
/// # Errors
/// There is no such message.
pub fn required(package: &str, message: &str, path: &str) -> Result<Vec<String>> {
    let pool = DescriptorPool::decode(florin_proto::FILE_DESCRIPTOR_SET)?;
    let name = format!("florin.{package}.v1.{message}");
    let message = pool.get_message_by_name(&name).with_context(|| format!("no {name}"))?;
    Ok(required_of(&message).map(|field| format!("{path}{}", field.name())).collect())
}

/// The names of the request messages of a role's service that have REQUIRED fields.
///
/// # Errors
/// The package has no service.
pub fn requests(package: &str) -> Result<BTreeSet<String>> {
    let pool = DescriptorPool::decode(florin_proto::FILE_DESCRIPTOR_SET)?;
    let package = format!("florin.{package}.v1");
    let service = pool.services().find(|service| service.package_name() == package);
    let service = service.with_context(|| format!("no service in {package}"))?;
    let asked = service.methods().map(|method| method.input());
    let asked = asked.filter(|message| required_of(message).next().is_some());
    Ok(asked.map(|message| message.name().to_owned()).collect())
}

/// Those of the fields that a refusal does not name: neither the field nor one below it, for
/// what an absent message lacks is told by its fields.
#[must_use]
pub fn unnamed(fields: &[String], refused: &[String]) -> Vec<String> {
    let named = |field: &&String| !refused.iter().any(|told| is_of(told, field));
    fields.iter().filter(named).cloned().collect()
}

/// Whether `told` is the field or lies below it.
#[must_use]
pub fn is_of(told: &str, field: &str) -> bool {
    told.strip_prefix(field).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn required_of(message: &MessageDescriptor) -> impl Iterator<Item = FieldDescriptor> + '_ {
    message.fields().filter(is_required)
}

fn is_required(field: &FieldDescriptor) -> bool {
    let pool = field.parent_pool();
    let Some(behaviour) = pool.get_extension_by_name("google.api.field_behavior") else {
        return false;
    };
    let options = field.options();
    let told = options.get_extension(&behaviour);
    let list = told.as_list().unwrap_or_default();
    list.iter().any(|one| one.as_enum_number() == Some(REQUIRED))
}
