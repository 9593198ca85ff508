//! The registry of metrics, and the metrics of the mesh itself.

use std::{
    any::Any,
    collections::HashMap,
    fmt,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

pub use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::{
    collector::Collector,
    encoding::{EncodeLabelSet, EncodeMetric},
    metrics::{TypedMetric, counter::Counter, family::Family, histogram::Histogram},
    registry::Registry,
};

/// A family whose metrics a plain function makes.
pub type MetricFamily<L, M> = Family<L, M, fn() -> M>;

/// Upper bounds of durations, in seconds.
const SECONDS: [f64; 14] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// The process's metrics. Clones share one registry, in which each name stands once,
/// however many roles the process runs: the role is a label.
#[derive(Clone, Default)]
pub struct Metrics(Arc<Mutex<Shelf>>);

#[derive(Default)]
struct Shelf {
    registry: Registry,
    families: HashMap<&'static str, Box<dyn Any + Send>>,
}

impl Metrics {
    /// An empty registry.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The family of this name, registered where it is new. A family of another type under
    /// the same name is a defect: the second then counts for nobody.
    pub fn family<L, M>(
        &self,
        name: &'static str,
        help: &str,
        make: fn() -> M,
    ) -> MetricFamily<L, M>
    where
        L: Clone + Hash + Eq + EncodeLabelSet + fmt::Debug + Send + Sync + 'static,
        M: EncodeMetric + TypedMetric + fmt::Debug + Send + Sync + 'static,
    {
        let mut shelf = self.shelf();
        let known = shelf.families.get(name).and_then(|any| any.downcast_ref());
        if let Some(known) = known {
            return MetricFamily::clone(known);
        }
        let family = Family::new_with_constructor(make);
        shelf.registry.register(name, help, family.clone());
        shelf.families.insert(name, Box::new(family.clone()));
        family
    }

    /// Counters of this name; the exported name ends in `_total`.
    pub fn counters<L>(&self, name: &'static str, help: &str) -> MetricFamily<L, Counter>
    where
        L: Clone + Hash + Eq + EncodeLabelSet + fmt::Debug + Send + Sync + 'static,
    {
        self.family(name, help, Counter::default)
    }

    /// Gauges of this name.
    pub fn gauges<L>(&self, name: &'static str, help: &str) -> MetricFamily<L, Gauge>
    where
        L: Clone + Hash + Eq + EncodeLabelSet + fmt::Debug + Send + Sync + 'static,
    {
        self.family(name, help, Gauge::default)
    }

    /// Histograms of durations in seconds.
    pub fn durations<L>(&self, name: &'static str, help: &str) -> MetricFamily<L, Histogram>
    where
        L: Clone + Hash + Eq + EncodeLabelSet + fmt::Debug + Send + Sync + 'static,
    {
        self.family(name, help, || Histogram::new(SECONDS))
    }

    /// Registers a metric without labels, or one of a shape of its own.
    pub fn register(
        &self,
        name: &'static str,
        help: &str,
        metric: impl prometheus_client::registry::Metric,
    ) {
        self.shelf().registry.register(name, help, metric);
    }

    /// Adds a collector, which computes its metrics when they are read.
    pub fn collect(&self, collector: Box<dyn Collector>) {
        self.shelf().registry.register_collector(collector);
    }

    /// All metrics in the text format of OpenMetrics, which Prometheus reads.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut text = String::new();
        // Writing into a String cannot fail.
        let _ = prometheus_client::encoding::text::encode(&mut text, &self.shelf().registry);
        text
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stands_once_however_many_roles_ask_for_it() {
        let metrics = Metrics::new();
        for _ in 0..2 {
            let family = metrics.counters::<[(&'static str, String); 1]>("calls", "Calls");
            family.get_or_create(&[("role", "cif".to_owned())]).inc();
        }
        let text = metrics.encode();
        assert!(text.contains("calls_total{role=\"cif\"} 2"), "{text}");
        assert_eq!(text.matches("# TYPE calls").count(), 1);
    }
}
