//! Whether this replica can take calls: its pools, its certificate, its shutdown. Shared
//! dependencies and lag never count here: they would switch the whole bank off at once.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// Bad checks in a row until a role counts as not ready.
const BAD_UNTIL_DOWN: u8 = 3;
/// Good checks in a row until it counts as ready again.
const GOOD_UNTIL_UP: u8 = 2;
/// How often a role is checked.
pub(crate) const CHECK_EVERY: Duration = Duration::from_secs(1);

/// The readiness of each role of the process. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Readiness(Arc<Mutex<BTreeMap<String, Standing>>>);

#[derive(Debug, Default)]
struct Standing {
    ready: bool,
    streak: u8,
    cause: String,
}

impl Readiness {
    /// Adds a role that is not ready yet.
    pub fn expect(&self, role: &str) {
        let starting = Standing { cause: "starting".to_owned(), ..Standing::default() };
        self.standings().insert(role.to_owned(), starting);
    }

    /// A role serves.
    pub fn up(&self, role: &str) {
        let standing = Standing { ready: true, ..Standing::default() };
        self.standings().insert(role.to_owned(), standing);
    }

    /// Notes a check; returns the readiness where it changed.
    pub fn note(&self, role: &str, check: Result<(), String>) -> Option<bool> {
        let mut standings = self.standings();
        let standing = standings.entry(role.to_owned()).or_default();
        let limit = if standing.ready { BAD_UNTIL_DOWN } else { GOOD_UNTIL_UP };
        if check.is_ok() == standing.ready {
            standing.streak = 0;
            return None;
        }
        standing.streak = standing.streak.saturating_add(1);
        if standing.streak < limit {
            return None;
        }
        *standing =
            Standing { ready: check.is_ok(), streak: 0, cause: check.err().unwrap_or_default() };
        Some(standing.ready)
    }

    /// Nothing more is taken: the process drains.
    pub fn drain(&self) {
        for standing in self.standings().values_mut() {
            standing.ready = false;
            "draining".clone_into(&mut standing.cause);
        }
    }

    /// The roles that are not ready, with the cause. Empty means ready.
    #[must_use]
    pub fn missing(&self) -> Vec<(String, String)> {
        let standings = self.standings();
        let missing = standings.iter().filter(|(_, standing)| !standing.ready);
        missing.map(|(role, standing)| (role.clone(), standing.cause.clone())).collect()
    }

    fn standings(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Standing>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bad_check_changes_nothing_and_three_in_a_row_do() {
        let readiness = Readiness::default();
        readiness.expect("cif");
        assert_eq!(readiness.missing(), [("cif".to_owned(), "starting".to_owned())]);
        readiness.up("cif");
        let bad = || Err("pool".to_owned());
        assert_eq!(readiness.note("cif", bad()), None);
        assert_eq!(readiness.note("cif", bad()), None);
        assert_eq!(readiness.note("cif", Ok(())), None);
        assert_eq!(
            [bad(), bad(), bad()].map(|bad| readiness.note("cif", bad)),
            [None, None, Some(false)]
        );
        assert_eq!(readiness.missing(), [("cif".to_owned(), "pool".to_owned())]);
        assert_eq!(readiness.note("cif", Ok(())), None);
        assert_eq!(readiness.note("cif", Ok(())), Some(true));
        assert!(readiness.missing().is_empty());
        readiness.drain();
        assert!(!readiness.missing().is_empty());
    }
}
