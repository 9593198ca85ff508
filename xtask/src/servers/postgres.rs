//! A scratch PostgreSQL, trusting loopback, with room for every test's pools: never synced for
//! tests, durable for measuring.

use std::{
    fs::{self, File},
    net::TcpListener,
    os::unix::fs::chown,
    path::Path,
    process::Command,
};

use anyhow::{Context, Result};

use super::{User, dying_with_us, wait_until_ready};
use crate::{
    process::{Running, output},
    tools,
};

/// Another program may take the free port before PostgreSQL does.
const PORT_ATTEMPTS: u32 = 3;

/// Whether what was committed outlives a loss of power.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Nothing is synced: for tests.
    Scratch,
    /// As in production: a benchmark of anything else measures nothing.
    Durable,
}

impl Durability {
    const fn settings(self) -> [&'static str; 3] {
        match self {
            Self::Scratch => ["fsync=off", "synchronous_commit=off", "full_page_writes=off"],
            Self::Durable => ["fsync=on", "synchronous_commit=on", "full_page_writes=on"],
        }
    }
}

const SETTINGS: [&str; 5] = [
    "max_connections=200",
    // Tests assert on what the server logs nowhere else; keep the log small.
    "log_min_messages=warning",
    "log_checkpoints=off",
    "lc_messages=C",
    "unix_socket_directories=",
];

/// Starts the server; its URL.
pub fn start(programs: &Path, scratch: &Path, durability: Durability) -> Result<(Running, String)> {
    let home = scratch.join("postgres");
    fs::create_dir(&home)?;
    let user = if tools::is_root() { Some(User::unprivileged()?) } else { None };
    if let Some(user) = &user {
        chown(&home, Some(user.id), Some(user.group))?;
    }
    let cluster = home.join("cluster");
    let mut initdb = dying_with_us(&programs.join("initdb"), user.as_ref());
    initdb.current_dir(&home).arg("--pgdata").arg(&cluster).args([
        "--username=florin",
        "--auth=trust",
        "--encoding=UTF8",
        // Ids sort bytewise.
        "--no-locale",
        "--no-sync",
    ]);
    output(&mut initdb)?;
    let mut attempt = 1;
    loop {
        let command = dying_with_us(&programs.join("postgres"), user.as_ref());
        match start_on_a_free_port(command, &home, &cluster, durability) {
            Err(_) if attempt < PORT_ATTEMPTS => attempt += 1,
            started => return started.context("PostgreSQL does not start"),
        }
    }
}

fn start_on_a_free_port(
    mut command: Command,
    home: &Path,
    cluster: &Path,
    durability: Durability,
) -> Result<(Running, String)> {
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let log = home.join("log");
    let sink = File::create(&log)?;
    command.current_dir(home).arg("-D").arg(cluster).args(["-h", "127.0.0.1"]);
    command.args(["-p", &port.to_string()]);
    for setting in SETTINGS.into_iter().chain(durability.settings()) {
        command.args(["-c", setting]);
    }
    command.stdout(sink.try_clone()?).stderr(sink);
    let mut server = Running::start("postgres", &mut command)?.stopped_by_quit();
    wait_until_ready(&mut server, &log, || is_ready(cluster))?;
    Ok((server, format!("postgres://florin@127.0.0.1:{port}/postgres")))
}

/// The last line of postmaster.pid says `ready` once connections are accepted.
fn is_ready(cluster: &Path) -> Option<()> {
    let state = fs::read_to_string(cluster.join("postmaster.pid")).ok()?;
    (state.lines().last()?.trim() == "ready").then_some(())
}
