//! What operators see of a breaker: a line a change, and a gauge.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use prometheus_client::metrics::gauge::Gauge;

use super::breaker::{Change, Tell};
use crate::Role;

/// Name of the gauge.
pub const GAUGE: &str = "florin_dependency_breaker_open";
/// What it says.
pub const HELP: &str = "1 while the breaker lets no call through";

/// Writes one line a change of a breaker, and keeps its gauge fresh without traffic: once the
/// time of an opening is over, the next call gets through as a probe.
pub fn teller(own: &'static str, role: Role, open: Gauge) -> Tell {
    let opening = Arc::new(AtomicU64::new(0));
    Box::new(move |change| {
        let dependency = role.name();
        let number = opening.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        match change {
            Change::Opened { at_first, for_at_least } => {
                open.set(1);
                if at_first {
                    let cause = "too many failures or slow calls";
                    tracing::warn!(role = own, dependency, cause, "breaker opened");
                } else {
                    tracing::debug!(role = own, dependency, "breaker opened again by a probe");
                }
                // The calls of a role need a runtime; the tests of the breaker have none.
                let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
                let (open, opening) = (open.clone(), Arc::clone(&opening));
                runtime.spawn(async move {
                    tokio::time::sleep(for_at_least).await;
                    if opening.load(Ordering::Relaxed) == number {
                        open.set(0);
                    }
                });
            }
            Change::HalfOpened => {
                open.set(0);
            }
            Change::Closed => {
                open.set(0);
                tracing::info!(role = own, dependency, "breaker closed");
            }
        }
    })
}
