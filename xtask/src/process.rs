//! Child processes that never outlive us: each leads a process group, every group is
//! ended when its guard drops and when a signal arrives.

use std::{
    collections::BTreeSet,
    os::unix::process::CommandExt,
    process::{Child, Command, ExitStatus},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};

/// Between two looks at a child.
const POLL: Duration = Duration::from_millis(20);
/// How long a child may take to end before it is killed.
const GRACE: Duration = Duration::from_secs(10);

static GROUPS: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// On SIGINT, SIGTERM or SIGHUP: ask every child to end; on the second signal kill it.
/// The main thread then sees its child end and leaves by the ordinary way.
pub fn end_children_on_signals() -> Result<()> {
    ctrlc::set_handler(|| {
        let again = INTERRUPTED.swap(true, Ordering::SeqCst);
        let signal = if again { Signal::KILL } else { Signal::TERM };
        let groups = GROUPS.lock().unwrap_or_else(PoisonError::into_inner);
        for group in groups.iter() {
            send(*group, signal);
        }
    })
    .context("cannot watch for signals")
}

/// Whether a signal asked us to end.
pub fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::SeqCst)
}

/// Sleeps one polling interval; an error when a signal has arrived.
pub fn pause() -> Result<()> {
    if interrupted() {
        bail!("interrupted");
    }
    thread::sleep(POLL);
    Ok(())
}

/// A running child and the group it leads; dropping ends both.
pub struct Running {
    /// The process itself, for its pipes.
    pub child: Child,
    name: String,
    group: i32,
    ended: Option<ExitStatus>,
    stop_signal: Signal,
}

impl Running {
    /// Starts the command as the leader of a new process group.
    pub fn start(name: &str, command: &mut Command) -> Result<Self> {
        if interrupted() {
            bail!("interrupted");
        }
        // Held over the spawn, so that a signal finds the new group.
        let mut groups = GROUPS.lock().unwrap_or_else(PoisonError::into_inner);
        let child =
            command.process_group(0).spawn().with_context(|| format!("cannot start {name}"))?;
        let group = i32::try_from(child.id()).context("process id beyond i32")?;
        groups.insert(group);
        Ok(Self { child, name: name.to_owned(), group, ended: None, stop_signal: Signal::TERM })
    }

    /// Ends with SIGQUIT: PostgreSQL's immediate shutdown, right for scratch data.
    #[must_use]
    pub fn stopped_by_quit(mut self) -> Self {
        self.stop_signal = Signal::QUIT;
        self
    }

    /// How the child ended, if it has.
    pub fn try_status(&mut self) -> Result<Option<ExitStatus>> {
        if self.ended.is_none() {
            let status = self.child.try_wait();
            self.ended = status.with_context(|| format!("cannot wait for {}", self.name))?;
            if self.ended.is_some() {
                GROUPS.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.group);
            }
        }
        Ok(self.ended)
    }

    /// Waits for the child's own end, and ends it when `limit` has passed.
    pub fn finish_within(mut self, limit: Duration) -> Result<ExitStatus> {
        let started = Instant::now();
        loop {
            if let Some(status) = self.try_status()? {
                return Ok(status);
            }
            if started.elapsed() > limit {
                bail!("{} ran longer than {} s and was ended", self.name, limit.as_secs());
            }
            pause()?;
        }
    }

    fn stop(&mut self) -> Result<()> {
        send(self.group, self.stop_signal);
        let asked = Instant::now();
        let mut killed = false;
        while self.try_status()?.is_none() {
            if asked.elapsed() > GRACE && !killed {
                send(self.group, Signal::KILL);
                killed = true;
            }
            if asked.elapsed() > 2 * GRACE {
                bail!("it does not even end by SIGKILL");
            }
            thread::sleep(POLL);
        }
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.ended.is_none()
            && let Err(error) = self.stop()
        {
            eprintln!("xtask: {} may still run as {}: {error:#}", self.name, self.group);
        }
    }
}

fn send(group: i32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(group) {
        // A group that is gone already is what we wanted.
        let _gone = kill_process_group(pid, signal);
    }
}

/// What a finished command printed on stdout; an error carries its stderr.
pub fn output(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("cannot run {name}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{name} ended with {}: {}", output.status, said.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_a_child_that_is_dropped() {
        let running = Running::start("sleep", Command::new("sleep").arg("600")).unwrap();
        let pid = Pid::from_raw(running.group).unwrap();
        drop(running);
        assert!(rustix::process::test_kill_process(pid).is_err());
    }

    #[test]
    fn ends_a_child_that_is_late() {
        let running = Running::start("sleep", Command::new("sleep").arg("600")).unwrap();
        let error = running.finish_within(Duration::from_millis(50)).unwrap_err();
        assert_eq!(error.to_string(), "sleep ran longer than 0 s and was ended");
    }

    #[test]
    fn a_failed_command_names_its_complaint() {
        let error = output(Command::new("sh").args(["-c", "echo no disk >&2; exit 3"]));
        assert!(error.unwrap_err().to_string().ends_with("no disk"));
    }
}
