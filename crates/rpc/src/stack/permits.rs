//! The permits of a dependency: so many calls at a time, and a bounded queue in front of them.
//! The wait is no part of what the breaker counts: it tells how busy the callers are, and
//! nothing of the dependency.

use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, SemaphorePermit};

use super::{InFlight, StackLimits};
use crate::metrics::Gauge;

/// The permits of one dependency, first come first served.
pub struct Permits {
    calls: Semaphore,
    /// Those for calls that ask the dependency to wait, which takes a permit and no work.
    patient: Semaphore,
    /// Places in the queue.
    queue: Semaphore,
    least_wait: Duration,
    /// What a call keeps of its deadline: it may take so long and is not slow.
    kept: Duration,
    waiting: Gauge,
}

impl Permits {
    /// All free; `waiting` shows how many calls stand in the queue.
    pub fn new(limits: &StackLimits, waiting: Gauge) -> Self {
        Self {
            calls: Semaphore::new(limits.permits),
            patient: Semaphore::new(limits.patient_permits),
            queue: Semaphore::new(limits.waiting),
            least_wait: limits.permit_wait,
            kept: limits.breaker.slow_from,
            waiting,
        }
    }

    /// A permit for a call that asks the dependency to wait for up to `patience`, or the cause
    /// of the refusal. Waits while the call could still be made in good time.
    pub async fn take(
        &self,
        deadline: Instant,
        patience: Duration,
    ) -> Result<SemaphorePermit<'_>, &'static str> {
        let permits = if patience.is_zero() { &self.calls } else { &self.patient };
        if let Ok(permit) = permits.try_acquire() {
            return Ok(permit);
        }
        let Ok(_place) = self.queue.try_acquire() else {
            return Err("all permits are in use, and the queue for them is full");
        };
        let _waiting = InFlight::start(self.waiting.clone());
        let left = deadline.saturating_duration_since(Instant::now());
        let kept = self.kept.saturating_add(patience);
        let wait = left.saturating_sub(kept).max(self.least_wait).min(left);
        match tokio::time::timeout(wait, permits.acquire()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => Err("all permits are in use"),
        }
    }
}
