//! The load itself: an open loop at a rate, or a closed one that is as fast as it is let.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use anyhow::{Context as _, Result};
use tokio::{sync::Semaphore, task::JoinSet, time::Instant};

use crate::{
    bench::{
        Work,
        figures::Settings,
        send::Sender,
        tally::{Answer, State, Tally},
    },
    prove,
};

/// After calls without a decision a lane of the closed loop waits this long: a bank that is
/// away is not run into.
const AFTER_FAILURE: Duration = Duration::from_millis(100);
const NANOS: u64 = 1_000_000_000;

/// A load that is about to run.
pub struct Load {
    work: Work,
    rate: Option<u64>,
    batch: u64,
    in_flight: u32,
    most: u64,
    lasts: Duration,
    warm_up: Duration,
    sender: Arc<Sender>,
}

/// What the calls of a running load share.
struct Running {
    load: Load,
    began: Instant,
    tally: Mutex<Tally>,
    calls: AtomicU64,
}

impl Load {
    /// A load of these settings.
    pub fn new(settings: &Settings, sender: Sender) -> Self {
        Self {
            work: settings.work,
            rate: settings.rate,
            batch: u64::from(settings.batch),
            in_flight: settings.in_flight,
            most: settings.most_count,
            lasts: Duration::from_secs(settings.seconds),
            warm_up: Duration::from_secs(settings.warm_up_seconds),
            sender: Arc::new(sender),
        }
    }

    /// Runs it to its end: every call has been answered or has passed its limit.
    ///
    /// # Errors
    /// The client itself breaks.
    pub async fn run(self) -> Result<Tally> {
        let sender = Arc::clone(&self.sender);
        let tokens = tokio::spawn(async move { sender.keep_token().await });
        let tally = Mutex::new(Tally::new(prove::now(), self.warm_up)?);
        let (began, calls) = (Instant::now(), AtomicU64::new(0));
        let running = Arc::new(Running { load: self, began, tally, calls });
        let ran = match running.load.rate {
            Some(rate) => Arc::clone(&running).open(rate).await,
            None => Arc::clone(&running).closed().await,
        };
        tokens.abort();
        ran?;
        let running = Arc::into_inner(running).context("a call outlived the load")?;
        Ok(running.tally.into_inner().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Running {
    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lanes that send their next call when the last is answered.
    async fn closed(self: Arc<Self>) -> Result<()> {
        let lanes = (u64::from(self.load.in_flight) / self.load.batch).max(1);
        let mut running = JoinSet::new();
        for _ in 0..lanes {
            running.spawn(Arc::clone(&self).lane());
        }
        all(running).await
    }

    async fn lane(self: Arc<Self>) -> Result<()> {
        while let Some((first, count)) = self.next()? {
            let decided = self.call(first, count).await?;
            if !decided {
                tokio::time::sleep(AFTER_FAILURE).await;
            }
        }
        Ok(())
    }

    /// Takes the next transfers of the closed loop, which are due now.
    fn next(&self) -> Result<Option<(u64, u64)>> {
        let mut tally = self.tally();
        let due = self.began.elapsed();
        let left = self.left(&tally)?;
        if due >= self.load.lasts || left == 0 {
            return Ok(None);
        }
        let count = self.load.batch.min(left);
        let first = tally.start(due, count, State::Unknown)?;
        Ok(Some((first, count)))
    }

    fn left(&self, tally: &Tally) -> Result<u64> {
        Ok(self.load.most.saturating_sub(u64::try_from(tally.slots.len())?))
    }

    /// Starts a call whenever one is due; one that finds no room is counted and left out.
    async fn open(self: Arc<Self>, rate: u64) -> Result<()> {
        let room = Arc::new(Semaphore::new(usize::try_from(self.load.in_flight)?));
        let mut running = JoinSet::new();
        let mut sent = 0_u64;
        loop {
            let due = due(sent, rate)?;
            let left = self.left(&self.tally())?;
            if due >= self.load.lasts || left == 0 {
                break;
            }
            tokio::time::sleep_until(self.began + due).await;
            while running.try_join_next().transpose()?.transpose()?.is_some() {}
            let count = self.load.batch.min(left);
            sent = sent.saturating_add(count);
            let permits = u32::try_from(count)?;
            match Arc::clone(&room).try_acquire_many_owned(permits) {
                Ok(permit) => {
                    let first = self.tally().start(due, count, State::Unknown)?;
                    let running_load = Arc::clone(&self);
                    running.spawn(async move {
                        let called = running_load.call(first, count).await;
                        drop(permit);
                        called.map(|_| ())
                    });
                }
                Err(_) => {
                    self.tally().start(due, count, State::NotStarted)?;
                }
            }
        }
        all(running).await
    }

    /// Sends one call, notes its answers and tells whether each was a decision.
    async fn call(&self, first: u64, count: u64) -> Result<bool> {
        let call = self.calls.fetch_add(1, Relaxed);
        let answers = self.load.sender.send(self.load.work, call, first, count).await;
        let at = self.began.elapsed();
        let decided = !answers.iter().any(|answer| matches!(answer, Answer::Unknown(_)));
        self.tally().end(first, at, answers)?;
        Ok(decided)
    }
}

/// When the transfer of this number is due at a rate a second.
fn due(number: u64, rate: u64) -> Result<Duration> {
    let nanos = u128::from(number) * u128::from(NANOS) / u128::from(rate.max(1));
    Ok(Duration::from_nanos(u64::try_from(nanos)?))
}

/// Waits for all tasks; each ends with its call's limit.
async fn all(mut running: JoinSet<Result<()>>) -> Result<()> {
    while let Some(ended) = running.join_next().await {
        ended.context("a call of the load broke off")??;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transfers_are_due_at_equal_distances_without_drift() {
        assert_eq!(due(0, 3).unwrap(), Duration::ZERO);
        assert_eq!(due(3_000_000_003, 3).unwrap(), Duration::from_secs(1_000_000_001));
        assert_eq!(due(1, 4).unwrap(), Duration::from_millis(250));
    }
}
