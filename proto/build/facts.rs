//! The events of each role as one enum, from its `events.proto`, so that a reader's match
//! over them is checked by the compiler.

use std::fmt::Write as _;

use anyhow::{Context as _, Result};
use prost_reflect::DescriptorPool;

/// The text of `facts.rs`: a trait's implementation an event, an enum a role, one over all.
pub fn facts(pool: &DescriptorPool) -> Result<String> {
    let mut files: Vec<_> =
        pool.files().filter(|file| file.name().ends_with("/v1/events.proto")).collect();
    files.sort_by(|left, right| left.name().cmp(right.name()));
    let (mut text, mut told, mut arms) = (String::new(), String::new(), String::new());
    for file in files {
        let package = file.package_name().to_owned();
        let role = package.split('.').nth(1).context("package florin.ROLE.v1")?;
        let variant = super::camel(&role.to_uppercase());
        let mut variants = String::new();
        for message in file.messages() {
            let (name, kind) = (message.name(), snake(message.name()));
            let path = format!("crate::{role}::v1::{name}");
            writeln!(variants, "    /// See the message.\n    {name}({path}),")?;
            writeln!(
                text,
                "impl Fact for {path} {{\n    const SOURCE: &'static str = {role:?};\n    const KIND: &'static str = {kind:?};\n}}"
            )?;
            writeln!(
                arms,
                "            ({role:?}, {kind:?}) => Self::{variant}({variant}Fact::{name}(prost::Message::decode(payload)?)),"
            )?;
        }
        writeln!(
            text,
            "/// What `{role}` tells.\n#[derive(Debug, Clone, PartialEq)]\npub enum {variant}Fact {{\n{variants}}}"
        )?;
        writeln!(told, "    /// Of `{role}`.\n    {variant}({variant}Fact),")?;
    }
    writeln!(
        text,
        "/// What any role tells.\n#[derive(Debug, Clone, PartialEq)]\npub enum AnyFact {{\n{told}}}\n\nimpl AnyFact {{\n    /// Reads an event; None for a kind that this contract does not have.\n    ///\n    /// # Errors\n    /// The bytes are no such message.\n    pub fn decode(source: &str, kind: &str, payload: &[u8]) -> Result<Option<Self>, prost::DecodeError> {{\n        Ok(Some(match (source, kind) {{\n{arms}            _ => return Ok(None),\n        }}))\n    }}\n}}"
    )?;
    Ok(text)
}

/// `TransactionPosted` is `transaction_posted`.
fn snake(name: &str) -> String {
    let mut text = String::new();
    for character in name.chars() {
        if character.is_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.extend(character.to_lowercase());
    }
    text
}
