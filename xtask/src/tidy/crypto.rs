//! One crypto provider: aws-lc-rs, nothing beside it.

use std::{path::Path, process::Command};

use anyhow::{Context, Result, bail};

use super::Finding;

const NEVER: [&str; 4] = ["ring", "rsa", "openssl-sys", "native-tls"];

/// Asks cargo who brings a second provider into what we ship.
pub fn check(root: &Path) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for package in NEVER {
        let mut cargo = Command::new("cargo");
        cargo.args(["tree", "--locked", "--workspace", "--edges", "normal", "--invert", package]);
        let output = cargo.current_dir(root).output().context("cannot run cargo tree")?;
        let (out, complaint) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        if let Some(path) = brought_in(output.status.success(), &out, &complaint)? {
            findings.push(Finding {
                file: "Cargo.lock".to_owned(),
                line: 1,
                rule: "one-crypto-provider",
                what: format!("{package} is linked in: {path}"),
                mend: "switch the default features of the crate in between off",
            });
        }
    }
    Ok(findings)
}

/// Who brings it in; nothing when nobody does. `cargo tree` fails for a package that the
/// lock file does not have, which is the good case, and prints nothing for one that only
/// an unused feature names.
fn brought_in(success: bool, out: &str, complaint: &str) -> Result<Option<String>> {
    if success {
        let path: Vec<&str> = out.lines().take(3).map(str::trim).collect();
        return Ok((!path.is_empty()).then(|| path.join(" <- ")));
    }
    if complaint.contains("did not match any packages") {
        return Ok(None);
    }
    if complaint.contains("ambiguous") {
        return Ok(Some("in several versions".to_owned()));
    }
    bail!("cargo tree: {}", complaint.trim())
}

#[cfg(test)]
mod tests {
    use super::brought_in;

    #[test]
    fn a_package_that_is_absent_is_the_good_case() {
        let absent = "error: package ID specification `ring` did not match any packages";
        assert_eq!(brought_in(false, "", absent).unwrap(), None);
        assert_eq!(brought_in(true, "", "warning: nothing to print.").unwrap(), None);
    }

    #[test]
    fn names_who_brings_it_in() {
        let path = brought_in(true, "ring v0.17\n└── rcgen v0.14\n    └── florin-rpc\n", "");
        assert_eq!(path.unwrap().unwrap(), "ring v0.17 <- └── rcgen v0.14 <- └── florin-rpc");
        assert!(brought_in(false, "", "error: `ring` is ambiguous").unwrap().is_some());
        assert!(brought_in(false, "", "error: no lock file").is_err());
    }
}
