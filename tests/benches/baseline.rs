//! The baseline of the whole bank: `cargo xtask bench` sets the servers up and runs it.
//!
//! Each round starts with pgbench's TPC-B on the same PostgreSQL, then loads a distributed
//! and an embedded bank, each new, by `florin bench`, which proves the bank after each run.
//! Told are the medians of the rounds and their ratios to pgbench in the same round.

#![allow(clippy::print_stderr, reason = "a program whose output is read by people")]

#[path = "baseline/cases.rs"]
mod cases;
#[path = "baseline/medians.rs"]
mod medians;
#[path = "baseline/memory.rs"]
mod memory;
#[path = "baseline/postgres.rs"]
mod postgres;

use std::{collections::BTreeMap, process::ExitCode};

use anyhow::{Context as _, Result};
use florin_testkit::{Bank, bank::Mode};
use serde_json::{Value, json};

use crate::postgres::Postgres;

/// Where `cargo xtask bench` puts the options.
const OPTIONS: &str = "FLORIN_BENCH";

#[tokio::main]
async fn main() -> ExitCode {
    let Some(options) = florin_testkit::setting(OPTIONS) else {
        println!("skipped: {OPTIONS} is not set; `cargo xtask bench` sets it");
        return ExitCode::SUCCESS;
    };
    match run(&options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("baseline: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// What `cargo xtask bench` was asked for.
struct Options(Value);

impl Options {
    fn number(&self, name: &str) -> Result<u64> {
        self.0.get(name).and_then(Value::as_u64).with_context(|| format!("no option {name}"))
    }

    /// Whether this is among what was asked for.
    fn wants(&self, name: &str, text: &str) -> bool {
        self.0.get(name).and_then(Value::as_str).is_none_or(|wanted| text.contains(wanted))
    }
}

async fn run(options: &str) -> Result<()> {
    let options = Options(serde_json::from_str(options)?);
    if let Ok(transfers) = options.number("transfers") {
        let figures = memory::after(&options, transfers).await?;
        println!("{figures}");
        return Ok(());
    }
    let postgres = Postgres::find(&options.0)?;
    postgres.prepare(options.number("pgbench_scale")?)?;
    let mut rounds = Vec::new();
    for round in 1..=options.number("rounds")? {
        eprintln!("round {round}");
        rounds.push(one_round(&options, &postgres).await?);
    }
    let medians = medians::of(&rounds);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let told = json!({
        "options": options.0, "cores": cores, "postgres": postgres.settings()?,
        "medians": medians, "rounds": rounds,
    });
    medians::print(&told);
    println!("{told}");
    Ok(())
}

/// Everything once: pgbench, then each mode on a new bank.
async fn one_round(options: &Options, postgres: &Postgres) -> Result<Value> {
    let seconds = options.number("seconds")?;
    let pgbench = postgres.pgbench(options.number("pgbench_clients")?, seconds)?;
    eprintln!("  pgbench {pgbench} a second");
    let mut runs = Vec::new();
    for mode in [Mode::Distributed, Mode::Embedded] {
        if !options.wants("mode", cases::mode(mode)) {
            continue;
        }
        let bank = match mode {
            Mode::Distributed => Bank::distributed().await?.context("no servers")?,
            Mode::Embedded => Bank::embedded().await?,
        };
        runs.extend(all_cases(options, &bank).await?);
        drop(bank);
        if mode == Mode::Distributed {
            postgres.drop_schemas()?;
        }
    }
    Ok(json!({"pgbench_per_second": pgbench, "runs": runs}))
}

async fn all_cases(options: &Options, bank: &Bank) -> Result<Vec<Value>> {
    let idle = memory::resident_kib(bank)?;
    let entries = options.number("entries").unwrap_or(0);
    if entries > 0 {
        cases::fill(options, bank, entries).await?;
        eprintln!("  {:<12} {entries} entries in place, proof clean", cases::mode(bank.mode));
    }
    let mut runs = Vec::new();
    let mut reached = BTreeMap::new();
    for case in cases::CASES.iter().filter(|case| options.wants("case", case.name)) {
        // An open loop goes by another case, which may have been left out.
        let Some(rate) = case.rate(&reached) else { continue };
        let figures = case.run(options, bank, rate).await?;
        reached.insert(case.name, cases::per_second(&figures).unwrap_or(0));
        runs.push(json!({
            "mode": cases::mode(bank.mode), "case": case.name, "idle_kib": idle, "figures": figures,
            "resident_kib": memory::resident_kib(bank)?,
        }));
    }
    Ok(runs)
}
