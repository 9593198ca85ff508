//! The breaker: opens on failures and on slow calls, those that still hang included
//! (waiting for hung calls to return before opening is resilience4j #1597); a probe that
//! is cancelled frees its place (a breaker stuck half-open is resilience4j #903).

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::BreakerLimits;

/// Parts of the window.
const BUCKETS: u32 = 10;

/// How a call ended, as far as it tells of the dependency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The dependency answered, whatever it said.
    Success,
    /// It could not answer.
    Failure,
    /// Says nothing, unless it was slow.
    Neutral,
}

/// Decides whether a dependency is worth a call.
pub struct Breaker {
    limits: BreakerLimits,
    state: Mutex<State>,
}

struct State {
    phase: Phase,
    /// Grows with each change of phase; tickets of an earlier one count for nothing.
    generation: u64,
    next_id: u64,
    /// Calls of this generation under way, and from when on their time counts.
    in_flight: BTreeMap<u64, Instant>,
    window: VecDeque<Bucket>,
}

enum Phase {
    Closed,
    Open { until: Instant },
    HalfOpen { passed: u32 },
}

struct Bucket {
    since: Instant,
    calls: u32,
    failures: u32,
    slow: u32,
}

/// Leave to make one call; dropping it says that the call was given up.
pub struct Ticket {
    breaker: Arc<Breaker>,
    id: u64,
    generation: u64,
    started: Instant,
    outcome: Outcome,
    ended: Option<Instant>,
}

impl Breaker {
    /// A closed one.
    pub fn new(limits: BreakerLimits) -> Arc<Self> {
        let state = State {
            phase: Phase::Closed,
            generation: 0,
            next_id: 0,
            in_flight: BTreeMap::new(),
            window: VecDeque::new(),
        };
        Arc::new(Self { limits, state: Mutex::new(state) })
    }

    /// Leave to call, or the cause of the refusal. A call that was asked to wait, for as
    /// long as `patience`, counts as slow only that much later.
    pub fn admit(
        self: &Arc<Self>,
        now: Instant,
        patience: Duration,
    ) -> Result<Ticket, &'static str> {
        let mut state = self.lock();
        if let Phase::Open { until } = state.phase {
            if now < until {
                return Err("open after too many failures or slow calls");
            }
            state.enter(Phase::HalfOpen { passed: 0 });
        }
        match state.phase {
            Phase::Closed => {
                if state.should_open(&self.limits, now) {
                    state.open(&self.limits, now);
                    return Err("open after too many failures or slow calls");
                }
            }
            Phase::HalfOpen { passed } => {
                if state.hung(&self.limits, now) > 0 {
                    state.open(&self.limits, now);
                    return Err("open again: a probe hangs");
                }
                let probing = u32::try_from(state.in_flight.len()).unwrap_or(u32::MAX);
                if probing.saturating_add(passed) >= self.limits.probes.max(1) {
                    return Err("half open: the probes are under way");
                }
            }
            Phase::Open { .. } => return Err("open after too many failures or slow calls"),
        }
        let id = state.next_id;
        state.next_id = id.wrapping_add(1);
        let started = now.checked_add(patience).unwrap_or(now);
        state.in_flight.insert(id, started);
        Ok(Ticket {
            breaker: Arc::clone(self),
            id,
            generation: state.generation,
            started,
            outcome: Outcome::Neutral,
            ended: None,
        })
    }

    /// Whether no call gets through.
    pub fn is_open(&self) -> bool {
        matches!(self.lock().phase, Phase::Open { .. })
    }

    fn finish(&self, ticket: &Ticket) {
        let now = ticket.ended.unwrap_or_else(Instant::now);
        let mut state = self.lock();
        if state.generation != ticket.generation {
            return;
        }
        state.in_flight.remove(&ticket.id);
        let slow = now.saturating_duration_since(ticket.started) >= self.limits.slow_from;
        let failed = ticket.outcome == Outcome::Failure;
        if ticket.outcome == Outcome::Neutral && !slow {
            return;
        }
        match state.phase {
            Phase::Closed => {
                state.record(&self.limits, now, failed, slow);
                if state.should_open(&self.limits, now) {
                    state.open(&self.limits, now);
                }
            }
            Phase::HalfOpen { .. } if failed || slow => state.open(&self.limits, now),
            Phase::HalfOpen { passed } => {
                let passed = passed.saturating_add(1);
                if passed >= self.limits.probes {
                    state.enter(Phase::Closed);
                } else {
                    state.phase = Phase::HalfOpen { passed };
                }
            }
            Phase::Open { .. } => {}
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.generation = self.generation.wrapping_add(1);
        self.in_flight.clear();
        self.window.clear();
    }

    fn open(&mut self, limits: &BreakerLimits, now: Instant) {
        self.enter(Phase::Open { until: now.checked_add(limits.open_for).unwrap_or(now) });
    }

    /// Calls under way that are slow already.
    fn hung(&self, limits: &BreakerLimits, now: Instant) -> u32 {
        let hangs =
            |started: &&Instant| now.saturating_duration_since(**started) >= limits.slow_from;
        u32::try_from(self.in_flight.values().filter(hangs).count()).unwrap_or(u32::MAX)
    }

    fn record(&mut self, limits: &BreakerLimits, now: Instant, failed: bool, slow: bool) {
        let width = limits.window.checked_div(BUCKETS).unwrap_or(Duration::ZERO);
        let current = self
            .window
            .back()
            .is_some_and(|last| now.saturating_duration_since(last.since) < width);
        if !current {
            self.window.push_back(Bucket { since: now, calls: 0, failures: 0, slow: 0 });
        }
        if let Some(bucket) = self.window.back_mut() {
            bucket.calls = bucket.calls.saturating_add(1);
            bucket.failures = bucket.failures.saturating_add(u32::from(failed));
            bucket.slow = bucket.slow.saturating_add(u32::from(slow));
        }
    }

    fn should_open(&mut self, limits: &BreakerLimits, now: Instant) -> bool {
        let old = |bucket: &Bucket| now.saturating_duration_since(bucket.since) > limits.window;
        while self.window.front().is_some_and(old) {
            self.window.pop_front();
        }
        let hung = self.hung(limits, now);
        let sum = |of: fn(&Bucket) -> u32| self.window.iter().map(of).fold(0, u32::saturating_add);
        let calls = sum(|bucket| bucket.calls).saturating_add(hung);
        let slow = sum(|bucket| bucket.slow).saturating_add(hung);
        let reaches = |part: u32, percent: u32| {
            u64::from(part).saturating_mul(100) >= u64::from(calls).saturating_mul(percent.into())
        };
        calls >= limits.calls_at_least.max(1)
            && (reaches(sum(|bucket| bucket.failures), limits.failures_percent)
                || reaches(slow, limits.slow_percent))
    }
}

impl Ticket {
    /// Says how the call ended, and when.
    pub fn finish(mut self, outcome: Outcome, now: Instant) {
        self.outcome = outcome;
        self.ended = Some(now);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.breaker.finish(self);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A breaker with a clock of its own.
    struct Bench {
        breaker: Arc<Breaker>,
        now: Instant,
    }

    impl Bench {
        fn new() -> Self {
            let limits = BreakerLimits {
                calls_at_least: 20,
                slow_from: Duration::from_secs(2),
                open_for: Duration::from_secs(1),
                probes: 2,
                ..BreakerLimits::default()
            };
            Self { breaker: Breaker::new(limits), now: Instant::now() }
        }

        fn opened() -> Self {
            let mut bench = Self::new();
            bench.calls(20, Outcome::Failure);
            assert!(bench.breaker.is_open());
            bench.pass(1_000);
            bench
        }

        fn pass(&mut self, millis: u64) {
            self.now += Duration::from_millis(millis);
        }

        fn admit(&self) -> Ticket {
            self.breaker.admit(self.now, Duration::ZERO).ok().unwrap()
        }

        fn refuses(&self) -> bool {
            self.breaker.admit(self.now, Duration::ZERO).is_err()
        }

        fn calls(&self, count: u32, outcome: Outcome) {
            for _ in 0..count {
                self.admit().finish(outcome, self.now);
            }
        }
    }

    #[test]
    fn opens_on_failures_and_closes_after_good_probes() {
        let bench = Bench::opened();
        let (one, two) = (bench.admit(), bench.admit());
        assert!(bench.refuses(), "only the probes get through");
        one.finish(Outcome::Success, bench.now);
        two.finish(Outcome::Success, bench.now);
        let many: Vec<_> = (0..50).map(|_| bench.admit()).collect();
        drop(many);
        assert!(!bench.refuses());
    }

    #[test]
    fn opens_while_twenty_calls_still_hang() {
        let mut bench = Bench::new();
        let hung: Vec<_> = (0..20).map(|_| bench.admit()).collect();
        assert!(!bench.refuses());
        bench.pass(2_000);
        assert!(bench.refuses(), "none of them has returned");
        bench.pass(1_000);
        let probes = (bench.admit(), bench.admit());
        // The hung calls of before return late and change nothing.
        hung.into_iter().for_each(|ticket| ticket.finish(Outcome::Neutral, bench.now));
        assert!(bench.refuses());
        probes.0.finish(Outcome::Success, bench.now);
        probes.1.finish(Outcome::Success, bench.now);
        assert!(!bench.refuses());
    }

    #[test]
    fn a_cancelled_probe_frees_its_place() {
        let bench = Bench::opened();
        for _ in 0..100 {
            drop((bench.admit(), bench.admit()));
        }
        bench.calls(2, Outcome::Success);
        assert!(!bench.breaker.is_open() && !bench.refuses());
        bench.calls(50, Outcome::Success);
    }

    #[test]
    fn a_hung_or_failed_probe_opens_it_again() {
        let mut bench = Bench::opened();
        let probe = bench.admit();
        bench.pass(2_000);
        assert!(bench.refuses() && bench.breaker.is_open());
        drop(probe);
        bench.pass(1_000);
        bench.calls(1, Outcome::Failure);
        assert!(bench.breaker.is_open());
    }

    #[test]
    fn few_or_old_failures_open_nothing() {
        let mut bench = Bench::new();
        bench.calls(19, Outcome::Failure);
        bench.pass(11_500);
        bench.calls(19, Outcome::Failure);
        assert!(!bench.refuses());
    }

    #[test]
    fn a_call_that_was_asked_to_wait_is_not_slow_for_waiting() {
        let mut bench = Bench::new();
        let patience = Duration::from_secs(10);
        let admit = || bench.breaker.admit(bench.now, patience).ok().unwrap();
        let waiting: Vec<_> = (0..30).map(|_| admit()).collect();
        bench.pass(10_000);
        assert!(!bench.refuses());
        bench.pass(2_000);
        assert!(bench.refuses(), "now they hang");
        drop(waiting);
    }

    #[test]
    fn quickly_given_up_calls_tell_nothing_and_slowly_given_up_ones_are_slow() {
        let mut bench = Bench::new();
        bench.calls(100, Outcome::Neutral);
        assert!(!bench.refuses());
        let slow: Vec<_> = (0..20).map(|_| bench.admit()).collect();
        bench.pass(2_000);
        slow.into_iter().for_each(|ticket| ticket.finish(Outcome::Neutral, bench.now));
        assert!(bench.breaker.is_open());
    }
}
