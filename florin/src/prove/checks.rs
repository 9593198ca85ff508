//! Each check of the proof stands in the runbook's table, and nothing else does.

use std::{collections::BTreeSet, fs, path::Path};

/// Sources whose breaches the proof prints, from the root of the repository.
const SOURCES: [&str; 6] = [
    "florin/src/prove",
    "services/account/src/app/verify_ledger.rs",
    "services/account/src/app/verify_ledger",
    "services/account/src/store/verify.rs",
    "services/account/src/store/verify",
    "services/account/src/store/statements/verify.rs",
];
/// Names beside checks in the ledger's sources: progress and notices, which are no breach.
const NO_CHECKS: [&str; 2] = ["at_work", "set_aside"];

fn sources(path: &Path, found: &mut String) {
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            sources(&entry.unwrap().path(), found);
        }
        return;
    }
    if path.extension().is_some_and(|end| end == "rs") && !path.ends_with("checks.rs") {
        found.push_str(&fs::read_to_string(path).unwrap());
    }
}

/// The names that stand first in quotes after what begins a breach.
fn named(source: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for beginning in
        ["breach(", "check: ", "push((", "vec![(", "    (", "&[(", "const CHECK: &str = "]
    {
        for rest in source.split(beginning).skip(1) {
            let Some(rest) = rest.trim_start().strip_prefix('"') else { continue };
            let name = rest.split('"').next().unwrap_or_default();
            let is_name = |letter: char| letter.is_ascii_lowercase() || letter == '_';
            if !name.is_empty() && name.chars().all(is_name) {
                found.insert(name.to_owned());
            }
        }
    }
    found
}

/// The names in the first column of the table.
fn tabled(runbook: &str) -> BTreeSet<String> {
    let part = runbook.split("## The proof is not clean").nth(1).unwrap();
    let part = part.split("\n## ").next().unwrap();
    let rows = part.lines().filter(|line| line.starts_with("| `"));
    let first = rows.filter_map(|row| row.split('|').nth(1));
    first.flat_map(|cell| cell.split('`').skip(1).step_by(2)).map(str::to_owned).collect()
}

#[test]
fn each_check_of_the_proof_stands_in_the_runbook_and_nothing_else_does() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut source = String::new();
    SOURCES.iter().for_each(|path| sources(&root.join(path), &mut source));
    let mut found = named(&source);
    NO_CHECKS.iter().for_each(|name| assert!(found.remove(*name), "{name}"));
    // A seal's statement stands with its table.
    assert!(found.contains("seal") && found.len() > 25, "{found:?}");
    let runbook = fs::read_to_string(root.join("docs/runbook/README.md")).unwrap();
    assert_eq!(found, tabled(&runbook));
}
