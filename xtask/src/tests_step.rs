//! The step that runs every test: `cargo test`, read line by line and added up.
//!
//! A test that fails runs again, alone and twice; one that passes both times is told as
//! UNSTEADY. `docs/testing.md` says which tests have no second try.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{BufRead, BufReader, Read, Write},
    process::{Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

use crate::{
    ci::Options,
    count::{Count, Line, read},
    process::{Running, interrupted},
    servers::Servers,
    tools,
};

/// Everything is to be through in 30 minutes from a cold start.
const LIMIT: Duration = Duration::from_secs(28 * 60);
/// Lines read ahead of us.
const LINES_AHEAD: usize = 1024;

/// Modules of tests without a second try: where money is lost or doubled by chance, the chance
/// is the finding.
const ONE_TRY: [&str; 5] = ["crash::", "killed_day::", "proof::", "races::", "reference_model::"];
/// More failures than these are no chance.
const SECOND_TRIES: usize = 3;

/// Starts the servers, runs the tests on them and counts.
pub fn run(options: &Options) -> Result<Count> {
    let servers = Servers::start()?;
    let log_path = tools::folder()?.with_file_name("xtask-tests.log");
    println!("        whole output    {}", log_path.display());
    let mut tally = Tally::new(File::create(&log_path)?, options.verbose);
    let success = cargo_test(options, &servers, &[], &mut tally)?;
    let mut count = tally.close(success);
    let Some(tests) = tally.second_try() else { return Ok(count) };
    for turn in ["second", "third"] {
        println!("        a {turn} time     {}", tests.join(" "));
        let mut again = Tally::new(tally.log.try_clone()?, options.verbose);
        let success = cargo_test(options, &servers, &tests, &mut again)?;
        if again.close(success).failed > 0 {
            return Ok(count);
        }
    }
    for test in &tests {
        println!("  UNSTEADY  {test}: failed at first, passed twice alone");
    }
    count.steady(u64::try_from(tests.len())?);
    Ok(count)
}

/// Runs the tests, or those of these names; whether cargo was content.
fn cargo_test(
    options: &Options,
    servers: &Servers,
    names: &[String],
    tally: &mut Tally,
) -> Result<bool> {
    let mut command = Command::new("cargo");
    command.args(["test", "--locked", "--no-fail-fast"]);
    // `-- -p florin-account` narrows the tests down; cargo would let --workspace win.
    if !options.cargo.iter().any(|argument| argument == "-p" || argument == "--package") {
        command.arg("--workspace");
        // Built with the tests of its own package; a build for the stories would select
        // other features and compile the dependencies once more.
        let built = tools::folder()?.with_file_name("debug").join("florin");
        command.env("FLORIN_TEST_EXECUTABLE", built);
    }
    command.args(&options.cargo);
    if !names.is_empty() {
        command.args(["--tests", "--", "--exact"]).args(names);
    }
    command.envs(servers.exports.iter().map(|(name, value)| (name, value)));
    command.envs(tools::strangers::exports());
    command.current_dir(crate::root()?);
    // One pipe for both, so that the line that starts a binary never overtakes the result of
    // the one before.
    let (output, both) = std::io::pipe()?;
    command.stdin(Stdio::null()).stdout(both.try_clone()?).stderr(both);
    let cargo = Running::start("cargo test", &mut command)?;
    drop(command);

    let (sender, lines) = sync_channel(LINES_AHEAD);
    forward(output, sender);
    follow(&lines, tally)?;
    Ok(cargo.finish_within(Duration::from_secs(10))?.success())
}

fn forward(source: impl Read + Send + 'static, lines: SyncSender<String>) {
    thread::spawn(move || {
        let mut source = BufReader::new(source);
        let mut line = Vec::new();
        while source.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            if lines.send(text).is_err() {
                return;
            }
            line.clear();
        }
    });
}

fn follow(lines: &Receiver<String>, tally: &mut Tally) -> Result<()> {
    let started = Instant::now();
    loop {
        match lines.recv_timeout(Duration::from_millis(200)) {
            Ok(line) => tally.take(&line)?,
            Err(RecvTimeoutError::Disconnected) if !interrupted() => return Ok(()),
            Err(RecvTimeoutError::Disconnected) => {}
            Err(RecvTimeoutError::Timeout) => {}
        }
        if interrupted() {
            bail!("interrupted");
        }
        if started.elapsed() > LIMIT {
            bail!("the tests ran longer than {} minutes and were ended", LIMIT.as_secs() / 60);
        }
    }
}

/// What the tests did so far.
struct Tally {
    log: File,
    verbose: bool,
    total: Count,
    binary: String,
    /// The binary that started and has not given its result.
    open: bool,
    failures: Vec<String>,
    /// The names of the tests that failed, without their binaries.
    names: Vec<String>,
    /// The tests of this binary that say that they do not run.
    skipped: BTreeSet<String>,
}

impl Tally {
    fn new(log: File, verbose: bool) -> Self {
        let (total, binary) = (Count::default(), String::new());
        let (failures, names) = (Vec::new(), Vec::new());
        let skipped = BTreeSet::new();
        Self { log, verbose, total, binary, open: false, failures, names, skipped }
    }

    fn take(&mut self, line: &str) -> Result<()> {
        writeln!(self.log, "{line}")?;
        match read(line) {
            Line::Starts(binary) => {
                self.close_binary();
                self.binary = binary;
                self.open = true;
            }
            Line::Quiet if self.verbose => println!("{line}"),
            Line::Quiet => {}
            Line::Failed(test) => {
                println!("{line}");
                self.failures.push(format!("{}: {test}", self.binary));
                self.names.push(test.to_owned());
            }
            // A test may say it of several things; it is one test.
            Line::Skips(test) => {
                println!("  {}", line.trim());
                self.skipped.insert(test.to_owned());
            }
            Line::Result(count, took) => self.result(count, took),
            Line::Text => println!("{line}"),
        }
        Ok(())
    }

    fn result(&mut self, mut count: Count, took: &str) {
        self.open = false;
        let skipped = std::mem::take(&mut self.skipped);
        count.skip(u64::try_from(skipped.len()).unwrap_or(u64::MAX));
        self.total.add(count);
        if count == Count::default() {
            return;
        }
        let word = if count.failed > 0 { "FAILED" } else { "ok" };
        println!("  {word:<6}  {count}  {took:>8}  {}", self.binary);
    }

    /// A binary without a result line died: a crash is a failure too.
    fn close_binary(&mut self) {
        if self.open {
            self.total.add(Count::FAILED);
            self.failures.push(format!("{}: ended without a result", self.binary));
            self.open = false;
        }
    }

    fn close(&mut self, success: bool) -> Count {
        self.close_binary();
        if !success && self.total.failed == 0 {
            self.total.add(Count::FAILED);
            self.failures.push("cargo test: the tests do not build".to_owned());
        }
        for failure in &self.failures {
            println!("  FAILED  {failure}");
        }
        self.total
    }

    /// The tests that failed, where each of them may have a second try.
    fn second_try(&self) -> Option<Vec<String>> {
        let few = (1..=SECOND_TRIES).contains(&self.failures.len());
        // A binary that crashed, or that did not build, left a failure without a name.
        let named = self.names.len() == self.failures.len();
        let one_try = |name: &String| ONE_TRY.iter().any(|module| name.contains(module));
        (few && named && !self.names.iter().any(one_try)).then(|| self.names.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally_of(lines: &[&str], success: bool) -> Count {
        let mut tally = Tally::new(tempfile::tempfile().unwrap(), false);
        for line in lines {
            tally.take(line).unwrap();
        }
        tally.close(success)
    }

    #[test]
    fn adds_up_all_binaries() {
        let result = "test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out";
        let lines = ["Running a (b-1)", result, "Running c (d-2)", result];
        assert_eq!(tally_of(&lines, true), Count { passed: 4, failed: 0, skipped: 2, unsteady: 0 });
    }

    #[test]
    fn a_test_that_passes_because_it_does_not_run_is_skipped() {
        let result = "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out";
        let says = "skipped test a::b: the folder is not there";
        let lines = ["Running a (b-1)", says, says, "test a::b ... ok", result];
        assert_eq!(tally_of(&lines, true), Count { passed: 2, failed: 0, skipped: 2, unsteady: 0 });
        // The next binary begins anew.
        let next = ["Running c (d-2)", result];
        let both = [&lines[..], &next].concat();
        assert_eq!(tally_of(&both, true), Count { passed: 5, failed: 0, skipped: 3, unsteady: 0 });
    }

    #[test]
    fn a_binary_that_crashes_is_a_failure() {
        let count = tally_of(&["Running a (b-1)", "signal: 6, SIGABRT"], false);
        assert_eq!(count, Count::FAILED);
    }

    #[test]
    fn a_few_failures_have_a_second_try_and_those_about_money_have_none() {
        let tried = |lines: &[&str]| {
            let mut tally = Tally::new(tempfile::tempfile().unwrap(), false);
            tally.take("Running a (b-1)").unwrap();
            lines.iter().for_each(|line| tally.take(line).unwrap());
            tally.close(false);
            tally.second_try()
        };
        let result = "test result: FAILED. 0 passed; 1 failed; 0 ignored";
        assert_eq!(tried(&["test deadline::a ... FAILED", result]).unwrap(), ["deadline::a"]);
        assert_eq!(tried(&["test crash::a ... FAILED", result]), None);
        // It crashed after the failure; and the four are no chance.
        assert_eq!(tried(&["test deadline::a ... FAILED"]), None);
        assert_eq!(tried(&[&["test deadline::a ... FAILED"; 4][..], &[result]].concat()), None);
        assert_eq!(tried(&[result]), None);
    }

    #[test]
    fn tests_that_do_not_build_are_a_failure() {
        assert_eq!(tally_of(&["error[E0308]: mismatched types"], false), Count::FAILED);
    }
}
