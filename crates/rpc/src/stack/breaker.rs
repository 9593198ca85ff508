//! The breaker: opens on failures and on slow calls, those that still hang included
//! (waiting for hung calls to return before opening is resilience4j #1597); a probe that
//! is cancelled frees its place (a breaker stuck half-open is resilience4j #903).

use std::{
    collections::{BTreeSet, VecDeque},
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

/// A change that an operator wants to know of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It opened, or opened again after a probe.
    Opened {
        /// Whether it was closed before.
        at_first: bool,
        /// For how long no call gets through.
        for_at_least: Duration,
    },
    /// Probes are let through.
    HalfOpened,
    /// Calls get through again.
    Closed,
}

/// Whom a breaker tells of its changes; it must not block.
pub type Tell = Box<dyn Fn(Change) + Send + Sync>;

/// Decides whether a dependency is worth a call.
pub struct Breaker {
    limits: BreakerLimits,
    state: Mutex<State>,
    tell: Tell,
}

struct State {
    phase: Phase,
    /// Grows with each change of phase; tickets of an earlier one count for nothing.
    generation: u64,
    next_id: u64,
    /// Calls of this generation under way, and from when on their time counts.
    /// Sorted by the start, so that those that hang are the first ones.
    in_flight: BTreeSet<(Instant, u64)>,
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
    pub fn new(limits: BreakerLimits, tell: Tell) -> Arc<Self> {
        let state = State {
            phase: Phase::Closed,
            generation: 0,
            next_id: 0,
            in_flight: BTreeSet::new(),
            window: VecDeque::new(),
        };
        Arc::new(Self { limits, state: Mutex::new(state), tell })
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
            (self.tell)(Change::HalfOpened);
        }
        match state.phase {
            Phase::Closed => {
                if state.should_open(&self.limits, now) {
                    self.open(&mut state, now);
                    return Err("open after too many failures or slow calls");
                }
            }
            Phase::HalfOpen { passed } => {
                if state.hung(&self.limits, now) > 0 {
                    self.open(&mut state, now);
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
        state.in_flight.insert((started, id));
        Ok(Ticket {
            breaker: Arc::clone(self),
            id,
            generation: state.generation,
            started,
            outcome: Outcome::Neutral,
            ended: None,
        })
    }

    fn finish(&self, ticket: &Ticket) {
        let now = ticket.ended.unwrap_or_else(Instant::now);
        let mut state = self.lock();
        if state.generation != ticket.generation {
            return;
        }
        state.in_flight.remove(&(ticket.started, ticket.id));
        let slow = now.saturating_duration_since(ticket.started) >= self.limits.slow_from;
        let failed = ticket.outcome == Outcome::Failure;
        if ticket.outcome == Outcome::Neutral && !slow {
            return;
        }
        match state.phase {
            Phase::Closed => {
                state.record(&self.limits, now, failed, slow);
                if state.should_open(&self.limits, now) {
                    self.open(&mut state, now);
                }
            }
            Phase::HalfOpen { .. } if failed || slow => self.open(&mut state, now),
            Phase::HalfOpen { passed } => {
                let passed = passed.saturating_add(1);
                if passed >= self.limits.probes {
                    state.enter(Phase::Closed);
                    (self.tell)(Change::Closed);
                } else {
                    state.phase = Phase::HalfOpen { passed };
                }
            }
            Phase::Open { .. } => {}
        }
    }

    fn open(&self, state: &mut State, now: Instant) {
        let at_first = matches!(state.phase, Phase::Closed);
        let for_at_least = self.limits.open_for;
        state.enter(Phase::Open { until: now.checked_add(for_at_least).unwrap_or(now) });
        (self.tell)(Change::Opened { at_first, for_at_least });
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

    /// Calls under way that are slow already.
    fn hung(&self, limits: &BreakerLimits, now: Instant) -> u32 {
        let hangs =
            |call: &&(Instant, u64)| now.saturating_duration_since(call.0) >= limits.slow_from;
        u32::try_from(self.in_flight.iter().take_while(hangs).count()).unwrap_or(u32::MAX)
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
mod tests;
