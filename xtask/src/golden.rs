//! `cargo xtask golden`: writes anew what the contract is compared with.

use std::process::Command;

use anyhow::Result;

use crate::{process::Running, tools};

/// The contract as `buf` compares it: all descriptors, without comments.
pub const IMAGE: &str = "proto/v1.binpb";

/// Writes the golden files of the gateway's tests, and the image where `buf` can be had. False
/// where one of them cannot be written.
pub fn run() -> Result<bool> {
    let mut cargo = Command::new("cargo");
    cargo
        .args(["test", "--locked", "--quiet", "-p", "florin-gateway", "--test", "it", "golden"])
        .env("FLORIN_GOLDEN", "write")
        .current_dir(crate::root()?);
    let written = Running::start("cargo", &mut cargo)?.finish_within(crate::ci::STEP_LIMIT)?;
    let mut buf = Command::new(tools::buf::find()?);
    buf.args(["build", "--exclude-source-info", "-o", IMAGE]).current_dir(crate::root()?);
    let built = Running::start("buf build", &mut buf)?.finish_within(crate::ci::STEP_LIMIT)?;
    Ok(written.success() && built.success())
}
