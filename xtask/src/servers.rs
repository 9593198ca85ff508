//! The servers that tests run on: our own PostgreSQL and NATS, on free loopback ports,
//! with scratch data, ended with us.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command, time::Duration};

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::{process, tools};

mod nats;
mod postgres;

use postgres::Durability;

/// How long a server may take to accept connections.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// Both servers, running. Fields are dropped in order: the processes before their data.
pub struct Servers {
    postgres: process::Running,
    nats: process::Running,
    _scratch: TempDir,
    /// What tests find in their environment.
    pub exports: Vec<(&'static str, String)>,
}

impl Servers {
    /// Finds the programs, starts both servers and waits until they accept connections.
    pub fn start() -> Result<Self> {
        Self::start_in(tempfile::Builder::new().prefix("florin-").tempdir()?, Durability::Scratch)
    }

    /// The same for measuring: PostgreSQL syncs, and the data lies in a folder on a disk.
    pub fn start_durable(folder: &Path) -> Result<Self> {
        let scratch = tempfile::Builder::new().prefix("servers-").tempdir_in(folder)?;
        Self::start_in(scratch, Durability::Durable)
    }

    fn start_in(scratch: TempDir, durability: Durability) -> Result<Self> {
        let (postgres_programs, major) = tools::postgres::find()?;
        println!("        PostgreSQL {major}   {}", postgres_programs.display());
        let nats_program = tools::nats::find()?;
        println!("        nats-server     {}", nats_program.display());

        // PostgreSQL may run as another user, who has to reach his folder in here.
        fs::set_permissions(scratch.path(), fs::Permissions::from_mode(0o755))?;
        let (postgres, postgres_url) =
            postgres::start(&postgres_programs, scratch.path(), durability)?;
        let (nats, nats_url) = nats::start(&nats_program, scratch.path())?;

        let mut exports = vec![
            ("FLORIN_TEST_POSTGRES_URL", postgres_url),
            ("FLORIN_TEST_NATS_URL", nats_url),
            ("FLORIN_TEST_NATS_BIN", nats_program.display().to_string()),
        ];
        if let Some(buf) = tools::buf::installed() {
            exports.push(("FLORIN_TEST_BUF", buf.display().to_string()));
        }
        Ok(Self { postgres, nats, _scratch: scratch, exports })
    }

    /// Their processes: PostgreSQL, whose others are its children, and NATS.
    pub fn pids(&self) -> [u32; 2] {
        [self.postgres.child.id(), self.nats.child.id()]
    }
}

/// For developers: both servers until Ctrl-C.
pub fn run_until_interrupted() -> Result<bool> {
    let servers = Servers::start()?;
    for (name, value) in servers.exports.iter().chain(&tools::strangers::exports()) {
        println!("export {name}='{value}'");
    }
    println!("# both end with Ctrl-C");
    while process::pause().is_ok() {}
    Ok(true)
}

/// Ends with us even when we are killed, where the system can promise that.
fn dying_with_us(program: &Path, user: Option<&User>) -> Command {
    let Some(setpriv) = tools::on_path("setpriv") else { return Command::new(program) };
    let mut command = Command::new(setpriv);
    command.args(["--pdeathsig", "INT"]);
    if let Some(user) = user {
        command.arg(format!("--reuid={}", user.id)).arg(format!("--regid={}", user.group));
        command.arg("--clear-groups");
    }
    command.arg("--").arg(program);
    command
}

/// An unprivileged account of this machine.
struct User {
    id: u32,
    group: u32,
}

impl User {
    /// `postgres` where it exists, else `nobody`.
    fn unprivileged() -> Result<Self> {
        let accounts = fs::read_to_string("/etc/passwd").context("cannot read /etc/passwd")?;
        ["postgres", "nobody"]
            .iter()
            .find_map(|name| accounts.lines().find_map(|line| Self::from_line(line, name)))
            .context("PostgreSQL refuses to run as root, and there is no user postgres or nobody")
    }

    fn from_line(line: &str, name: &str) -> Option<Self> {
        let mut fields = line.split(':');
        let named = fields.next()? == name;
        let (id, group) = (fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?);
        named.then_some(Self { id, group })
    }
}

/// Polls until `found` finds, the server ends, or the time is over.
fn wait_until_ready<T>(
    server: &mut process::Running,
    log: &Path,
    mut found: impl FnMut() -> Option<T>,
) -> Result<T> {
    let started = std::time::Instant::now();
    loop {
        if let Some(ready) = found() {
            return Ok(ready);
        }
        let ended = server.try_status()?;
        if ended.is_some() || started.elapsed() > READY_WITHIN {
            let said = fs::read_to_string(log).unwrap_or_default();
            let state = ended.map_or("is not ready".to_owned(), |status| status.to_string());
            anyhow::bail!("the server {state}; it said:\n{}", said.trim());
        }
        process::pause()?;
    }
}

#[cfg(test)]
mod tests {
    use super::User;

    #[test]
    fn reads_a_line_of_the_account_file() {
        let line = "postgres:x:101:104:PostgreSQL administrator,,,:/var/lib/postgresql:/bin/bash";
        let user = User::from_line(line, "postgres").unwrap();
        assert_eq!((user.id, user.group), (101, 104));
        assert!(User::from_line(line, "nobody").is_none());
    }
}
