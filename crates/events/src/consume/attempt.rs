//! One transaction over some events: park, record, apply.

use florin_store::{Database, Tx};

use super::{ConsumeError, Desk, dead_letters};
use crate::{event::Envelope, inbox};

/// Applies events that the inbox lacks, in their order, and parks those whose key has a dead
/// letter. All of it or nothing.
pub(super) async fn attempt(
    db: &Database,
    desk: &Desk,
    events: &[Envelope],
) -> Result<(), ConsumeError> {
    db.write(async |tx: Tx| {
        let parked = dead_letters::parked_keys(&tx, desk.name, events).await?;
        let (behind, free): (Vec<&Envelope>, Vec<&Envelope>) =
            events.iter().partition(|event| parked.contains(&dead_letters::key_of(event)));
        dead_letters::park(&tx, desk.name, &behind).await?;
        let mut new = inbox::record(&tx, desk.name, &free).await?;
        // An event that is in the batch twice is new once.
        let fresh: Vec<_> =
            free.into_iter().filter(|event| new.remove(&event.id.to_string())).collect();
        desk.apply_all(&tx, &fresh).await
    })
    .await
}
