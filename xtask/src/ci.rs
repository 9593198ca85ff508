//! `cargo xtask ci`: the steps, one after the other, each named and timed.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use anyhow::Result;
use clap::{Args, ValueEnum};

use crate::{count::Count, golden, process::Running, room, tests_step, tidy, tools};

/// One step may take this long; the tests have a limit of their own.
pub const STEP_LIMIT: Duration = Duration::from_secs(20 * 60);

/// What to run.
#[derive(Args)]
pub struct Options {
    /// Run this step only; may be given several times.
    #[arg(long, value_name = "STEP", value_enum)]
    only: Vec<Step>,
    /// Go on after a step that failed.
    #[arg(long)]
    keep_going: bool,
    /// Print each test, not only those that fail.
    #[arg(long, short)]
    pub verbose: bool,
    /// Further arguments for `cargo test`, after `--`.
    #[arg(last = true)]
    pub cargo: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Step {
    /// `cargo fmt --check`
    Fmt,
    /// Imports, dependencies, lengths, names, documentation, the roles' artefacts.
    Tidy,
    /// `buf lint` of the contract, and `buf breaking` against its image.
    Proto,
    /// `cargo clippy`, warnings are errors.
    Clippy,
    /// Every test, on PostgreSQL and NATS of our own.
    Test,
}

/// The quick ones first.
const STEPS: [Step; 5] = [Step::Fmt, Step::Tidy, Step::Proto, Step::Clippy, Step::Test];

impl Step {
    const fn name(self) -> &'static str {
        match self {
            Self::Fmt => "fmt",
            Self::Tidy => "tidy",
            Self::Proto => "proto",
            Self::Clippy => "clippy",
            Self::Test => "test",
        }
    }

    fn run(self, options: &Options) -> Result<Count> {
        match self {
            Self::Fmt => cargo(&["fmt", "--all", "--check"]),
            Self::Tidy => Ok(check(tidy::run()?)),
            Self::Proto => check_contract(),
            Self::Clippy => {
                let scope = ["clippy", "--workspace", "--all-targets", "--locked", "--quiet"];
                cargo(&[&scope[..], &["--", "-D", "warnings"]].concat())
            }
            Self::Test => tests_step::run(options),
        }
    }
}

/// Runs the steps; false when any failed. The last line counts tests and checks together.
pub fn run(options: &Options) -> Result<bool> {
    let mut total = Count::default();
    let mut report = Vec::new();
    // A machine without df runs its tests all the same.
    if let Err(error) = room::tell() {
        println!("        room            {error:#}");
    }
    for step in STEPS.into_iter().filter(|s| options.only.is_empty() || options.only.contains(s)) {
        println!("==== {}", step.name());
        let started = Instant::now();
        let count = step.run(options).unwrap_or_else(|error| {
            println!("  {error:#}");
            Count::FAILED
        });
        let line = verdict(step, count, started.elapsed());
        println!("{line}\n");
        report.push(line);
        total.add(count);
        if crate::process::interrupted() || (count.failed > 0 && !options.keep_going) {
            break;
        }
    }
    if report.len() > 1 {
        println!("{}", report.join("\n"));
    }
    println!("{total}");
    Ok(total.failed == 0)
}

fn verdict(step: Step, count: Count, took: Duration) -> String {
    let word = if count.failed > 0 {
        "FAILED"
    } else if count.passed == 0 {
        "skipped"
    } else {
        "ok"
    };
    let tests = if step == Step::Test { format!("   {count}") } else { String::new() };
    let (seconds, tenths) = (took.as_secs(), took.subsec_millis() / 100);
    format!("---- {:<8}{word:<8}{seconds:>5}.{tenths} s{tests}", step.name())
}

fn check(passed: bool) -> Count {
    if passed { Count::PASSED } else { Count::FAILED }
}

fn cargo(arguments: &[&str]) -> Result<Count> {
    let mut command = Command::new("cargo");
    command.args(arguments).current_dir(crate::root()?);
    let cargo = Running::start("cargo", &mut command)?;
    Ok(check(cargo.finish_within(STEP_LIMIT)?.success()))
}

fn check_contract() -> Result<Count> {
    let buf = match tools::buf::find() {
        Ok(buf) => buf,
        Err(reason) => {
            println!("  skipped: {reason:#}");
            return Ok(Count::SKIPPED);
        }
    };
    let mut total = Count::default();
    for arguments in [&["lint"][..], &["breaking", "--against", golden::IMAGE]] {
        let mut command = Command::new(&buf);
        command.args(arguments).current_dir(crate::root()?);
        let running = Running::start("buf", &mut command)?;
        total.add(check(running.finish_within(STEP_LIMIT)?.success()));
    }
    Ok(total)
}
