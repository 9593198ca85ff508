//! Memory and processor time of the mesh's processes, each with what it has started, where they run on this machine and it
//! has a Linux /proc.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use serde::Serialize;

use crate::{cli::WhereArgs, up::lock};

/// Processor time in /proc is counted in hundredths of a second on every Linux.
const TICK_MILLIS: u64 = 10;

/// The processes that are measured.
pub struct Processes(Vec<u32>);

/// What a process has at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    pid: u32,
    name: String,
    resident_kib: u64,
    peak_kib: u64,
    cpu_millis: u64,
}

/// What a run did to a process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The process.
    pub pid: u32,
    /// Its name.
    pub name: String,
    /// Resident memory before the load, in KiB.
    pub before_kib: u64,
    /// At the end of the load.
    pub loaded_kib: u64,
    /// When all transfers had ended and been read.
    pub after_kib: u64,
    /// The most since the process began.
    pub peak_kib: u64,
    /// Processor time during the load, in milliseconds.
    pub cpu_millis: u64,
}

impl Processes {
    /// Those that were named, else the one that has the lock of the data folder.
    pub fn find(named: &[u32], place: &WhereArgs) -> Self {
        if !named.is_empty() {
            return Self(named.to_vec());
        }
        if place.config.is_some() {
            return Self(Vec::new());
        }
        Self(holder(&lock::file(&place.data)).into_iter().collect())
    }

    /// What they have now; one that is gone is left out.
    pub fn look(&self) -> Vec<Look> {
        let parents = parents();
        self.0.iter().filter_map(|pid| with_children(*pid, &parents)).collect()
    }
}

/// The process that has a file open and locked.
fn holder(file: &Path) -> Option<u32> {
    let file = file.canonicalize().ok()?;
    let locks = fs::read_to_string("/proc/locks").ok()?;
    let lockers: BTreeSet<u32> = locks.lines().filter_map(locker).collect();
    lockers.into_iter().find(|pid| has_open(*pid, &file))
}

/// `1: FLOCK  ADVISORY  WRITE 4711 fe:00:1234 0 EOF` is of 4711.
fn locker(line: &str) -> Option<u32> {
    let mut words = line.split_whitespace();
    let exclusive = words.any(|word| word == "WRITE");
    exclusive.then(|| words.next()?.parse().ok()).flatten()
}

fn has_open(pid: u32, file: &Path) -> bool {
    let Ok(open) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    let mut open = open.flatten().filter_map(|one| fs::read_link(one.path()).ok());
    open.any(|one: PathBuf| one == file)
}

/// Parent of each process.
fn parents() -> BTreeMap<u32, u32> {
    let Ok(all) = fs::read_dir("/proc") else { return BTreeMap::new() };
    let pids = all.flatten().filter_map(|one| one.file_name().to_str()?.parse::<u32>().ok());
    let parent = |pid: u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (_, fields) = stat.rsplit_once(')')?;
        Some((pid, fields.split_whitespace().nth(1)?.parse().ok()?))
    };
    pids.filter_map(parent).collect()
}

/// A process with all that descend from it: a PostgreSQL is a process a connection. Memory that
/// they share is counted with the first alone.
fn with_children(pid: u32, parents: &BTreeMap<u32, u32>) -> Option<Look> {
    let mut whole = look(pid)?;
    let mut family = vec![pid];
    while let Some(parent) = family.pop() {
        for (child, _) in parents.iter().filter(|(_, of)| **of == parent) {
            family.push(*child);
            if let Some(one) = look(*child) {
                whole.cpu_millis = whole.cpu_millis.saturating_add(one.cpu_millis);
            }
        }
    }
    Some(whole)
}

fn look(pid: u32) -> Option<Look> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(Look {
        pid,
        name: fs::read_to_string(format!("/proc/{pid}/comm")).ok()?.trim().to_owned(),
        resident_kib: kib(&status, "VmRSS:")?,
        peak_kib: kib(&status, "VmHWM:")?,
        cpu_millis: cpu_millis(&stat)?,
    })
}

fn kib(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Fields 14 and 15 of proc(5), counted behind the name, which may hold anything.
fn cpu_millis(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<u64>);
    let (user, system) = (ticks.next()?.ok()?, ticks.next()?.ok()?);
    user.checked_add(system)?.checked_mul(TICK_MILLIS)
}

/// What happened between the looks.
pub fn changes(before: &[Look], loaded: &[Look], after: &[Look]) -> Vec<Change> {
    let of = |looks: &[Look], pid: u32| looks.iter().find(|look| look.pid == pid).cloned();
    let change = |before: &Look| {
        let (loaded, after) = (of(loaded, before.pid)?, of(after, before.pid)?);
        Some(Change {
            pid: before.pid,
            name: before.name.clone(),
            before_kib: before.resident_kib,
            loaded_kib: loaded.resident_kib,
            after_kib: after.resident_kib,
            peak_kib: after.peak_kib,
            cpu_millis: loaded.cpu_millis.saturating_sub(before.cpu_millis),
        })
    };
    before.iter().filter_map(change).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_linux_writes() {
        let line = "12: FLOCK  ADVISORY  WRITE 4711 fe:00:1234 0 EOF";
        assert_eq!(locker(line), Some(4711));
        assert_eq!(locker("13: FLOCK  ADVISORY  READ 4711 fe:00:1234 0 EOF"), None);
        assert_eq!(kib("Name:\tx\nVmHWM:\t  20 kB\nVmRSS:\t  12 kB\n", "VmRSS:"), Some(12));
        let stat = "7 (a) b) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0 1 0 100 0 0";
        assert_eq!(cpu_millis(stat), Some(3_000));
    }
}
