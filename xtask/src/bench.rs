//! `cargo xtask bench`: the baseline of the whole bank in one command. It builds the release
//! executable, starts a durable PostgreSQL and hands over to the bench `baseline` of the
//! tests, which runs the bank in both modes and pgbench on the same server.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde::Serialize;

use crate::{process::Running, servers::Servers, tools};

/// A build takes minutes, on a busy machine a quarter of an hour.
const BUILD_LIMIT: Duration = Duration::from_secs(60 * 60);
/// Everything after it.
const RUN_LIMIT: Duration = Duration::from_secs(6 * 60 * 60);
/// What `baseline` finds in its environment.
const OPTIONS: &str = "FLORIN_BENCH";

/// What to measure.
#[derive(Args, Serialize)]
pub struct Options {
    /// Rounds; each runs everything once, and medians are told.
    #[arg(long, value_name = "N", default_value_t = 5)]
    rounds: u32,
    /// Measured seconds of each run.
    #[arg(long, value_name = "S", default_value_t = 10)]
    seconds: u32,
    /// Seconds before them that are not measured.
    #[arg(long, value_name = "S", default_value_t = 3)]
    warm_up: u32,
    /// Accounts.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    accounts: u32,
    /// Clients of pgbench.
    #[arg(long, value_name = "N", default_value_t = 16)]
    pgbench_clients: u32,
    /// Scale of pgbench's tables: 100,000 accounts each.
    #[arg(long, value_name = "N", default_value_t = 16)]
    pgbench_scale: u32,
    /// Only the cases whose names have this in them.
    #[arg(long, value_name = "TEXT", default_value = "")]
    case: String,
    /// Only this mode: distributed or embedded.
    #[arg(long, value_name = "MODE", default_value = "")]
    mode: String,
    /// Entries in place before the cases of each bank: half as many postings, not measured.
    #[arg(long, value_name = "N", default_value_t = 0)]
    entries: u64,
    /// Instead of rounds: the memory of `up` idle and after this many transfers.
    #[arg(long, value_name = "N")]
    transfers: Option<u64>,
}

/// What the options do not say.
#[derive(Serialize)]
struct Handed<'o> {
    #[serde(flatten)]
    options: &'o Options,
    /// Folder of pgbench and psql.
    postgres_programs: PathBuf,
    /// The servers' processes, whose processor time counts with the distributed bank's.
    server_pids: [u32; 2],
}

/// Builds, starts, measures.
pub fn run(options: &Options) -> Result<bool> {
    let executable = build()?;
    let folder = tools::folder()?.with_file_name("bench");
    fs::create_dir_all(&folder)?;
    let (postgres_programs, _) = tools::postgres::find()?;
    ensure!(
        postgres_programs.join("pgbench").is_file(),
        "pgbench is missing in {}; install PostgreSQL's client programs",
        postgres_programs.display()
    );
    let servers = Servers::start_durable(&folder)?;
    let handed =
        serde_json::to_string(&Handed { options, postgres_programs, server_pids: servers.pids() })?;
    let mut command = Command::new("cargo");
    // The harness puts no load on by itself: it is built without optimisation.
    command.args(["bench", "--quiet", "--locked", "--profile", "dev"]);
    command.args(["--package", "florin-tests", "--bench", "baseline"]);
    command.envs(servers.exports.iter().map(|(name, value)| (name, value)));
    command.env(OPTIONS, handed).env("FLORIN_TEST_EXECUTABLE", executable);
    // The banks' data lies beside PostgreSQL's, on the same disk.
    command.env("TMPDIR", &folder).current_dir(crate::root()?);
    let ended = finish("cargo bench", &mut command, RUN_LIMIT)?;
    Ok(ended.success())
}

/// The release executable, with the names of lines, so that a profile can be read.
fn build() -> Result<PathBuf> {
    let mut command = Command::new("cargo");
    command.args(["build", "--release", "--locked", "--package", "florin"]);
    command.env("CARGO_PROFILE_RELEASE_DEBUG", "line-tables-only").current_dir(crate::root()?);
    let ended = finish("cargo build", &mut command, BUILD_LIMIT)?;
    ensure!(ended.success(), "the release build failed");
    let target: &Path = &tools::folder()?;
    let executable = target.with_file_name("release").join("florin");
    ensure!(executable.is_file(), "{} was not built", executable.display());
    executable.canonicalize().context("the release executable")
}

fn finish(name: &str, command: &mut Command, limit: Duration) -> Result<ExitStatus> {
    Running::start(name, command)?.finish_within(limit)
}
