//! What operators see of a breaker: lines, and a gauge.

use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::metrics::gauge::Gauge;

use super::breaker::{Change, Tell};
use crate::Role;

/// Name of the gauge.
pub const GAUGE: &str = "florin_dependency_breaker_open";
/// What it says.
pub const HELP: &str = "1 from the opening of the breaker until calls get through again";

/// Writes a line when a breaker opens, when it opens again for the 1st, 2nd, 4th, 8th time and
/// so on, and when it closes. Its gauge says open for all that time: half open, all calls but
/// the probes are refused. Without traffic there is no probe, and it stays.
pub fn teller(own: &'static str, role: Role, purpose: &'static str, open: Gauge) -> Tell {
    let again = AtomicU64::new(0);
    Box::new(move |change| {
        let dependency = role.name();
        match change {
            Change::Opened { at_first: true } => {
                again.store(0, Ordering::Relaxed);
                open.set(1);
                let cause = "too many failures or slow calls";
                tracing::warn!(role = own, dependency, purpose, cause, "breaker opened");
            }
            Change::Opened { at_first: false } => {
                let times = again.fetch_add(1, Ordering::Relaxed).saturating_add(1);
                if times.is_power_of_two() {
                    tracing::warn!(role = own, dependency, purpose, times, "breaker opened again");
                }
            }
            Change::Closed => {
                open.set(0);
                tracing::info!(role = own, dependency, purpose, "breaker closed");
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gauge_says_open_until_calls_get_through_again() {
        let gauge = Gauge::default();
        let tell = teller("payment", Role::Account, "general", gauge.clone());
        for (change, open) in [
            (Change::Opened { at_first: true }, 1),
            (Change::Opened { at_first: false }, 1),
            (Change::Closed, 0),
        ] {
            tell(change);
            assert_eq!(gauge.get(), open, "{change:?}");
        }
    }
}
