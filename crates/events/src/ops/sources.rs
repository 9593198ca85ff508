//! The outbox for others: pages, replay, and what an inbox lacks.

use florin_proto::{
    ops::v1::{
        FindMissingEventsRequest, FindMissingEventsResponse, ListOutboxEventsRequest,
        ListOutboxEventsResponse, OutboxEvent, ReplayEventsRequest,
    },
    timestamp,
};
use florin_store::{Database, StoreError, Tx, sql};
use tonic::Status;

use super::{Record, refusal};
use crate::{consume::dead_letters, inbox, outbox::pages};

const DEFAULT_PAGE: i32 = 500;
const MAX_PAGE: i32 = 1_000;
/// Ids that one question may carry.
const MAX_IDS: usize = 1_000;
/// A page ends after so many bytes of payload, below the usual limit of a gRPC message.
const MAX_PAGE_BYTES: usize = 2 << 20;

pub(super) async fn list(
    db: &Database,
    role: &str,
    request: &ListOutboxEventsRequest,
) -> Result<ListOutboxEventsResponse, Status> {
    let size = match request.page_size {
        0 => DEFAULT_PAGE,
        size @ 1..=MAX_PAGE => size,
        _ => return Err(refusal::invalid("page_size", "must be 1 to 1000, or 0 for 500")),
    };
    let last_position = pages::last(db).await.map_err(|error| refusal::internal(&error))?;
    let settled_position = pages::settled(db).await.map_err(|error| refusal::internal(&error))?;
    let found =
        pages::page(db, role, request.after_position, settled_position, i64::from(size)).await;
    let mut bytes = 0;
    let mut events = Vec::new();
    for listed in found.map_err(|error| refusal::internal(&error))? {
        bytes += listed.event.payload.len();
        if bytes > MAX_PAGE_BYTES && !events.is_empty() && !request.keys_only {
            break;
        }
        events.push(wire(listed, request.keys_only));
    }
    Ok(ListOutboxEventsResponse { events, settled_position, last_position })
}

fn wire(listed: pages::Listed, keys_only: bool) -> OutboxEvent {
    let event = listed.event;
    OutboxEvent {
        position: listed.position,
        event_id: event.id.to_string(),
        kind: event.kind,
        aggregate: event.aggregate,
        version: event.version,
        payload: if keys_only { Default::default() } else { event.payload },
        recorded_at: Some(timestamp(event.recorded_at)),
        pending: listed.pending,
        partition: i32::from(event.partition),
        correlation: event.correlation,
        causation: event.causation,
        traceparent: event.traceparent.unwrap_or_default(),
        historical: event.historical,
    }
}

/// Makes the events pending once more; the relays find them by themselves.
pub(super) async fn replay(
    db: &Database,
    range: &ReplayEventsRequest,
    record: &Record,
) -> Result<i64, Status> {
    if range.from_position < 0 {
        return Err(refusal::invalid("from_position", "must not be negative"));
    }
    if range.to_position < 0 {
        return Err(refusal::invalid("to_position", "must not be negative"));
    }
    let to = if range.to_position == 0 { i64::MAX } else { range.to_position };
    let queued = db
        .write(async |tx: Tx| {
            record.write(&tx).await?;
            let now = tx.now().await?;
            let again = "INSERT INTO outbox_pending (position, partition, event_id, replay) \
                         SELECT position, partition, event_id, $3 FROM outbox \
                         WHERE position >= $1 AND position <= $2 \
                         ON CONFLICT (position) DO UPDATE SET replay = excluded.replay";
            let values = [range.from_position.into(), to.into(), now.0.into()];
            sql::execute(&tx, again, values).await
        })
        .await
        .map_err(|error: StoreError| refusal::internal(&error))?;
    Ok(i64::try_from(queued).unwrap_or(i64::MAX))
}

pub(super) async fn find_missing(
    db: &Database,
    role: &str,
    sources: &[&str],
    request: &FindMissingEventsRequest,
) -> Result<FindMissingEventsResponse, Status> {
    if request.event_ids.len() > MAX_IDS {
        return Err(refusal::invalid("event_ids", "must be at most 1000"));
    }
    if !sources.contains(&request.source.as_str()) {
        return Ok(FindMissingEventsResponse::default());
    }
    let internal = |error: StoreError| refusal::internal(&error);
    let missing = inbox::missing(db, &request.event_ids).await.map_err(internal)?;
    let dead_or_parked = dead_letters::among(db, role, &missing).await.map_err(internal)?;
    Ok(FindMissingEventsResponse { missing, dead_or_parked, reads_source: true })
}
