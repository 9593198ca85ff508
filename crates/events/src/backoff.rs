//! The wait between attempts at something that is away.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// The first wait.
const FIRST: Duration = Duration::from_millis(100);
/// The longest wait (DESIGN section 6).
const LONGEST: Duration = Duration::from_secs(30);

/// Doubles from attempt to attempt.
#[derive(Debug)]
pub(crate) struct Backoff {
    next: Duration,
}

impl Backoff {
    pub(crate) const fn new() -> Self {
        Self { next: FIRST }
    }

    pub(crate) fn reset(&mut self) {
        self.next = FIRST;
    }

    /// How long the next wait is.
    pub(crate) fn step(&mut self) -> Duration {
        let wait = self.next;
        self.next = wait.saturating_mul(2).min(LONGEST);
        wait
    }

    /// Waits; false where the service stops meanwhile.
    pub(crate) async fn wait(&mut self, shutdown: &CancellationToken) -> bool {
        let wait = self.step();
        tokio::select! {
            () = shutdown.cancelled() => false,
            () = tokio::time::sleep(wait) => true,
        }
    }
}
