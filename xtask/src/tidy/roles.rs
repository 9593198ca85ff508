//! Every role has its artefacts, under its one name; nothing else looks like a role.

use std::{fs, path::Path};

use florin_kernel::Role;

use super::{Finding, line_of};

const RULE: &str = "role-artefacts";

/// Walks [`Role::ALL`].
pub fn check(root: &Path) -> Vec<Finding> {
    let mut findings = Vec::new();
    let read = |file: &str| fs::read_to_string(root.join(file)).unwrap_or_default();
    let texts = [
        ("compose.yaml", read("compose.yaml")),
        ("florin.example.toml", read("florin.example.toml")),
    ];
    let glossary = read("docs/domains.md");
    for role in Role::ALL {
        let name = role.name();
        findings.extend(folders(root, *role));
        for (file, text) in &texts {
            let found = if *file == "compose.yaml" {
                has_container(text, name)
            } else {
                has_section(text, name)
            };
            if !found {
                findings.push(missing(file, format!("{file} has nothing for the role {name}")));
            }
        }
        if !glossary.lines().any(|line| line.starts_with('#') && line.contains(name)) {
            findings.push(missing(
                "docs/domains.md",
                format!("docs/domains.md has no heading for the role {name}"),
            ));
        }
    }
    findings.extend(strangers(root));
    findings.extend(unlisted_migrations(root));
    findings
}

fn missing(file: &str, what: String) -> Finding {
    let mend = "add it; CONTRIBUTING.md lists what a new service needs";
    Finding { file: file.to_owned(), line: 1, rule: RULE, what, mend }
}

fn folders(root: &Path, role: Role) -> Vec<Finding> {
    let name = role.name();
    let wanted = if role.is_service() {
        vec![
            format!("services/{name}/Cargo.toml"),
            format!("services/{name}/src/lib.rs"),
            format!("services/{name}/migrations/sqlite"),
            format!("services/{name}/migrations/postgres"),
            format!("proto/florin/{name}/v1/{name}.proto"),
            format!("proto/florin/{name}/v1/reason.proto"),
        ]
    } else {
        vec![format!("{name}/Cargo.toml"), format!("{name}/src/lib.rs")]
    };
    wanted
        .into_iter()
        .filter(|file| !root.join(file).exists())
        .map(|file| missing("crates/kernel/src/role.rs", format!("the role {name} has no {file}")))
        .collect()
}

/// A service of the compose file: two blanks, the name, a colon.
fn has_container(compose: &str, name: &str) -> bool {
    compose.lines().any(|line| line.trim_end() == format!("  {name}:"))
}

/// `[name]`, `[name.x]`, `[x.name]`, or the same commented out.
fn has_section(example: &str, name: &str) -> bool {
    example.lines().any(|line| {
        let line = line.trim_start_matches(['#', ' ']).trim_end();
        let table = line.strip_prefix('[').and_then(|table| table.strip_suffix(']'));
        table.is_some_and(|table| table.split('.').any(|part| part == name))
    })
}

/// A migration that no `migrations!` names never runs. (One that an engine lacks does not
/// compile.)
fn unlisted_migrations(root: &Path) -> Vec<Finding> {
    let services = Role::ALL.iter().filter(|role| role.is_service());
    let homes = services
        .map(|role| (format!("services/{role}"), "store.rs"))
        .chain([("crates/store".to_owned(), "migrations.rs")]);
    let mut findings = Vec::new();
    for (home, list) in homes {
        let list = format!("{home}/src/{list}");
        let listed = fs::read_to_string(root.join(&list)).unwrap_or_default();
        for engine in ["sqlite", "postgres"] {
            let folder = root.join(&home).join("migrations").join(engine);
            for file in fs::read_dir(folder).into_iter().flatten().flatten() {
                let name = file.file_name().to_string_lossy().into_owned();
                let stem = name.trim_end_matches(".sql");
                if !listed.contains(&format!("\"{stem}\"")) {
                    findings.push(Finding {
                        file: list.clone(),
                        line: line_of(&listed, "MIGRATIONS"),
                        rule: RULE,
                        what: format!(
                            "migrations/{engine}/{name} is not in the list of migrations"
                        ),
                        mend: "name it in migrations![..]",
                    });
                }
            }
        }
    }
    findings
}

/// A folder in `services/` or a container of the image that is no role.
fn strangers(root: &Path) -> Vec<Finding> {
    let Ok(entries) = fs::read_dir(root.join("services")) else { return Vec::new() };
    let known = |name: &str| Role::ALL.iter().any(|role| role.name() == name);
    entries
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| !known(name))
        .map(|name| {
            let text = fs::read_to_string(root.join("crates/kernel/src/role.rs"));
            Finding {
                file: "crates/kernel/src/role.rs".to_owned(),
                line: line_of(&text.unwrap_or_default(), "pub enum Role"),
                rule: RULE,
                what: format!("services/{name} has no variant of Role"),
                mend: "add the variant, the only list of roles",
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_a_role_lacks() {
        let empty = tempfile::tempdir().unwrap();
        let findings = check(empty.path());
        for role in Role::ALL {
            let named = findings.iter().filter(|finding| finding.what.contains(role.name()));
            assert!(named.count() >= 5, "{role} has no artefact at all");
        }
    }

    #[test]
    fn finds_a_service_that_is_no_role() {
        let scratch = tempfile::tempdir().unwrap();
        fs::create_dir_all(scratch.path().join("services/lottery")).unwrap();
        let findings = strangers(scratch.path());
        assert_eq!(findings.first().unwrap().what, "services/lottery has no variant of Role");
    }

    #[test]
    fn finds_a_migration_that_never_runs() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("services/cif/migrations/sqlite");
        fs::create_dir_all(&folder).unwrap();
        fs::create_dir_all(scratch.path().join("services/cif/src")).unwrap();
        let list = "pub const MIGRATIONS: Migrations = migrations![\"0001_customers\"];";
        fs::write(scratch.path().join("services/cif/src/store.rs"), list).unwrap();
        fs::write(folder.join("0001_customers.sql"), "").unwrap();
        assert!(unlisted_migrations(scratch.path()).is_empty());
        fs::write(folder.join("0002_forgotten.sql"), "").unwrap();
        let found = unlisted_migrations(scratch.path());
        assert!(found.first().unwrap().what.contains("0002_forgotten.sql"));
    }

    #[test]
    fn reads_sections_and_containers() {
        assert!(has_section("# [mesh.cif]\n", "cif"));
        assert!(has_section("[cif]\n", "cif"));
        assert!(!has_section("cif = 1\n", "cif"));
        assert!(has_container("services:\n  cif:\n", "cif"));
        assert!(!has_container("services:\n    cif:\n", "cif"));
    }
}
