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

/// Cause of a refusal while it is open.
const OPEN: &str = "open after too many failures or slow calls";

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
    },
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
    /// How many of them were asked to wait: they stand there for that, and tell nothing of how
    /// the dependency serves the others.
    patient: usize,
    window: VecDeque<Bucket>,
}

#[derive(Clone, Copy)]
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

/// Why a call is not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// In words.
    pub cause: &'static str,
    /// When another attempt may get through.
    pub retry_after: Duration,
}

/// Leave to make one call; dropping it says that the call was given up.
pub struct Ticket {
    breaker: Arc<Breaker>,
    id: u64,
    generation: u64,
    started: Instant,
    patient: bool,
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
            patient: 0,
            window: VecDeque::new(),
        };
        Arc::new(Self { limits, state: Mutex::new(state), tell })
    }

    /// Whether a call would be let through now, or why not.
    pub fn ask(&self, now: Instant) -> Result<(), Refusal> {
        self.look(&mut self.lock(), now)
    }

    /// Leave to call, or the cause of the refusal. A call that was asked to wait, for as
    /// long as `patience`, counts as slow only that much later.
    pub fn admit(self: &Arc<Self>, now: Instant, patience: Duration) -> Result<Ticket, Refusal> {
        let mut state = self.lock();
        self.look(&mut state, now)?;
        let id = state.next_id;
        state.next_id = id.wrapping_add(1);
        let started = now.checked_add(patience).unwrap_or(now);
        let patient = !patience.is_zero();
        state.in_flight.insert((started, id));
        state.patient = state.patient.saturating_add(usize::from(patient));
        Ok(Ticket {
            breaker: Arc::clone(self),
            id,
            generation: state.generation,
            started,
            patient,
            outcome: Outcome::Neutral,
            ended: None,
        })
    }

    /// Opens and half opens where it is time.
    fn look(&self, state: &mut State, now: Instant) -> Result<(), Refusal> {
        let refused = |cause, retry_after| Err(Refusal { cause, retry_after });
        if let Phase::Open { until } = state.phase {
            if now < until {
                return refused(OPEN, until.saturating_duration_since(now));
            }
            state.enter(Phase::HalfOpen { passed: 0 });
        }
        let (phase, open_for) = (state.phase, self.limits.open_for);
        match phase {
            Phase::Closed if state.should_open(&self.limits, now) => {
                self.open(state, now);
                refused(OPEN, open_for)
            }
            Phase::HalfOpen { .. } if state.hung(&self.limits, now) > 0 => {
                self.open(state, now);
                refused("open again: a probe hangs", open_for)
            }
            Phase::HalfOpen { passed } => {
                let probing = u32::try_from(state.in_flight.len()).unwrap_or(u32::MAX);
                if probing.saturating_add(passed) >= self.limits.probes.max(1) {
                    return refused("half open: the probes are under way", open_for);
                }
                Ok(())
            }
            Phase::Closed | Phase::Open { .. } => Ok(()),
        }
    }

    fn finish(&self, ticket: &Ticket) {
        let now = ticket.ended.unwrap_or_else(Instant::now);
        let mut state = self.lock();
        if state.generation != ticket.generation {
            return;
        }
        state.in_flight.remove(&(ticket.started, ticket.id));
        state.patient = state.patient.saturating_sub(usize::from(ticket.patient));
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
        state.enter(Phase::Open { until: now.checked_add(self.limits.open_for).unwrap_or(now) });
        (self.tell)(Change::Opened { at_first });
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
        self.patient = 0;
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
        let ended = sum(|bucket| bucket.calls);
        let calls = ended.saturating_add(hung);
        let slow = sum(|bucket| bucket.slow).saturating_add(hung);
        // Some that hang among many that do not are no sick dependency.
        let under_way = self.in_flight.len().saturating_sub(self.patient);
        let under_way = u32::try_from(under_way).unwrap_or(u32::MAX).max(hung);
        let reaches = |part: u32, of: u32, percent: u32| {
            u64::from(part).saturating_mul(100) >= u64::from(of).saturating_mul(percent.into())
        };
        calls >= limits.calls_at_least.max(1)
            && (reaches(sum(|bucket| bucket.failures), calls, limits.failures_percent)
                || reaches(slow, ended.saturating_add(under_way), limits.slow_percent))
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
