//! Tasks that must run until the process stops: one that panics or ends early stops the
//! process with an error that names it, never silently.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// The supervised tasks of a process. Clones share them.
#[derive(Debug, Clone)]
pub struct Supervisor {
    shutdown: CancellationToken,
    tracker: TaskTracker,
    crash: Arc<OnceLock<String>>,
}

impl Supervisor {
    /// No task yet. A crash cancels `shutdown`.
    #[must_use]
    pub fn new(shutdown: CancellationToken) -> Self {
        Self { shutdown, tracker: TaskTracker::new(), crash: Arc::default() }
    }

    /// Runs a task that ends only after the shutdown was asked for.
    pub fn spawn<F>(&self, name: impl Into<String>, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.spawn_fallible(name, async move {
            task.await;
            Ok(())
        });
    }

    /// As [`Supervisor::spawn`], for a task that can say why it ends.
    pub fn spawn_fallible<F>(&self, name: impl Into<String>, task: F)
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let (name, this) = (name.into(), self.clone());
        self.tracker.spawn(async move {
            let ended = tokio::spawn(task).await;
            match ended {
                Ok(Ok(())) if this.shutdown.is_cancelled() => {}
                Ok(Ok(())) => this.crashed(format!("task {name} ended before the shutdown")),
                Ok(Err(error)) => this.crashed(format!("task {name} failed: {error:#}")),
                Err(lost) if lost.is_panic() => this.crashed(format!("task {name} panicked")),
                Err(_) => this.crashed(format!("task {name} was cancelled")),
            }
        });
    }

    fn crashed(&self, what: String) {
        tracing::error!(cause = %what, "a task crashed, the process stops");
        let _ = self.crash.set(what);
        self.shutdown.cancel();
    }

    /// What crashed first, if anything did.
    #[must_use]
    pub fn crash(&self) -> Option<&str> {
        self.crash.get().map(String::as_str)
    }

    /// Waits until all tasks have ended. False where the limit came first.
    pub async fn drained(&self, at_most: Duration) -> bool {
        self.tracker.close();
        tokio::time::timeout(at_most, self.tracker.wait()).await.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_stops_the_process_and_names_the_task() {
        let tasks = Supervisor::new(CancellationToken::new());
        tasks.spawn("account relay", async { panic!("of the test") });
        tasks.shutdown.cancelled().await;
        assert_eq!(tasks.crash(), Some("task account relay panicked"));
        assert!(tasks.drained(Duration::from_secs(60)).await);
    }

    #[tokio::test]
    async fn an_early_end_stops_the_process_and_a_late_one_does_not() {
        let tasks = Supervisor::new(CancellationToken::new());
        tasks.spawn_fallible("reader", async { anyhow::bail!("no more") });
        tasks.shutdown.cancelled().await;
        assert_eq!(tasks.crash(), Some("task reader failed: no more"));

        let shutdown = CancellationToken::new();
        let tasks = Supervisor::new(shutdown.clone());
        let waits = shutdown.clone();
        tasks.spawn("writer", async move { waits.cancelled().await });
        shutdown.cancel();
        assert!(tasks.drained(Duration::from_secs(60)).await);
        assert_eq!(tasks.crash(), None);
    }
}
