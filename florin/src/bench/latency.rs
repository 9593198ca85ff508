//! Latencies in microseconds.

use anyhow::{Context as _, Result};
use hdrhistogram::Histogram;
use serde::Serialize;

/// The longest latency that is told apart: an hour.
const LONGEST_MICROS: u64 = 3_600_000_000;
/// Digits that are kept of each value.
const DIGITS: u8 = 3;

/// How often each latency was seen.
pub struct Latencies(Histogram<u64>);

/// What is told of the latencies, in microseconds.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Percentiles {
    /// How many were seen.
    pub count: u64,
    /// Half are not above it.
    pub p50: u64,
    /// 95 of 100 are not above it.
    pub p95: u64,
    /// 99 of 100 are not above it.
    pub p99: u64,
    /// 999 of 1,000 are not above it.
    pub p99_9: u64,
    /// The greatest.
    pub max: u64,
}

impl Latencies {
    /// None was seen yet.
    ///
    /// # Errors
    /// The histogram refuses its bounds.
    pub fn new() -> Result<Self> {
        let histogram = Histogram::new_with_bounds(1, LONGEST_MICROS, DIGITS);
        Ok(Self(histogram.context("a histogram of latencies")?))
    }

    /// One more, in microseconds.
    pub fn record(&mut self, micros: u64) {
        self.0.saturating_record(micros);
    }

    /// How many were seen.
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// The value that this part of all is not above.
    pub fn at(&self, quantile: f64) -> u64 {
        // The histogram keeps ranges of values; the greatest seen bounds the last of them.
        self.0.value_at_quantile(quantile).min(self.0.max())
    }

    /// What is told of them.
    pub fn percentiles(&self) -> Percentiles {
        Percentiles {
            count: self.count(),
            p50: self.at(0.5),
            p95: self.at(0.95),
            p99: self.at(0.99),
            p99_9: self.at(0.999),
            max: self.0.max(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_percentiles_to_three_digits() {
        let mut latencies = Latencies::new().unwrap();
        for micros in 1..=10_000 {
            latencies.record(micros);
        }
        let told = latencies.percentiles();
        assert_eq!(told.count, 10_000);
        for (got, exact) in [(told.p50, 5_000), (told.p95, 9_500), (told.p99, 9_900)] {
            assert!(got.abs_diff(exact) <= 8, "{got} instead of {exact}");
        }
        assert!(told.p99_9 <= told.max);
    }
}
