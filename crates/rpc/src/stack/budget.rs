//! The retry budget: retries are at most a fifth of the calls, so that a failing
//! dependency is not drowned by its callers' second attempts.

use std::sync::atomic::{AtomicU32, Ordering};

/// A retry costs as much as this many calls deposit.
const COST: u32 = 5;

/// Saved up at most, and at the start: ten retries, for those who call rarely.
const MOST: u32 = 50;

/// What is left for retries.
pub struct RetryBudget(AtomicU32);

impl RetryBudget {
    /// A full one.
    pub const fn new() -> Self {
        Self(AtomicU32::new(MOST))
    }

    /// A call was made.
    pub fn deposit(&self) {
        let add = |held: u32| (held < MOST).then(|| held.saturating_add(1));
        // None: it is full already.
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }

    /// Whether a retry may be made; takes its cost.
    pub fn withdraw(&self) -> bool {
        let take = |held: u32| held.checked_sub(COST);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_are_at_most_a_fifth_of_the_calls_once_the_savings_are_gone() {
        let budget = RetryBudget::new();
        while budget.withdraw() {}
        let mut retries = 0;
        for _ in 0..1_000 {
            budget.deposit();
            retries += u32::from(budget.withdraw());
        }
        assert_eq!(retries, 200);
    }
}
