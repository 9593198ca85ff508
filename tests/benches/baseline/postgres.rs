//! pgbench and psql of the installation that the server is from.

use std::{path::PathBuf, process::Command};

use anyhow::{Context as _, Result, ensure};
use florin_testkit::{POSTGRES_URL, setting};
use serde_json::{Value, json};

/// Database of pgbench's tables.
const DATABASE: &str = "pgbench";
/// Threads of pgbench.
const THREADS: &str = "2";

/// The server's own programs.
pub struct Postgres {
    programs: PathBuf,
    url: String,
}

impl Postgres {
    /// The programs that `cargo xtask bench` names and the server that it started.
    pub fn find(options: &Value) -> Result<Self> {
        let programs = options.get("postgres_programs").and_then(Value::as_str);
        let programs = PathBuf::from(programs.context("no folder of PostgreSQL's programs")?);
        let url = setting(POSTGRES_URL).with_context(|| format!("{POSTGRES_URL} is not set"))?;
        Ok(Self { programs, url })
    }

    /// Makes pgbench's database and tables.
    pub fn prepare(&self, scale: u64) -> Result<()> {
        self.sql(&format!("CREATE DATABASE {DATABASE}"))?;
        let scale = scale.to_string();
        self.run("pgbench", &["--initialize", "--quiet", "--scale", &scale, &self.database()])?;
        Ok(())
    }

    /// TPC-B transactions a second, prepared statements.
    pub fn pgbench(&self, clients: u64, seconds: u64) -> Result<u64> {
        let (clients, seconds) = (clients.to_string(), seconds.to_string());
        let database = self.database();
        let words = ["--client", &clients, "--jobs", THREADS, "--time", &seconds];
        let words = [&words[..], &["--protocol", "prepared", &database]].concat();
        let said = self.run("pgbench", &words)?;
        let tps = said.lines().find_map(|line| line.strip_prefix("tps = "));
        let whole = tps.and_then(|tps| tps.split('.').next()).context("pgbench told no tps")?;
        Ok(whole.parse()?)
    }

    /// What makes a commit durable, as the server has it.
    pub fn settings(&self) -> Result<Value> {
        let show = |name: &str| self.sql(&format!("SHOW {name}"));
        Ok(json!({
            "server_version": show("server_version")?, "fsync": show("fsync")?,
            "synchronous_commit": show("synchronous_commit")?,
            "full_page_writes": show("full_page_writes")?,
            "wal_sync_method": show("wal_sync_method")?,
            "shared_buffers": show("shared_buffers")?,
        }))
    }

    /// Drops the schemas of banks that have ended, so that no round finds the last one's.
    pub fn drop_schemas(&self) -> Result<()> {
        let ours = "SELECT nspname FROM pg_namespace WHERE nspname ~ '^t[0-9]+_'";
        for schema in self.sql(ours)?.lines() {
            self.sql(&format!("DROP SCHEMA \"{schema}\" CASCADE"))?;
        }
        self.sql("CHECKPOINT")?;
        Ok(())
    }

    /// Runs a statement on the bank's database; the rows without ornament.
    fn sql(&self, statement: &str) -> Result<String> {
        let words = ["--no-psqlrc", "--quiet", "--tuples-only", "--no-align"];
        let words = [&words[..], &["--command", statement, &self.url]].concat();
        Ok(self.run("psql", &words)?.trim().to_owned())
    }

    fn database(&self) -> String {
        let server = self.url.rsplit_once('/').map_or(self.url.as_str(), |(server, _)| server);
        format!("{server}/{DATABASE}")
    }

    fn run(&self, program: &str, words: &[&str]) -> Result<String> {
        let mut command = Command::new(self.programs.join(program));
        let output = command.args(words).env("PGOPTIONS", "--client-min-messages=warning");
        let output = output.output().with_context(|| program.to_owned())?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{program}: {said}");
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}
