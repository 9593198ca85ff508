//! A child process with its log; dropping it ends it.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};

/// How long a process may take to end after SIGTERM.
const STOP: Duration = Duration::from_secs(30);

/// A running child.
#[derive(Debug)]
pub struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts a command that prints into a log file, appended to.
    pub fn spawn(mut command: Command, log: &Path) -> Result<Self> {
        let file = File::options().create(true).append(true).open(log)?;
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let child = command.spawn().with_context(|| format!("{command:?}"))?;
        Ok(Self { child, log: log.to_owned() })
    }

    /// The exit code where it has ended.
    pub fn exited(&mut self) -> Result<Option<Option<i32>>> {
        Ok(self.child.try_wait()?.map(|status| status.code()))
    }

    /// Kills it and waits for its end.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Sends a signal by its name: "HUP".
    pub fn signal(&self, name: &str) -> Result<()> {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &pid]).status()?;
        ensure!(sent.success(), "process {pid} takes no signal");
        Ok(())
    }

    /// Sends SIGTERM and waits.
    pub async fn terminate(&mut self) -> Result<Option<i32>> {
        self.signal("TERM")?;
        let until = Instant::now() + STOP;
        while Instant::now() < until {
            if let Some(code) = self.exited()? {
                return Ok(code);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        bail!("process {} did not stop:\n{}", self.child.id(), self.log())
    }

    /// Its id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has printed.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Resident memory in KiB (Linux).
    pub fn resident_kib(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.and_then(|line| line.split_whitespace().next());
        Ok(number.context("no VmRSS")?.parse()?)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Environment variable with the executable that the test run has built.
const EXECUTABLE: &str = "FLORIN_TEST_EXECUTABLE";

/// The executable of this workspace: the one that the test run names, else built here.
///
/// # Errors
/// It does not build.
pub fn executable() -> Result<PathBuf> {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let built = BUILT.get_or_init(|| build().map_err(|error| format!("{error:#}")));
    built.clone().map_err(anyhow::Error::msg)
}

fn build() -> Result<PathBuf> {
    if let Some(built) = crate::setting(EXECUTABLE).map(PathBuf::from) {
        ensure!(built.is_file(), "{EXECUTABLE} names {}, which is not there", built.display());
        return Ok(built);
    }
    let mut command = Command::new("cargo");
    command.args(["build", "--quiet", "--locked", "--package", "florin", "--bin", "florin"]);
    command.current_dir(crate::repository());
    let output = command.output().context("cargo")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // target/debug/deps/it-0123 -> target/debug/florin
    let test = std::env::current_exe()?;
    let folder = test.ancestors().nth(2).context("the test runs outside of a target folder")?;
    let found = folder.join("florin");
    ensure!(found.is_file(), "{} was not built", found.display());
    Ok(found)
}
