//! What is measured of events: the age of the outbox, the lag of each consumer, and counts.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
};

use florin_kernel::UnixMicros;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
    registry::Registry,
};

type Cells<T> = Mutex<BTreeMap<Labels, Arc<T>>>;
type Labels = Vec<(&'static str, String)>;

/// The metrics of one bus. Ages are computed when they are read, so that a loop that hangs
/// shows as an age that grows.
#[derive(Debug, Clone, Default)]
pub struct EventMetrics {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    outbox_age: Cells<Since>,
    lag: Cells<Since>,
    published: Cells<AtomicU64>,
    consumed: Cells<AtomicU64>,
    dead: Cells<AtomicU64>,
}

/// Since when something has been waiting, in microseconds; 0 for nothing waits.
#[derive(Debug, Default)]
pub(crate) struct Since(AtomicI64);

impl Since {
    pub(crate) fn set(&self, since: Option<UnixMicros>) {
        self.0.store(since.map_or(0, |at| at.0.max(1)), Ordering::Relaxed);
    }

    /// Begins to wait now, unless it waits already.
    pub(crate) fn begin(&self) {
        let now = wall_clock();
        let _ = self.0.compare_exchange(0, now.max(1), Ordering::Relaxed, Ordering::Relaxed);
    }

    fn age_seconds(&self, now: i64) -> i64 {
        match self.0.load(Ordering::Relaxed) {
            0 => 0,
            since => now.saturating_sub(since).max(0) / 1_000_000,
        }
    }
}

/// The handles of one consumer and source.
#[derive(Debug, Clone)]
pub(crate) struct ConsumerMeter {
    pub(crate) lag: Arc<Since>,
    pub(crate) consumed: Arc<AtomicU64>,
    pub(crate) dead: Arc<AtomicU64>,
}

impl EventMetrics {
    /// Adds the metrics to a registry.
    pub fn register(&self, registry: &mut Registry) {
        registry.register_collector(Box::new(self.clone()));
    }

    /// The age in seconds of the oldest event that a role's outbox still has to publish.
    #[must_use]
    pub fn outbox_age_seconds(&self, role: &str) -> i64 {
        of(&self.inner.outbox_age, vec![("role", role.to_owned())]).age_seconds(wall_clock())
    }

    /// The age in seconds of the oldest event of a source that a consumer has yet to apply.
    #[must_use]
    pub fn lag_seconds(&self, consumer: &str, source: &str) -> i64 {
        of(&self.inner.lag, reader(consumer, source)).age_seconds(wall_clock())
    }

    pub(crate) fn outbox(&self, role: &str) -> (Arc<Since>, Arc<AtomicU64>) {
        let labels = vec![("role", role.to_owned())];
        (of(&self.inner.outbox_age, labels.clone()), of(&self.inner.published, labels))
    }

    pub(crate) fn consumer(&self, consumer: &str, source: &str) -> ConsumerMeter {
        let labels = reader(consumer, source);
        ConsumerMeter {
            lag: of(&self.inner.lag, labels.clone()),
            consumed: of(&self.inner.consumed, labels.clone()),
            dead: of(&self.inner.dead, labels),
        }
    }
}

fn reader(consumer: &str, source: &str) -> Labels {
    vec![("role", consumer.to_owned()), ("source", source.to_owned())]
}

fn of<T: Default>(cells: &Cells<T>, labels: Labels) -> Arc<T> {
    let mut cells = cells.lock().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(cells.entry(labels).or_default())
}

impl Collector for EventMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let now = wall_clock();
        let ages = [
            (
                "florin_outbox_age_seconds",
                "Age of the oldest event that the bus has not acknowledged",
                &self.inner.outbox_age,
            ),
            (
                "florin_consumer_lag_seconds",
                "Age of the oldest event that the consumer has not applied",
                &self.inner.lag,
            ),
        ];
        for (name, help, cells) in ages {
            encode_all(&mut encoder, name, help, cells, |since| {
                ConstGauge::new(since.age_seconds(now))
            })?;
        }
        let counts = [
            ("florin_events_published", "Events that the bus acknowledged", &self.inner.published),
            ("florin_events_consumed", "Events applied or skipped", &self.inner.consumed),
            ("florin_events_dead", "Events dead-lettered", &self.inner.dead),
        ];
        for (name, help, cells) in counts {
            encode_all(&mut encoder, name, help, cells, |count| {
                ConstCounter::new(count.load(Ordering::Relaxed))
            })?;
        }
        Ok(())
    }
}

fn encode_all<T, M: EncodeMetric>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    cells: &Cells<T>,
    read: impl Fn(&T) -> M,
) -> Result<(), fmt::Error> {
    let cells = cells.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(first) = cells.values().next() else {
        return Ok(());
    };
    let kind: MetricType = read(first).metric_type();
    let mut family = encoder.encode_descriptor(name, help, None, kind)?;
    for (labels, cell) in cells.iter() {
        read(cell).encode(family.encode_family(labels)?)?;
    }
    Ok(())
}

/// The computer's clock: good enough for an age that a person looks at.
#[expect(clippy::disallowed_methods, reason = "an age in a metric, which decides nothing")]
pub(crate) fn wall_clock() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    i64::try_from(since.unwrap_or_default().as_micros()).unwrap_or(i64::MAX)
}
