//! A log line of something that may come in floods: one now and then, with a count of those
//! that were left out.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Says when such a line is due.
#[derive(Debug)]
pub struct Seldom {
    every: Duration,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    next: Option<Instant>,
    left_out: u64,
}

impl Seldom {
    /// At most one line in `every`.
    #[must_use]
    pub const fn new(every: Duration) -> Self {
        Self { every, state: Mutex::new(State { next: None, left_out: 0 }) }
    }

    /// Some where a line may be written at this moment: the number of those left out since
    /// the last one.
    pub fn take(&self, now: Instant) -> Option<u64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.next.is_some_and(|next| now < next) {
            state.left_out = state.left_out.saturating_add(1);
            return None;
        }
        state.next = now.checked_add(self.every);
        Some(std::mem::take(&mut state.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_one_line_a_while_and_counted() {
        let seldom = Seldom::new(Duration::from_secs(1));
        let start = Instant::now();
        assert_eq!(seldom.take(start), Some(0));
        for _ in 0..7 {
            assert_eq!(seldom.take(start), None);
        }
        assert_eq!(seldom.take(start + Duration::from_secs(1)), Some(7));
        assert_eq!(seldom.take(start + Duration::from_secs(3)), Some(0));
    }
}
