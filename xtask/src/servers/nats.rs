//! A scratch NATS server with JetStream. It picks its port itself and writes it down.

use std::{
    fs::{self, File},
    path::Path,
};

use anyhow::{Context, Result};

use super::{dying_with_us, wait_until_ready};
use crate::process::Running;

/// Starts the server; its URL.
pub fn start(program: &Path, scratch: &Path) -> Result<(Running, String)> {
    let home = scratch.join("nats");
    fs::create_dir(&home)?;
    let folder = home.display();
    let config = home.join("nats.conf");
    let text = format!(
        "host: 127.0.0.1\nport: -1\nports_file_dir: \"{folder}\"\n\
         jetstream {{ store_dir: \"{folder}\", max_memory_store: 256MB, max_file_store: 4GB }}\n"
    );
    fs::write(&config, text)?;
    let log = home.join("log");
    let sink = File::create(&log)?;
    let mut command = dying_with_us(program, None);
    command.arg("--config").arg(&config).stdout(sink.try_clone()?).stderr(sink);
    let mut server = Running::start("nats-server", &mut command)?;
    let url = wait_until_ready(&mut server, &log, || written_url(&home))
        .context("nats-server does not start")?;
    Ok((server, url))
}

/// `nats-server_PID.ports` holds `{"nats": ["nats://127.0.0.1:40123"]}`.
fn written_url(home: &Path) -> Option<String> {
    let files = fs::read_dir(home).ok()?.flatten().map(|entry| entry.path());
    let ports = files.into_iter().find(|file| file.extension().is_some_and(|ext| ext == "ports"));
    let text = fs::read_to_string(ports?).ok()?;
    let ports: serde_json::Value = serde_json::from_str(&text).ok()?;
    Some(ports.get("nats")?.get(0)?.as_str()?.to_owned())
}
