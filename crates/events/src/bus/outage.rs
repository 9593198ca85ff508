//! Whether the broker takes events: one line when it stops to, few while it does not, one when
//! it takes them again.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use florin_kernel::EventId;

/// The first pause between two lines of the same outage; it doubles.
const FIRST_PAUSE: Duration = Duration::from_secs(60);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(3_600);

/// The broker as the relay of one role sees it.
#[derive(Debug, Default)]
pub(super) struct Outage(Mutex<Option<State>>);

#[derive(Debug)]
struct State {
    since: Instant,
    told: Instant,
    pause: Duration,
    refused: usize,
    cause: String,
}

/// What a step could not hand over.
pub(super) struct Refused {
    /// How many events.
    pub(super) count: usize,
    /// The first of them, where it came to one.
    pub(super) first: Option<EventId>,
    /// What the broker said of it.
    pub(super) cause: String,
}

impl Outage {
    /// Events stay in the outbox.
    pub(super) fn refused(&self, source: &str, refused: Refused, now: Instant) {
        let Refused { count, first, cause } = refused;
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let event_id = first.map(tracing::field::display);
        let Some(state) = state.as_mut() else {
            tracing::warn!(source, count, event_id, cause, "events are not acknowledged");
            let pause = FIRST_PAUSE;
            *state = Some(State { since: now, told: now, pause, refused: count, cause });
            return;
        };
        state.refused = state.refused.saturating_add(count);
        state.cause = cause;
        if now.saturating_duration_since(state.told) < state.pause {
            return;
        }
        state.told = now;
        state.pause = state.pause.saturating_mul(2).min(LONGEST_PAUSE);
        let (attempts, cause) = (state.refused, &state.cause);
        tracing::warn!(source, attempts, event_id, cause, "events are still not acknowledged");
    }

    /// Everything of a step went.
    pub(super) fn works(&self, source: &str, now: Instant) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(ended) = state.take() {
            let seconds = now.saturating_duration_since(ended.since).as_secs();
            tracing::info!(source, seconds, "events are acknowledged again");
        }
    }

    /// Why events stay in the outbox; None while they go.
    pub(super) fn cause(&self) -> Option<String> {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.as_ref().map(|state| state.cause.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_lasts_until_a_step_works() {
        let outage = Outage::default();
        let start = Instant::now();
        let refused = |cause: &str| Refused { count: 512, first: None, cause: cause.to_owned() };
        assert_eq!(outage.cause(), None);
        outage.refused("account", refused("full"), start);
        outage.refused("account", refused("timed out"), start);
        assert_eq!(outage.cause().as_deref(), Some("timed out"));
        {
            let state = outage.0.lock().unwrap();
            let state = state.as_ref().unwrap();
            assert_eq!((state.refused, state.told, state.pause), (1_024, start, FIRST_PAUSE));
        }
        let later = start + FIRST_PAUSE;
        outage.refused("account", refused("full"), later);
        {
            let state = outage.0.lock().unwrap();
            let state = state.as_ref().unwrap();
            assert_eq!((state.told, state.pause), (later, FIRST_PAUSE * 2));
        }
        outage.works("account", later);
        assert_eq!(outage.cause(), None);
    }
}
