//! `cargo xtask tidy`: the rules of the design that a program can check.
//!
//! Crates are checked by `cargo metadata`, folders by reading their source. Each finding
//! names the place, the rule and how to mend it. Exceptions are in `xtask/tidy.toml`.

use std::{
    collections::BTreeSet,
    fmt, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use cargo_metadata::{Metadata, MetadataCommand};
use serde::Deserialize;

use crate::process::output;

mod crypto;
mod defects;
mod imports;
mod manifests;
mod roles;
mod source;
mod statements;
mod tokens;

/// One breach of one rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// From the root of the repository.
    pub file: String,
    /// Counted from 1.
    pub line: usize,
    /// The rule's name, as `tidy.toml` spells it.
    pub rule: &'static str,
    /// What is wrong.
    pub what: String,
    /// How to mend it.
    pub mend: &'static str,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, rule, what, mend } = self;
        write!(f, "{file}:{line}: [{rule}] {what}\n    {mend}")
    }
}

/// The file of exceptions.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Exceptions {
    #[serde(default)]
    exception: Vec<Exception>,
}

/// One place where a rule does not hold, and why.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Exception {
    rule: String,
    file: String,
    /// Only findings that contain this text; all of the file's when empty.
    #[serde(default)]
    about: String,
    reason: String,
}

impl Exception {
    fn covers(&self, finding: &Finding) -> bool {
        self.rule == finding.rule && self.file == finding.file && finding.what.contains(&self.about)
    }
}

const EXCEPTIONS: &str = "xtask/tidy.toml";

/// Tidy as a command of its own.
pub fn run_alone() -> Result<bool> {
    let clean = run()?;
    if clean {
        println!("tidy");
    }
    Ok(clean)
}

/// Checks everything and prints the findings; true when there is none.
pub fn run() -> Result<bool> {
    let root = crate::root()?;
    let metadata =
        MetadataCommand::new().manifest_path(root.join("Cargo.toml")).no_deps().exec()?;
    let mut findings = check(&root, &metadata)?;
    let path = root.join(EXCEPTIONS);
    let text = fs::read_to_string(&path).with_context(|| format!("no {}", path.display()))?;
    let exceptions: Exceptions = toml::from_str(&text).context(EXCEPTIONS)?;
    findings = without_exceptions(findings, &exceptions.exception);
    findings.sort();
    findings.dedup();
    for finding in &findings {
        println!("{finding}");
    }
    if !findings.is_empty() {
        println!("tidy: {} findings", findings.len());
    }
    Ok(findings.is_empty())
}

fn check(root: &Path, metadata: &Metadata) -> Result<Vec<Finding>> {
    let sources = source::read_all(root, &tracked(root)?)?;
    let mut findings = imports::check(root, metadata);
    findings.extend(manifests::check(root, metadata, &sources)?);
    for file in &sources {
        findings.extend(source::check(file));
        findings.extend(tokens::check(file));
        findings.extend(statements::check(file));
    }
    findings.extend(roles::check(root));
    findings.extend(crypto::check(root)?);
    findings.extend(defects::check(root, &sources)?);
    Ok(findings)
}

/// Files that git keeps or would keep; what it ignores is nobody's source. Where there is
/// no repository (an unpacked archive), every file outside of the folders that git ignores.
fn tracked(root: &Path) -> Result<Vec<PathBuf>> {
    let mut git = Command::new("git");
    git.args(["ls-files", "--cached", "--others", "--exclude-standard"]).current_dir(root);
    let mut files = BTreeSet::new();
    match output(&mut git) {
        Ok(list) => files.extend(list.lines().map(PathBuf::from)),
        Err(_) => walk(root, Path::new(""), &mut files)?,
    }
    Ok(files.into_iter().filter(|file| root.join(file).is_file()).collect())
}

fn walk(root: &Path, folder: &Path, files: &mut BTreeSet<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(root.join(folder))? {
        let entry = entry?;
        let name = entry.file_name();
        let text = name.to_string_lossy();
        let ignored = text.starts_with("target") || text == ".git" || text == "data";
        if !entry.file_type()?.is_dir() {
            files.insert(folder.join(&name));
        } else if !ignored {
            walk(root, &folder.join(&name), files)?;
        }
    }
    Ok(())
}

fn without_exceptions(findings: Vec<Finding>, exceptions: &[Exception]) -> Vec<Finding> {
    let mut left: Vec<Finding> = findings
        .iter()
        .filter(|finding| !exceptions.iter().any(|exception| exception.covers(finding)))
        .cloned()
        .collect();
    for exception in exceptions {
        let needless = !findings.iter().any(|finding| exception.covers(finding));
        if needless || exception.reason.trim().is_empty() {
            left.push(Finding {
                file: EXCEPTIONS.to_owned(),
                line: 1,
                rule: "exceptions",
                what: format!(
                    "{} in {} is needless or has no reason",
                    exception.rule, exception.file
                ),
                mend: "remove the exception, or give its reason",
            });
        }
    }
    left
}

/// The line on which a text starts with `needle` (leading blanks aside), else 1.
fn line_of(text: &str, needle: &str) -> usize {
    let found = text.lines().position(|line| line.trim_start().starts_with(needle));
    found.map_or(1, |index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding() -> Finding {
        let (file, what) = ("a.rs".to_owned(), "fn long has 90 lines".to_owned());
        Finding { file, line: 1, rule: "function-length", what, mend: "split it" }
    }

    fn exception(rule: &str, reason: &str) -> Exception {
        let about = "fn long".to_owned();
        Exception { rule: rule.into(), file: "a.rs".into(), about, reason: reason.into() }
    }

    #[test]
    fn an_exception_covers_its_finding_only() {
        let table = [exception("function-length", "one table")];
        assert_eq!(without_exceptions(vec![finding()], &table), []);
        let other = [exception("file-length", "one table")];
        let left = without_exceptions(vec![finding()], &other);
        assert_eq!(left.len(), 2, "the finding stays and the exception is needless");
    }

    #[test]
    fn finds_the_files_of_an_unpacked_archive() {
        let scratch = tempfile::tempdir().unwrap();
        for file in ["src/lib.rs", "target/x.rs", "a/b/c.rs"] {
            let path = scratch.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let mut files = BTreeSet::new();
        walk(scratch.path(), Path::new(""), &mut files).unwrap();
        assert_eq!(files, BTreeSet::from(["a/b/c.rs".into(), "src/lib.rs".into()]));
    }

    #[test]
    fn an_exception_needs_a_reason() {
        let left = without_exceptions(vec![finding()], &[exception("function-length", " ")]);
        assert_eq!(left.first().map(|finding| finding.rule), Some("exceptions"));
    }

    #[test]
    fn a_finding_names_place_rule_and_remedy() {
        let text = "a.rs:1: [function-length] fn long has 90 lines\n    split it";
        assert_eq!(finding().to_string(), text);
    }
}
