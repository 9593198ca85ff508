//! What `payment` measures beside what the mesh does. No transfer is named in a metric: ids
//! are in the log lines.

use std::time::Duration;

use florin_kernel::{Role, UnixMicros};
use florin_rpc::Metrics;
use florin_runtime::clock;
use florin_store::{Database, StoreError};
use tokio_util::sync::CancellationToken;

use crate::{
    domain::Status,
    store::{self, Unfinished},
};

/// How often the table is asked what waits.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// The metrics of the role, in the registry of the process.
#[derive(Debug, Clone)]
pub(crate) struct Meter {
    metrics: Metrics,
}

impl Meter {
    pub(crate) const fn new(metrics: Metrics) -> Self {
        Self { metrics }
    }

    /// A worker has taken so many transfers at once.
    pub(crate) fn taken(&self, transfers: usize) {
        self.count("florin_payment_batches", "Batches that workers have taken", 1);
        self.count("florin_payment_taken", "Transfers in them", transfers);
    }

    /// So many transfers of a batch were due only by a clock that had been ahead.
    pub(crate) fn ahead(&self, transfers: usize) {
        let help = "Transfers that had waited for a clock that was ahead";
        self.count("florin_payment_ahead", help, transfers);
    }

    /// The ledger left so many transfers of a batch undecided.
    pub(crate) fn undecided(&self, transfers: usize) {
        let help = "Attempts on transfers that the ledger left undecided";
        self.count("florin_payment_undecided", help, transfers);
    }

    /// The ledger refused so many transfers of a batch for their content.
    pub(crate) fn stuck(&self, transfers: usize) {
        let help = "Attempts on transfers that stay in POSTING until people look";
        self.count("florin_payment_stuck", help, transfers);
    }

    /// So many counters of limits held less than was given back.
    pub(crate) fn short(&self, counters: usize) {
        let help = "Counters of limits that held less than was given back";
        self.count("florin_payment_limit_counters_short", help, counters);
    }

    /// A transfer has moved money that ended otherwise.
    pub(crate) fn contradicted(&self, transfers: usize) {
        let help = "Transfers that the ledger has posted and that ended otherwise";
        self.count("florin_payment_contradicted", help, transfers);
    }

    /// So many differences between our books and the clearing network's.
    pub(crate) fn nostro_differences(&self, differences: i64) {
        let help = "Differences between the nostro account and the network's statements";
        let gauge = self.metrics.gauges("florin_payment_nostro_differences", help);
        gauge.get_or_create(&[("role", Role::Payment.name())]).set(differences);
    }

    /// So long ago the network has told of our money there.
    pub(crate) fn statement_age(&self, seconds: i64) {
        let help = "Age of the last statement of our money at the clearing network";
        let gauge = self.metrics.gauges("florin_payment_statement_age_seconds", help);
        gauge.get_or_create(&[("role", Role::Payment.name())]).set(seconds);
    }

    /// So many orders could not be run.
    pub(crate) fn failing_orders(&self, orders: i64) {
        let help = "Orders that could not be run and have something to do";
        let gauge = self.metrics.gauges("florin_payment_failing_orders", help);
        gauge.get_or_create(&[("role", Role::Payment.name())]).set(orders);
    }

    /// A transfer has ended.
    pub(crate) fn ended(&self, status: Status) {
        let labels = [("role", Role::Payment.name()), ("state", status.name())];
        let help = "Transfers that have ended";
        self.metrics.counters("florin_payment_ended", help).get_or_create(&labels).inc();
    }

    /// Looks until the shutdown at what has not ended.
    pub(crate) async fn watch(self, db: Database, shutdown: CancellationToken) {
        let mut look = tokio::time::interval(LOOK_EVERY);
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                _ = look.tick() => {}
            }
            if let Err(error) = self.look(&db).await {
                tracing::warn!(%error, "transfers that wait could not be counted");
            }
        }
    }

    pub(crate) async fn look(&self, db: &Database) -> Result<(), StoreError> {
        self.waiting(&store::unfinished(db.read()).await?, clock::now());
        let (_, failing) = store::failing_orders::list(db.read(), 0).await?;
        self.failing_orders(failing);
        Ok(())
    }

    fn waiting(&self, unfinished: &[Unfinished], now: UnixMicros) {
        let help = "Transfers that have not ended";
        let counts = self.metrics.gauges("florin_payment_unfinished", help);
        for status in Status::ALL.iter().filter(|status| !status.is_end()) {
            let found = unfinished.iter().find(|one| one.status == *status);
            let labels = [("role", Role::Payment.name()), ("state", status.name())];
            counts.get_or_create(&labels).set(found.map_or(0, |one| one.count));
        }
        // One of the future was accepted by a clock that was ahead, and waits as well.
        let ages = unfinished.iter().map(|one| now.0.saturating_sub(one.oldest.0).saturating_abs());
        let age = ages.max().unwrap_or(0) / 1_000_000;
        let help = "Age of the oldest transfer that has not ended";
        let gauge = self.metrics.gauges("florin_payment_oldest_seconds", help);
        gauge.get_or_create(&[("role", Role::Payment.name())]).set(age);
    }

    fn count(&self, name: &'static str, help: &str, by: usize) {
        let role = [("role", Role::Payment.name())];
        let by = u64::try_from(by).unwrap_or(u64::MAX);
        self.metrics.counters(name, help).get_or_create(&role).inc_by(by);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_that_has_not_ended_is_shown_by_its_age() {
        let metrics = Metrics::new();
        let meter = Meter::new(metrics.clone());
        let one = |status, count, oldest| Unfinished { status, count, oldest: UnixMicros(oldest) };
        let found = [one(Status::Processing, 3, 9_000_000), one(Status::Posting, 1, 4_000_000)];
        meter.waiting(&found, UnixMicros(10_000_000));
        let text = metrics.encode();
        for line in [
            "florin_payment_unfinished{role=\"payment\",state=\"PROCESSING\"} 3",
            "florin_payment_unfinished{role=\"payment\",state=\"POSTING\"} 1",
            "florin_payment_oldest_seconds{role=\"payment\"} 6",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
        let ahead = [one(Status::Posting, 1, 7_210_000_000)];
        meter.waiting(&ahead, UnixMicros(10_000_000));
        let text = metrics.encode();
        assert!(text.contains("florin_payment_oldest_seconds{role=\"payment\"} 7200"), "{text}");
        meter.waiting(&[], UnixMicros(10_000_000));
        let text = metrics.encode();
        assert!(text.contains("florin_payment_oldest_seconds{role=\"payment\"} 0"), "{text}");
        assert!(text.contains("state=\"POSTING\"} 0"), "{text}");
    }
}
