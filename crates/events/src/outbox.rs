//! The outbox: payloads are written in the transaction of the change, so that saving without
//! publishing cannot be expressed.

pub(crate) mod pages;

use std::sync::Arc;

use florin_kernel::EventId;
use florin_store::{
    Engine, StoreError, Tx, outbox, row,
    rows::{self, Cell, Column, Prepared},
    sql,
};
use tokio::sync::Notify;

use crate::event::{NewEvent, partition_of};

const COLUMNS: &[(&str, Column)] = &[
    ("event_id", Column::Text),
    ("kind", Column::Text),
    ("partition", Column::Int),
    ("aggregate", Column::Text),
    ("version", Column::Int),
    ("payload", Column::Bytes),
    ("correlation", Column::Text),
    ("causation", Column::Text),
    ("traceparent", Column::Text),
    ("historical", Column::Bool),
    ("recorded_at", Column::Int),
];

/// The writing end of a service's outbox. Clones wake the same relay.
#[derive(Debug, Clone)]
pub struct Outbox {
    role: &'static str,
    wake: Arc<Notify>,
}

impl Outbox {
    /// The outbox of a role.
    #[must_use]
    pub fn new(role: &'static str) -> Self {
        Self { role, wake: Arc::default() }
    }

    /// The role that publishes.
    #[must_use]
    pub const fn role(&self) -> &'static str {
        self.role
    }

    /// Records events in the transaction of the change, in their order, and wakes this
    /// process's relay once that has committed. Returns their ids, of which
    /// [`crate::position::encode`] makes the position of the write.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn append(&self, tx: &Tx, events: Vec<NewEvent>) -> Result<Vec<EventId>, StoreError> {
        if events.is_empty() {
            return Ok(Vec::new());
        }
        let recorded_at = tx.now().await?;
        let mut ids = Vec::with_capacity(events.len());
        let new_rows = events.into_iter().map(|event| {
            let (millis, random) = florin_store::id_parts();
            let id = EventId::from_parts(millis, random);
            ids.push(id);
            row! {
                "event_id": id,
                "kind": Cell::Fixed(event.kind),
                "partition": i64::from(partition_of(&event.aggregate)),
                "aggregate": event.aggregate,
                "version": event.version,
                "payload": event.payload,
                "correlation": event.cause.correlation,
                "causation": event.cause.causation,
                "traceparent": event.cause.traceparent,
                "historical": event.historical,
                "recorded_at": recorded_at.0,
            }
        });
        let new_rows = Prepared::of(tx, COLUMNS, new_rows)?;
        match tx.engine() {
            Engine::Sqlite => append_sqlite(tx, new_rows, &ids).await?,
            Engine::Postgres => append_postgres(tx, new_rows).await?,
        }
        let wake = Arc::clone(&self.wake);
        tx.on_commit(move || wake.notify_one());
        Ok(ids)
    }

    /// Ends when somebody appended since the last call.
    pub(crate) async fn woken(&self) {
        self.wake.notified().await;
    }
}

async fn append_sqlite(tx: &Tx, new_rows: Prepared<'_>, ids: &[EventId]) -> Result<(), StoreError> {
    new_rows.insert(tx, outbox::OUTBOX).await?;
    let ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
    let pend = format!(
        "INSERT INTO outbox_pending (position, partition) \
         SELECT position, partition FROM outbox WHERE event_id {}",
        rows::among(Engine::Sqlite, 1),
    );
    sql::execute(tx, pend, [rows::texts(Engine::Sqlite, &ids)]).await?;
    Ok(())
}

/// One statement. Before it draws positions it announces, by a shared advisory lock that ends
/// with the transaction, above which position it will write: [`pages::settled`] reads these
/// locks and so knows which positions may still be filled by somebody who commits late.
async fn append_postgres(tx: &Tx, new_rows: Prepared<'_>) -> Result<(), StoreError> {
    let append = |events: &str| {
        format!(
            "WITH announced AS MATERIALIZED ( \
           SELECT pg_advisory_xact_lock_shared('outbox'::regclass::oid::int4, \
             (CASE WHEN is_called THEN last_value ELSE 0 END & {mask})::int4) \
           FROM outbox_position_seq), \
         added AS ( \
           INSERT INTO outbox (event_id, kind, partition, aggregate, version, payload, \
             correlation, causation, traceparent, historical, recorded_at) \
           SELECT r.event_id, r.kind, r.partition, r.aggregate, r.version, r.payload, \
             r.correlation, r.causation, r.traceparent, r.historical, r.recorded_at \
           FROM announced CROSS JOIN ({events}) AS r \
           RETURNING position, partition) \
         INSERT INTO outbox_pending (position, partition) \
         SELECT position, partition FROM added",
            mask = pages::ANNOUNCED_BITS,
        )
    };
    new_rows.execute(tx, append).await?;
    Ok(())
}

#[cfg(test)]
mod tests;
