//! The group committers of a role: measured while they run, waited for at the shutdown.

use std::time::Duration;

use florin_rpc::Metrics;
use florin_store::commit::{Batch, CommitStats, Committer};

use crate::Runtime;

/// How often what they have done is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

impl Runtime {
    /// Measures a committer until the shutdown and then waits until what was queued by then is
    /// committed, so that the database is closed after it. A role has one committer.
    pub fn drain<B: Batch>(&self, committer: &Committer<B>) {
        let (committer, shutdown) = (committer.clone(), self.shutdown.clone());
        let mut meter = Meter::new(self.metrics.clone(), self.role.name());
        self.tasks.spawn(format!("{} committers", self.role), async move {
            let mut look = tokio::time::interval(LOOK_EVERY);
            loop {
                tokio::select! {
                    () = shutdown.cancelled() => break,
                    _ = look.tick() => meter.note(committer.stats()),
                }
            }
            committer.drained().await;
            meter.note(committer.stats());
        });
    }
}

/// What was told of a committer, so that each look adds what is new.
struct Meter {
    metrics: Metrics,
    role: &'static str,
    told: CommitStats,
}

impl Meter {
    fn new(metrics: Metrics, role: &'static str) -> Self {
        Self { metrics, role, told: CommitStats::default() }
    }

    fn note(&mut self, now: CommitStats) {
        let role = [("role", self.role)];
        let waiting = self.metrics.gauges("florin_committer_waiting", "Commands that wait");
        waiting.get_or_create(&role).set(i64::try_from(now.waiting).unwrap_or(i64::MAX));
        let CommitStats { waiting: _, batches, commands, dropped, retries, splits, busy } = now;
        let busy = u64::try_from(busy.as_millis()).unwrap_or(u64::MAX);
        let told = std::mem::replace(&mut self.told, now);
        let was_busy = u64::try_from(told.busy.as_millis()).unwrap_or(u64::MAX);
        for (name, help, count, before) in [
            ("florin_committer_batches", "Transactions that committed", batches, told.batches),
            ("florin_committer_commands", "Commands in them", commands, told.commands),
            (
                "florin_committer_dropped",
                "Commands that expired or were left",
                dropped,
                told.dropped,
            ),
            ("florin_committer_retries", "Batches that were run again", retries, told.retries),
            ("florin_committer_splits", "Batches that were split", splits, told.splits),
            ("florin_committer_milliseconds", "Time spent in batches", busy, was_busy),
        ] {
            let counter = self.metrics.counters(name, help);
            counter.get_or_create(&role).inc_by(count.saturating_sub(before));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_look_adds_what_is_new() {
        let metrics = Metrics::new();
        let mut meter = Meter::new(metrics.clone(), "payment");
        let stats = |batches, waiting| CommitStats {
            batches,
            waiting,
            commands: batches * 10,
            busy: Duration::from_millis(batches * 3),
            ..CommitStats::default()
        };
        for now in [stats(1, 7), stats(1, 7), stats(4, 2)] {
            meter.note(now);
        }
        let text = metrics.encode();
        for line in [
            "florin_committer_waiting{role=\"payment\"} 2",
            "florin_committer_batches_total{role=\"payment\"} 4",
            "florin_committer_commands_total{role=\"payment\"} 40",
            "florin_committer_milliseconds_total{role=\"payment\"} 12",
            "florin_committer_splits_total{role=\"payment\"} 0",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
    }
}
