//! The limits of a call stack.

use std::time::Duration;

use serde::Deserialize;

/// Limits of the calls to one dependency.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StackLimits {
    /// How long a call may take where its context has no deadline.
    pub default_deadline: Duration,
    /// Calls under way at a time. So few that a call's time is the time of the dependency and
    /// not of a queue inside it: 256 calls at 1,000 a second take a quarter of a second, far
    /// from `slow_from`. Others wait their turn here.
    pub permits: usize,
    /// Calls under way at a time that ask the dependency to wait (`Prefer: wait`): many more,
    /// since most of them only stand there.
    pub patient_permits: usize,
    /// Calls that wait for a permit at a time; the next is refused as OVERLOADED.
    pub waiting: usize,
    /// The least time for which a call waits for a permit before it is refused as OVERLOADED.
    /// It waits longer, until its deadline less `slow_from` (and less its own `Prefer: wait`),
    /// where that is later.
    pub permit_wait: Duration,
    /// Attempts at a read or a keyed write, the first included.
    pub attempts: u32,
    /// Longest pause before the second attempt; it doubles from attempt to attempt.
    pub backoff: Duration,
    /// Longest pause before any attempt.
    pub backoff_most: Duration,
    /// When calls are refused without being made.
    pub breaker: BreakerLimits,
}

impl Default for StackLimits {
    fn default() -> Self {
        Self {
            default_deadline: Duration::from_secs(5),
            permits: 256,
            patient_permits: 4_096,
            waiting: 4_096,
            permit_wait: Duration::from_millis(200),
            attempts: 3,
            backoff: Duration::from_millis(50),
            backoff_most: Duration::from_millis(500),
            breaker: BreakerLimits::default(),
        }
    }
}

/// When a breaker opens and closes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BreakerLimits {
    /// How far back outcomes count.
    pub window: Duration,
    /// Fewer calls than this in the window decide nothing.
    pub calls_at_least: u32,
    /// Opens from this percentage of failures on.
    pub failures_percent: u32,
    /// Opens from this percentage of slow calls on, those still under way included. The others
    /// under way count too, as not slow: with nothing but hanging calls, that come evenly, half
    /// of them are slow after twice `slow_from`.
    pub slow_percent: u32,
    /// A call is slow from this duration on.
    pub slow_from: Duration,
    /// How long it stays open before it lets probes through.
    pub open_for: Duration,
    /// Probes at a time, and how many must succeed before it closes.
    pub probes: u32,
}

impl Default for BreakerLimits {
    fn default() -> Self {
        Self {
            window: Duration::from_secs(10),
            calls_at_least: 20,
            failures_percent: 50,
            slow_percent: 50,
            slow_from: Duration::from_secs(3),
            open_for: Duration::from_secs(1),
            probes: 3,
        }
    }
}
