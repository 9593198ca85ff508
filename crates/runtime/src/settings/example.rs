//! `florin.example.toml` from the types: their defaults, each under its doc comment.

use florin_kernel::Role;
use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings};
use serde::Serialize;
use serde_json::Value;

use super::{IssuerSettings, RoleSettings, Settings, services};

const HEAD: &str = "\
# Every setting of Florin with its default. Generated from the types; a test compares.
# A file needs only what differs. The environment wins over the file:
# FLORIN__CIF__DATABASE__URL is `url` in [cif.database].
";

/// The own settings of one role, for the example.
pub struct Section {
    role: Role,
    values: String,
    schema: Schema,
}

impl Section {
    /// The section of a role whose crate reads `T`.
    #[must_use]
    pub fn of<T: JsonSchema + Default + Serialize>(role: Role) -> Self {
        Self { role, values: in_toml(&T::default()), schema: schema_of::<T>() }
    }
}

impl Settings {
    /// The text of `florin.example.toml`: the settings of the mesh, then each role's.
    #[must_use]
    pub fn example(sections: &[Section]) -> String {
        let mut text = HEAD.to_owned();
        let mesh = in_toml(&Self::default()).replace("issuers = []\n", "");
        text.push_str(&annotate("", &mesh, &schema_of::<Self>()));
        let issuer = annotate(
            "issuers",
            &in_toml(&IssuerSettings::default()),
            &schema_of::<IssuerSettings>(),
        );
        text.push_str(
            "\n# Who may issue access tokens, each in a section of its own.\n# [[issuers]]\n",
        );
        for line in issuer.lines().filter(|line| !line.is_empty()) {
            text.push_str(&commented(line));
        }
        text.push_str(services::EXAMPLE);
        for role in Role::ALL {
            text.push_str(&of_role(*role, sections));
        }
        text
    }
}

fn of_role(role: Role, sections: &[Section]) -> String {
    let name = role.name();
    let mut mesh = in_toml(&RoleSettings::of(role));
    if !role.is_service() {
        mesh.truncate(mesh.find("[database]").unwrap_or(mesh.len()));
    }
    let (keys, tables) = split(&annotate(name, &mesh, &schema_of::<RoleSettings>()));
    let own = sections.iter().find(|section| section.role == role);
    let own = own.map(|own| annotate(name, &own.values, &own.schema)).unwrap_or_default();
    let (own_keys, own_tables) = split(&own);
    format!("\n[{name}]\n{keys}{own_keys}{tables}{own_tables}")
}

/// What stands before the first table, and the rest. A table follows an empty line.
fn split(text: &str) -> (String, String) {
    let at =
        if text.starts_with('\n') { 0 } else { text.find("\n\n").map_or(text.len(), |at| at + 1) };
    let (keys, tables) = text.split_at(at);
    (keys.to_owned(), tables.to_owned())
}

fn commented(line: &str) -> String {
    let line = line.trim_start_matches("# ");
    format!("# {line}\n")
}

fn schema_of<T: JsonSchema>() -> Schema {
    let settings =
        SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    SchemaGenerator::new(settings).into_root_schema_for::<T>()
}

/// A type that TOML cannot hold is a defect of the type, shown in the text itself.
fn in_toml<T: Serialize>(value: &T) -> String {
    toml::to_string(value).unwrap_or_else(|error| format!("# {error}\n"))
}

/// Puts each key's doc comment above it and the section's name before each table.
fn annotate(section: &str, values: &str, schema: &Schema) -> String {
    let mut text = String::new();
    let mut path: Vec<&str> = Vec::new();
    for line in values.lines() {
        if line.starts_with('[') {
            let table = line.trim_matches(['[', ']']);
            path = table.split('.').collect();
            text.push('\n');
            push_doc(&mut text, doc(schema, &path));
            let dot = if section.is_empty() { "" } else { "." };
            text.push_str(&line.replacen(table, &format!("{section}{dot}{table}"), 1));
            text.push('\n');
        } else if let Some((key, _)) = line.split_once(" = ") {
            let mut whole = path.clone();
            whole.push(key);
            push_doc(&mut text, doc(schema, &whole));
            text.push_str(line);
            text.push('\n');
        } else if !line.is_empty() {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

fn push_doc(text: &mut String, doc: Option<&str>) {
    for line in doc.unwrap_or_default().lines() {
        text.push_str("# ");
        text.push_str(line);
        text.push('\n');
    }
}

fn doc<'s>(schema: &'s Schema, path: &[&str]) -> Option<&'s str> {
    let mut here: &Value = schema.as_value();
    for name in path {
        here = here.get("properties")?.get(name)?;
    }
    here.get("description")?.as_str()
}
