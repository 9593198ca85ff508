//! Dependencies that are declared and not used.

use std::{collections::BTreeSet, fs, path::Path};

use anyhow::{Context, Result};
use cargo_metadata::Metadata;

use super::{Finding, line_of, source::Source};

/// Checks the workspace's table against the members, and each member against its source.
pub fn check(root: &Path, metadata: &Metadata, sources: &[Source]) -> Result<Vec<Finding>> {
    let mut used = BTreeSet::new();
    let mut findings = Vec::new();
    for package in metadata.workspace_packages() {
        let manifest = package.manifest_path.as_std_path();
        let folder = manifest.parent().and_then(|folder| folder.strip_prefix(root).ok());
        let folder = folder.context("a member outside of the workspace's folder")?;
        let words: BTreeSet<&str> = sources
            .iter()
            .filter(|source| Path::new(&source.file).starts_with(folder))
            .flat_map(|source| source.identifiers.iter().map(String::as_str))
            .collect();
        let text = fs::read_to_string(manifest)?;
        for dependency in &package.dependencies {
            used.insert(dependency.name.clone());
            let name = dependency.rename.as_ref().unwrap_or(&dependency.name);
            if !words.contains(name.replace('-', "_").as_str()) {
                findings.push(Finding {
                    file: folder.join("Cargo.toml").to_string_lossy().into_owned(),
                    line: line_of(&text, name),
                    rule: "unused-dependency",
                    what: format!("{} declares {name} and never names it", package.name),
                    mend: "remove the line; if only generated code names it, make an exception",
                });
            }
        }
    }
    let text = fs::read_to_string(root.join("Cargo.toml"))?;
    findings.extend(unused_in_workspace(&text, &used)?);
    Ok(findings)
}

fn unused_in_workspace(manifest: &str, used: &BTreeSet<String>) -> Result<Vec<Finding>> {
    let table: toml::Table = toml::from_str(manifest)?;
    let dependencies = table.get("workspace").and_then(|workspace| workspace.get("dependencies"));
    let dependencies = dependencies.and_then(toml::Value::as_table).context("no dependencies")?;
    Ok(dependencies
        .keys()
        .filter(|name| !used.contains(*name))
        .map(|name| Finding {
            file: "Cargo.toml".to_owned(),
            line: line_of(manifest, name),
            rule: "unused-dependency",
            what: format!("no member uses {name}"),
            mend: "remove the line; take it again when the code needs it",
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_line_that_no_member_uses() {
        let manifest = "[workspace.dependencies]\ntokio = \"1\"\nleft-over = \"1\"\n";
        let findings = unused_in_workspace(manifest, &BTreeSet::from(["tokio".to_owned()]));
        let findings = findings.unwrap();
        assert_eq!(findings.len(), 1);
        assert_eq!(findings.first().map(|finding| finding.line), Some(3));
    }
}
