//! buf, the linter of the contract: from PATH or by npm. Nothing but `buf lint` needs it.

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context, Result, bail};

use super::{folder, on_path};
use crate::process::output;

const PACKAGE: &str = "@bufbuild/buf@1.75.0";

/// The program: on PATH, fetched earlier, or fetched now; an error says how to get it.
pub fn find() -> Result<PathBuf> {
    if let Some(buf) = installed() {
        return Ok(buf);
    }
    let home = folder()?.join("buf");
    if on_path("npm").is_none() {
        bail!("buf is not on PATH and there is no npm to fetch it; see https://buf.build/docs/cli");
    }
    println!("        fetching buf by npm");
    fs::create_dir_all(&home)?;
    let mut npm = Command::new("npm");
    npm.args(["install", "--silent", "--no-audit", "--no-fund", "--prefix"]).arg(&home);
    output(npm.arg(PACKAGE)).context("npm cannot install buf")?;
    installed().context("npm installed no buf program")
}

/// The program if it is there already.
pub fn installed() -> Option<PathBuf> {
    let fetched = folder().ok()?.join("buf/node_modules/.bin/buf");
    let found = on_path("buf").or_else(|| fetched.is_file().then_some(fetched))?;
    output(Command::new(&found).arg("--version")).ok().map(|_| found)
}
