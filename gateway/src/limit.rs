//! Rate limits a client and a subject, by governor's cells.

use std::{
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use governor::{
    DefaultKeyedRateLimiter, Quota, RateLimiter,
    clock::{Clock as _, DefaultClock},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A rate with a burst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Rate {
    /// Requests a second.
    pub per_second: NonZeroU32,
    /// Requests at once.
    pub burst: NonZeroU32,
}

impl Default for Rate {
    fn default() -> Self {
        Self::of(200, 400)
    }
}

impl Rate {
    /// A rate; zeros count as one.
    #[must_use]
    pub fn of(per_second: u32, burst: u32) -> Self {
        let at_least_one = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        Self { per_second: at_least_one(per_second), burst: at_least_one(burst) }
    }
}

/// One limiter, keyed by text.
#[derive(Debug, Clone)]
pub struct Limit {
    cells: Arc<DefaultKeyedRateLimiter<String>>,
    clock: DefaultClock,
    taken: Arc<AtomicUsize>,
}

/// After so many requests, cells that have gone idle are dropped.
const REQUESTS_BETWEEN_SWEEPS: usize = 8_192;

impl Limit {
    /// A limiter of this rate.
    #[must_use]
    pub fn new(rate: Rate) -> Self {
        let quota = Quota::per_second(rate.per_second).allow_burst(rate.burst);
        Self {
            cells: Arc::new(RateLimiter::keyed(quota)),
            clock: DefaultClock::default(),
            taken: Arc::default(),
        }
    }

    /// Takes one request of the key's rate.
    ///
    /// # Errors
    /// How long to wait, where the rate is used up.
    pub fn take(&self, key: &str) -> Result<(), Duration> {
        let outcome = self.cells.check_key(&key.to_owned());
        let taken = self.taken.fetch_add(1, Ordering::Relaxed);
        if taken.is_multiple_of(REQUESTS_BETWEEN_SWEEPS) {
            self.cells.retain_recent();
            self.cells.shrink_to_fit();
        }
        outcome.map_err(|refused| refused.wait_time_from(self.clock.now()))
    }
}
