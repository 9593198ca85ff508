//! Finding the programs that tests need, and setting them up where they are missing:
//! first PATH and the usual folders, then the package tools at hand, else a sentence
//! saying what to install.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::process::output;

pub mod buf;
pub mod nats;
pub mod postgres;
pub mod strangers;

/// The folder for programs that we fetched: `target/tools`, kept between runs.
pub fn folder() -> Result<PathBuf> {
    let target = match env::var_os("CARGO_TARGET_DIR") {
        Some(target) => PathBuf::from(target),
        None => crate::root()?.join("target"),
    };
    let folder = target.join("tools");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder)
}

/// Every folder on PATH.
pub fn path_folders() -> Vec<PathBuf> {
    env::var_os("PATH").map(|path| env::split_paths(&path).collect()).unwrap_or_default()
}

/// The first file of that name on PATH.
pub fn on_path(name: &str) -> Option<PathBuf> {
    path_folders().into_iter().map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// Whether we are the superuser, who may install packages and must not run PostgreSQL.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The first two numbers in the text that `program --version` prints.
pub fn version(program: &Path) -> Result<(u32, u32)> {
    let text = output(Command::new(program).arg("--version"))?;
    first_version(&text)
        .with_context(|| format!("no version in {:?} of {}", text.trim(), program.display()))
}

/// `postgres (PostgreSQL) 15.18 (Debian ..)` is (15, 18); `nats-server: v2.15.1` is (2, 15).
fn first_version(text: &str) -> Option<(u32, u32)> {
    text.split_whitespace().find_map(|word| {
        let mut numbers = word.trim_start_matches('v').split('.');
        let major = numbers.next()?.parse().ok()?;
        let minor = numbers.next().and_then(|minor| minor.parse().ok()).unwrap_or(0);
        Some((major, minor))
    })
}

/// Installs a Debian package; an error where that is not ours to do.
fn install_by_apt(package: &str) -> Result<()> {
    if !is_root() || on_path("apt-get").is_none() {
        bail!("not root on a Debian system");
    }
    println!("        installing {package} by apt-get");
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        output(command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive"))
    };
    apt(&["update", "-qq"])?;
    apt(&["install", "-y", "-qq", "--no-install-recommends", package])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::first_version;

    #[test]
    fn reads_the_versions_that_programs_print() {
        let debian = "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)";
        assert_eq!(first_version(debian), Some((15, 18)));
        assert_eq!(first_version("postgres (PostgreSQL) 18beta1"), None);
        assert_eq!(first_version("nats-server: v2.15.1\n"), Some((2, 15)));
        assert_eq!(first_version("1.75.0"), Some((1, 75)));
    }
}
