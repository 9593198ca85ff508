//! The cycles of the simulated network end with the bank's business dates: each tells by a
//! statement what the nostro account has to be.

use std::time::Duration;

use florin_simulator::Simulator;
use tokio_util::sync::CancellationToken;

use crate::{connect::Caller, mesh::Mesh, ops};

/// How often the business date is asked for.
const ASK_EVERY: Duration = Duration::from_secs(1);

/// Ends them until the shutdown. A close that comes while nobody looks is seen by the next look,
/// after a restart too: the network keeps the date that it has heard of.
pub(super) async fn end(simulator: Simulator, mesh: Mesh, shutdown: CancellationToken) {
    let caller = match Caller::operator(mesh, crate::certs::OPERATOR) {
        Ok(caller) => caller,
        Err(error) => {
            tracing::error!(%error, "the simulated network ends no cycle by itself");
            return shutdown.cancelled().await;
        }
    };
    let mut ask = tokio::time::interval(ASK_EVERY);
    while shutdown.run_until_cancelled(ask.tick()).await.is_some() {
        let asked = shutdown.run_until_cancelled(ops::business_date::open(&caller)).await;
        let followed = match asked {
            None => return,
            Some(Ok(date)) => simulator.follow(&date),
            Some(Err(error)) => Err(error.to_string()),
        };
        if let Err(error) = followed {
            tracing::warn!(error, "the simulated network could not follow the business date");
        }
    }
}
