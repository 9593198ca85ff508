//! The step that runs every test: `cargo test`, read line by line and added up.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Read, Write},
    process::{Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

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

/// Starts the servers, runs the tests on them and counts.
pub fn run(options: &Options) -> Result<Count> {
    let servers = Servers::start()?;
    let log_path = tools::folder()?.with_file_name("xtask-tests.log");
    println!("        whole output    {}", log_path.display());
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
    let mut tally = Tally::new(File::create(&log_path)?, options.verbose);
    follow(&lines, &mut tally)?;
    let status = cargo.finish_within(Duration::from_secs(10))?;
    fs::metadata(&log_path).context("the log of the tests is gone")?;
    Ok(tally.close(status.success()))
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
}

impl Tally {
    fn new(log: File, verbose: bool) -> Self {
        let (total, binary) = (Count::default(), String::new());
        Self { log, verbose, total, binary, open: false, failures: Vec::new() }
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
            }
            Line::Result(count, took) => self.result(count, took),
            Line::Text => println!("{line}"),
        }
        Ok(())
    }

    fn result(&mut self, count: Count, took: &str) {
        self.open = false;
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

    fn close(mut self, success: bool) -> Count {
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
        assert_eq!(tally_of(&lines, true), Count { passed: 4, failed: 0, skipped: 2 });
    }

    #[test]
    fn a_binary_that_crashes_is_a_failure() {
        let count = tally_of(&["Running a (b-1)", "signal: 6, SIGABRT"], false);
        assert_eq!(count, Count::FAILED);
    }

    #[test]
    fn tests_that_do_not_build_are_a_failure() {
        assert_eq!(tally_of(&["error[E0308]: mismatched types"], false), Count::FAILED);
    }
}
