//! What the clients of strangers in `tests/strangers` are made of: Python and npm packages of
//! exact versions, installed once beside the other tools. Without them their tests are skipped.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use super::{folder, on_path};
use crate::process::output;

/// The lists of packages lie here.
const LISTS: &str = "tests/strangers";
/// The oldest Node.js that the OpenID provider runs on.
const NODE_AT_LEAST: (u32, u32) = (20, 19);

/// What tests find in their environment, for what is to be had; a line for each that is not.
pub fn exports() -> Vec<(&'static str, String)> {
    let found =
        [("FLORIN_TEST_PYTHON", "Python", python()), ("FLORIN_TEST_NODE", "npm", node_packages())];
    found
        .into_iter()
        .filter_map(|(variable, what, found)| match found {
            Ok(path) => Some((variable, path.display().to_string())),
            Err(reason) => {
                println!("        strangers of {what} are skipped: {reason:#}");
                None
            }
        })
        .collect()
}

/// The interpreter of a virtual environment that holds the packages.
fn python() -> Result<PathBuf> {
    if on_path("python3").is_none() {
        bail!("python3 is not on PATH");
    }
    let list = crate::root()?.join(LISTS).join("requirements.txt");
    let home = folder()?.join("python");
    let program = home.join("bin/python");
    installed_once(&home, &[&list], |home| {
        println!("        fetching Python packages by pip");
        let mut venv = Command::new("python3");
        output(venv.args(["-m", "venv", "--clear"]).arg(home))
            .context("python3 makes no virtual environment (Debian: python3-venv)")?;
        let mut pip = Command::new(home.join("bin/python"));
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
        // With --no-deps the list is the whole truth.
        pip.args(["--no-deps", "--only-binary=:all:", "-r"]).arg(&list);
        output(&mut pip).context("pip cannot install them").map(drop)
    })?;
    Ok(program)
}

/// The folder that holds `node_modules`.
fn node_packages() -> Result<PathBuf> {
    let (Some(node), Some(_)) = (on_path("node"), on_path("npm")) else {
        bail!("node and npm are not on PATH");
    };
    let found = super::version(&node)?;
    if found < NODE_AT_LEAST {
        let (major, minor) = NODE_AT_LEAST;
        bail!("node {}.{} is older than {major}.{minor}", found.0, found.1);
    }
    let lists = crate::root()?.join(LISTS);
    let lists = [lists.join("package.json"), lists.join("package-lock.json")];
    let home = folder()?.join("node");
    installed_once(&home, &[&lists[0], &lists[1]], |home| {
        println!("        fetching npm packages");
        fs::create_dir_all(home)?;
        for list in &lists {
            fs::copy(list, home.join(list.file_name().context("a file")?))?;
        }
        let mut npm = Command::new("npm");
        npm.args(["ci", "--silent", "--ignore-scripts", "--no-audit", "--no-fund"]);
        output(npm.current_dir(home)).context("npm cannot install them").map(drop)
    })?;
    Ok(home)
}

/// Installs, unless it was done from the very same lists before.
fn installed_once(
    home: &Path,
    lists: &[&Path],
    install: impl FnOnce(&Path) -> Result<()>,
) -> Result<()> {
    let mut wanted = String::new();
    for list in lists {
        wanted.push_str(
            &fs::read_to_string(list).with_context(|| format!("no list {}", list.display()))?,
        );
    }
    let stamp = home.join("installed-from");
    if fs::read_to_string(&stamp).is_ok_and(|done| done == wanted) {
        return Ok(());
    }
    install(home)?;
    fs::write(&stamp, wanted)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn installs_once_and_again_when_a_list_changes() {
        let folder = tempfile::tempdir().unwrap();
        let (home, list) = (folder.path().join("home"), folder.path().join("list"));
        let runs = std::cell::Cell::new(0);
        let install = |home: &Path| {
            runs.set(runs.get() + 1);
            Ok(fs::create_dir_all(home)?)
        };
        for (text, wanted) in [("a==1", 1), ("a==1", 1), ("a==2", 2)] {
            fs::write(&list, text).unwrap();
            installed_once(&home, &[&list], install).unwrap();
            assert_eq!(runs.get(), wanted, "{text}");
        }
        fs::write(&list, "a==3").unwrap();
        assert!(installed_once(&home, &[&list], |_| bail!("no network")).is_err());
        installed_once(&home, &[&list], install).unwrap();
        assert_eq!(runs.get(), 3, "what failed is tried again");
    }
}
