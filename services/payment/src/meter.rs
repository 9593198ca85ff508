//! What `payment` measures beside what the mesh does.

use florin_kernel::Role;
use florin_rpc::Metrics;

/// The metrics of the role, in the registry of the process.
#[derive(Debug, Clone)]
pub(crate) struct Meter {
    metrics: Metrics,
}

impl Meter {
    pub(crate) const fn new(metrics: Metrics) -> Self {
        Self { metrics }
    }

    /// An attempt on a transfer that the ledger refuses for its content.
    pub(crate) fn stuck(&self) {
        let help = "Attempts on transfers that stay in POSTING until people look";
        self.count("florin_payment_stuck", help, 1);
    }

    fn count(&self, name: &'static str, help: &str, by: u64) {
        let role = [("role", Role::Payment.name())];
        self.metrics.counters(name, help).get_or_create(&role).inc_by(by);
    }
}
