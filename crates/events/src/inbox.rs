//! The inbox: which events a service has applied, recorded in the transaction of the effect.

use std::{collections::HashSet, time::Duration};

use florin_store::{
    Database, Engine, StoreError, Tx, outbox, row,
    rows::{self, Column, Prepared},
    sql,
};
use sea_orm::ConnectionTrait;
use tokio::time::Instant;

use crate::event::Envelope;

/// How long [`wait_for`] waits before it looks again; it doubles up to the longest.
const FIRST_LOOK: Duration = Duration::from_millis(4);
const LONGEST_LOOK: Duration = Duration::from_millis(50);

const COLUMNS: &[(&str, Column)] = &[
    ("consumer", Column::Text),
    ("event_id", Column::Text),
    ("source", Column::Text),
    ("aggregate", Column::Text),
    ("version", Column::Int),
    ("processed_at", Column::Int),
];

/// Those of the events that this database has not applied, in their order.
///
/// # Errors
/// Those of the database.
pub async fn missing(db: &Database, ids: &[String]) -> Result<Vec<String>, StoreError> {
    missing_in(db.read(), ids).await
}

pub(crate) async fn missing_in(
    connection: &impl ConnectionTrait,
    ids: &[String],
) -> Result<Vec<String>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let among = rows::among(Engine::of(connection), 1);
    let query = format!("SELECT DISTINCT event_id FROM inbox WHERE event_id {among}");
    let mut present = HashSet::new();
    for row in sql::query_all(connection, query, [rows::texts(Engine::of(connection), ids)]).await?
    {
        present.insert(row.try_get::<String>("", "event_id")?);
    }
    Ok(ids.iter().filter(|id| !present.contains(*id)).cloned().collect())
}

/// Waits until this database has applied all of the events; false where it has not after
/// `at_most`.
///
/// # Errors
/// Those of the database.
pub async fn wait_for(
    db: &Database,
    ids: &[String],
    at_most: Duration,
) -> Result<bool, StoreError> {
    let until = Instant::now() + at_most;
    let mut look = FIRST_LOOK;
    loop {
        if missing(db, ids).await?.is_empty() {
            return Ok(true);
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(false);
        }
        tokio::time::sleep(look.min(left)).await;
        look = look.saturating_mul(2).min(LONGEST_LOOK);
    }
}

/// Records events as applied and returns which were not yet; PostgreSQL waits for another
/// transaction that is recording the same.
pub(crate) async fn record(
    tx: &Tx,
    consumer: &str,
    events: &[&Envelope],
) -> Result<HashSet<String>, StoreError> {
    if events.is_empty() {
        return Ok(HashSet::new());
    }
    let now = tx.now().await?;
    let mut sorted = events.to_vec();
    sorted.sort_unstable_by_key(|event| event.id);
    let new_rows = sorted.iter().map(|event| {
        row! {
            "consumer": consumer,
            "event_id": event.id,
            "source": event.source.as_str(),
            "aggregate": event.aggregate.as_str(),
            "version": event.version,
            "processed_at": now.0,
        }
    });
    let key = &["consumer", "event_id"];
    let new_rows = Prepared::of(tx, COLUMNS, new_rows)?;
    let new = new_rows.insert_new(tx, outbox::INBOX, key, "event_id").await?;
    Ok(new.into_iter().collect())
}

#[cfg(test)]
mod tests;
