//! A bank of its own for each test: `florin up` on a scratch folder.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// How long a bank may take to end after a signal.
const DRAIN: Duration = Duration::from_secs(60);

/// A scratch folder with a bank's data in it.
pub struct Folder(TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn data(&self) -> PathBuf {
        self.0.path().join("data")
    }

    /// Writes a file beside the data.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Runs a command to its end, on the data of this folder.
    pub fn florin(&self, words: &[&str]) -> Ended {
        let mut command = florin();
        command.args(words).arg("--data").arg(self.data()).current_dir(self.path());
        Ended::of(command.output().unwrap())
    }

    /// Starts the bank and waits until it is ready; returns what it had said by then.
    pub fn up(&self, words: &[&str]) -> (Bank, String) {
        let mut command = florin();
        command.arg("up").arg("--data").arg(self.data()).args(words).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut said = String::new();
        while !said.contains("serving until Ctrl-C") {
            let before = said.len();
            lines.read_line(&mut said).unwrap();
            assert!(said.len() > before, "the bank ended before it was ready:\n{said}");
        }
        (Bank { child, lines }, said)
    }
}

/// A command that ran to its end.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    fn of(output: Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            code: output.status.code(),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }
}

/// A running bank; killed where a test does not stop it.
pub struct Bank {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Bank {
    /// Ctrl-C, and how it ended.
    pub fn stop(mut self) -> ExitStatus {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, Signal::INT).unwrap();
        let began = Instant::now();
        let mut rest = String::new();
        self.lines.read_to_string(&mut rest).unwrap();
        let status = self.child.wait().unwrap();
        assert!(began.elapsed() < DRAIN, "the drain has a bound");
        status
    }

    /// kill -9.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Bank {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|status| status.is_none()) {
            drop(self.child.kill());
            drop(self.child.wait());
        }
    }
}

/// The executable under test, deaf to the settings of whoever runs the tests.
pub fn florin() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_florin"));
    command.env_remove("FLORIN_TOKEN");
    command
}
