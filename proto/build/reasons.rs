//! The reasons of every domain with kind and metadata keys, from the enums named `Reason`.
//! A name is unique in its domain; a fact that several domains tell stands in `common`.

use std::{collections::BTreeMap, fmt::Write as _};

use anyhow::{Context as _, Result, bail, ensure};
use florin_kernel::Kind;
use prost_reflect::{DescriptorPool, EnumDescriptor, EnumValueDescriptor, Value};

/// The package whose reasons any domain may answer with.
const SHARED: &str = "florin.common.v1";

/// The reasons of the contract: by package, then by name without prefix.
pub struct Known(BTreeMap<String, BTreeMap<String, Row>>);

struct Row {
    number: i32,
    kind: Kind,
    /// The reason as a constant of Rust.
    text: String,
}

impl Known {
    /// All reasons of the contract.
    pub fn of(pool: &DescriptorPool) -> Result<Self> {
        let mut all = BTreeMap::new();
        let named = |item: &EnumDescriptor| {
            item.full_name().starts_with("florin.") && item.name() == "Reason"
        };
        for item in pool.all_enums().filter(named) {
            let package = item.package_name();
            let domain = format!("{}.florin.bank", role(package)?);
            let mut rows = BTreeMap::new();
            for value in item.values() {
                let name = value.name().trim_start_matches("REASON_").to_owned();
                let (kind, metadata) = (kind(pool, &value)?, metadata(pool, &value)?);
                let text = format!(
                    "KnownReason {{ domain: {domain:?}, name: {name:?}, kind: Kind::{kind:?}, metadata: &{metadata:?} }}"
                );
                rows.insert(name, Row { number: value.number(), kind, text });
            }
            all.insert(package.to_owned(), rows);
        }
        let known = Self(all);
        known.check_shared()?;
        Ok(known)
    }

    /// What is shared has no double in a domain.
    fn check_shared(&self) -> Result<()> {
        let shared = self.0.get(SHARED).context("the shared reasons")?;
        for (package, rows) in self.0.iter().filter(|(package, _)| *package != SHARED) {
            let mut doubled =
                rows.iter().filter(|(name, row)| row.number != 0 && shared.contains_key(*name));
            if let Some((name, _)) = doubled.next() {
                bail!("{name} of {package} stands in {SHARED} already: use that one");
            }
        }
        Ok(())
    }

    /// The reason that is meant by this name in `package`: its own, the shared one, or the
    /// only one that there is; as a constant of Rust.
    pub fn row(&self, package: &str, name: &str) -> Result<&str> {
        for near in [package, SHARED] {
            if let Some(row) = self.0.get(near).and_then(|rows| rows.get(name)) {
                return Ok(&row.text);
            }
        }
        let found: Vec<_> = self.0.values().filter_map(|rows| rows.get(name)).collect();
        match found.as_slice() {
            [one] => Ok(&one.text),
            [] => bail!("{name:?} is no reason"),
            _ => bail!("{name:?} is a reason of several domains"),
        }
    }

    /// The text of `reasons.rs`: a trait's implementation a domain, and the table of all.
    pub fn table(&self) -> Result<String> {
        let mut text = String::new();
        let mut rows: Vec<(String, &str)> = Vec::new();
        for (package, known) in &self.0 {
            let role = role(package)?;
            let (mut names, mut kinds) = (String::new(), String::new());
            for (name, row) in known {
                let variant = super::camel(name);
                writeln!(names, "            Self::{variant} => {name:?},")?;
                writeln!(kinds, "            Self::{variant} => Kind::{:?},", row.kind)?;
                if row.number != 0 {
                    rows.push((format!("{role}.florin.bank {name}"), &row.text));
                }
            }
            writeln!(
                text,
                "impl ErrorReason for crate::{role}::v1::Reason {{\n    fn name(&self) -> &'static str {{\n        match self {{\n{names}        }}\n    }}\n    fn domain(&self) -> &'static str {{ \"{role}.florin.bank\" }}\n    fn kind(&self) -> Kind {{\n        match self {{\n{kinds}        }}\n    }}\n}}"
            )?;
        }
        rows.sort();
        text.push_str("/// Every reason, sorted by domain and name.\npub static REASONS: &[KnownReason] = &[\n");
        for (_, row) in rows {
            writeln!(text, "    {row},")?;
        }
        text.push_str("];\n");
        Ok(text)
    }
}

fn role(package: &str) -> Result<&str> {
    package.split('.').nth(1).context("package florin.ROLE.v1")
}

fn kind(pool: &DescriptorPool, value: &EnumValueDescriptor) -> Result<Kind> {
    let extension = pool
        .get_extension_by_name("florin.options.v1.kind")
        .context("florin.options.v1.kind is not in the pool")?;
    let kinds = pool.get_enum_by_name("florin.options.v1.Kind").context("Kind")?;
    let options = value.options();
    ensure!(options.has_extension(&extension), "{} has no kind", value.full_name());
    let number = options.get_extension(&extension).as_enum_number().unwrap_or(0);
    let kind = kinds.get_value(number).context("unknown kind")?;
    kind.name().trim_start_matches("KIND_").parse::<Kind>().map_err(anyhow::Error::msg)
}

fn metadata(pool: &DescriptorPool, value: &EnumValueDescriptor) -> Result<Vec<String>> {
    let extension = pool
        .get_extension_by_name("florin.options.v1.metadata")
        .context("florin.options.v1.metadata is not in the pool")?;
    let options = value.options();
    let keys = options.get_extension(&extension);
    let keys = keys.as_list().context("metadata is a list")?;
    let keys: Vec<String> = keys.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    for key in &keys {
        let named = key.chars().all(|one| one.is_ascii_lowercase() || one == '_');
        ensure!(named && !key.is_empty(), "{}: {key:?} is no name of a field", value.full_name());
    }
    Ok(keys)
}
