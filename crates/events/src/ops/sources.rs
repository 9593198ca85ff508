//! The outbox for others: pages, replay, and what an inbox lacks.

use florin_kernel::UnixMicros;
use florin_proto::{
    instant_of,
    ops::v1::{
        FindMissingEventsRequest, FindMissingEventsResponse, ListOutboxEventsRequest,
        ListOutboxEventsResponse, OutboxEvent, ReplayEventsRequest,
    },
    timestamp,
};
use florin_store::{Database, StoreError, Tx, sql};

use super::{OpsError, Record, refusal};
use crate::{consume::dead_letters, inbox, outbox::pages};

const DEFAULT_PAGE: i32 = 500;
const MAX_PAGE: i32 = 1_000;
/// Ids that one question may carry.
const MAX_IDS: usize = 1_000;
/// A page ends after so many bytes of payload, below the usual limit of a gRPC message.
const MAX_PAGE_BYTES: usize = 2 << 20;
/// Positions that one transaction of a replay looks at: on SQLite it has the only writer.
const REPLAY_PAGE: i64 = 5_000;

pub(super) async fn list(
    db: &Database,
    role: &str,
    request: &ListOutboxEventsRequest,
) -> Result<ListOutboxEventsResponse, OpsError> {
    let size = match request.page_size {
        0 => DEFAULT_PAGE,
        size @ 1..=MAX_PAGE => size,
        _ => return Err(refusal::invalid("page_size", "must be 1 to 1000, or 0 for 500")),
    };
    let last_position = pages::last(db).await?;
    let settled_position = pages::settled(db).await?;
    let found =
        pages::page(db, role, request.after_position, settled_position, i64::from(size)).await;
    let mut bytes = 0;
    let mut events = Vec::new();
    for listed in found? {
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

/// What the audit says of a replay.
pub(super) fn reference_of(asked: &ReplayEventsRequest) -> String {
    let ReplayEventsRequest { from_position, to_position, since, event_id } = asked;
    if !event_id.is_empty() {
        return event_id.clone();
    }
    let since = since.as_ref().and_then(instant_of);
    let since = since.map(|since| format!(" since {}", since.0)).unwrap_or_default();
    format!("{from_position}..{to_position}{since}")
}

/// Makes the events pending once more; the relays find them by themselves. It marks page by
/// page: whoever gives up meanwhile has what was marked by then published, and asks again.
pub(super) async fn replay(
    db: &Database,
    asked: &ReplayEventsRequest,
    record: &Record,
) -> Result<i64, OpsError> {
    if asked.from_position < 0 {
        return Err(refusal::invalid("from_position", "must not be negative"));
    }
    if asked.to_position < 0 {
        return Err(refusal::invalid("to_position", "must not be negative"));
    }
    let since = match &asked.since {
        None => 0,
        Some(since) => {
            instant_of(since).ok_or_else(|| refusal::invalid("since", "must be an instant"))?.0
        }
    };
    let replay = Replay {
        to: if asked.to_position == 0 { i64::MAX } else { asked.to_position },
        since,
        event_id: asked.event_id.clone(),
    };
    Ok(replay.mark(db, asked.from_position, record).await?)
}

/// Events to publish again.
struct Replay {
    to: i64,
    since: i64,
    event_id: String,
}

impl Replay {
    async fn mark(&self, db: &Database, from: i64, record: &Record) -> Result<i64, StoreError> {
        let now = db
            .write(async |tx: Tx| {
                record.write(&tx).await?;
                tx.now().await
            })
            .await?;
        let (mut from, mut marked) = (from, 0_i64);
        while let Some(last) = self.end_of_page(db, from).await? {
            let more = db.write(async |tx: Tx| self.mark_page(&tx, from, last, now).await).await?;
            marked = marked.saturating_add(i64::try_from(more).unwrap_or(i64::MAX));
            from = last.saturating_add(1);
        }
        Ok(marked)
    }

    /// The last position of the page that begins at `from`; None at the end.
    async fn end_of_page(&self, db: &Database, from: i64) -> Result<Option<i64>, StoreError> {
        let query = if self.event_id.is_empty() {
            "SELECT MAX(position) AS last FROM (SELECT position FROM outbox \
             WHERE position >= $1 AND position <= $2 ORDER BY position LIMIT $3) AS page"
        } else {
            "SELECT position AS last FROM outbox \
             WHERE position >= $1 AND position <= $2 AND event_id = $3"
        };
        let third = if self.event_id.is_empty() {
            REPLAY_PAGE.into()
        } else {
            self.event_id.as_str().into()
        };
        let row = sql::query_one(db.read(), query, [from.into(), self.to.into(), third]).await?;
        row.map_or(Ok(None), |row| Ok(row.try_get("", "last")?))
    }

    /// A row that was never published stays what it is: it goes before every replay anyway.
    async fn mark_page(
        &self,
        tx: &Tx,
        from: i64,
        last: i64,
        now: UnixMicros,
    ) -> Result<u64, StoreError> {
        let first = if self.event_id.is_empty() { from } else { last };
        let again = "INSERT INTO outbox_pending (position, partition, replay) \
                     SELECT o.position, o.partition, $4 FROM outbox AS o \
                     WHERE o.position >= $1 AND o.position <= $2 AND o.recorded_at >= $3 \
                     AND NOT EXISTS (SELECT 1 FROM outbox_pending AS p \
                     WHERE p.replay = 0 AND p.position = o.position) \
                     ON CONFLICT (position) WHERE replay <> 0 \
                     DO UPDATE SET replay = excluded.replay";
        let values = [first.into(), last.into(), self.since.into(), now.0.into()];
        sql::execute(tx, again, values).await
    }
}

pub(super) async fn find_missing(
    db: &Database,
    role: &str,
    sources: &[&str],
    request: &FindMissingEventsRequest,
) -> Result<FindMissingEventsResponse, OpsError> {
    if request.event_ids.len() > MAX_IDS {
        return Err(refusal::invalid("event_ids", "must be at most 1000"));
    }
    if !sources.contains(&request.source.as_str()) {
        return Ok(FindMissingEventsResponse::default());
    }
    let missing = inbox::missing(db, &request.event_ids).await?;
    let dead_or_parked = dead_letters::among(db, role, &missing).await?;
    Ok(FindMissingEventsResponse { missing, dead_or_parked, reads_source: true })
}
