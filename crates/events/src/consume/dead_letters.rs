//! Dead letters, and what is parked behind them. A key is a source and an aggregate.

use std::collections::HashSet;

use florin_kernel::UnixMicros;
use florin_store::{
    Database, Engine, StoreError, Tx, outbox, row,
    rows::{self, Column},
    sql,
};
use sea_orm::QueryResult;

use crate::{event::Envelope, inbox};

const COLUMNS: &[(&str, Column)] = &[
    ("consumer", Column::Text),
    ("event_id", Column::Text),
    ("source", Column::Text),
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
    ("attempts", Column::Int),
    ("reason", Column::Text),
    ("first_failed_at", Column::Int),
    ("state", Column::Text),
];
/// What [`Envelope::from_row`] reads, and what tells about the failure.
const SELECTED: &str = "ordinal, event_id, source, kind, partition, aggregate, version, payload, \
                        correlation, causation, traceparent, historical, recorded_at, attempts, \
                        reason, first_failed_at";
/// "In order" is the order of the aggregate's versions.
const FIRST_OF_KEY: &str = "WHERE consumer = $1 AND source = $2 AND aggregate = $3 \
                            AND state = 'parked' ORDER BY version, ordinal LIMIT 1";

/// A dead letter, or an event parked behind one.
pub(crate) struct DeadLetter {
    pub(crate) ordinal: i64,
    pub(crate) event: Envelope,
    /// 0 for one that only waits.
    pub(crate) attempts: i64,
    pub(crate) reason: String,
    pub(crate) at: UnixMicros,
}

pub(crate) fn key_of(event: &Envelope) -> (String, String) {
    (event.source.clone(), event.aggregate.clone())
}

/// Which keys of these events are parked. Their rows are locked, so that a retry that ends
/// at the same time cannot leave an event parked behind nothing.
pub(super) async fn parked_keys(
    tx: &Tx,
    consumer: &str,
    events: &[Envelope],
) -> Result<HashSet<(String, String)>, StoreError> {
    let any =
        "SELECT 1 AS found FROM dead_letters WHERE consumer = $1 AND state = 'parked' LIMIT 1";
    if sql::query_one(tx, any, [consumer.into()]).await?.is_none() {
        return Ok(HashSet::new());
    }
    let aggregates: Vec<_> = events.iter().map(|event| event.aggregate.as_str()).collect();
    let query = format!(
        "SELECT source, aggregate FROM dead_letters WHERE consumer = $1 AND state = 'parked' \
         AND aggregate {} ORDER BY ordinal{}",
        rows::among(tx.engine(), 2),
        tx.engine().for_update(),
    );
    let found =
        sql::query_all(tx, query, [consumer.into(), rows::texts(tx.engine(), &aggregates)]).await?;
    found
        .iter()
        .map(|row| Ok((row.try_get("", "source")?, row.try_get("", "aggregate")?)))
        .collect()
}

/// Lets events wait behind the dead letter of their key, unless they were applied before.
pub(super) async fn park(tx: &Tx, consumer: &str, events: &[&Envelope]) -> Result<(), StoreError> {
    insert(tx, consumer, events, 0, "").await
}

/// Makes an event a dead letter: its key is parked from now on.
pub(super) async fn bury(
    tx: &Tx,
    consumer: &str,
    event: &Envelope,
    attempts: i64,
    reason: &str,
) -> Result<(), StoreError> {
    insert(tx, consumer, &[event], attempts, reason).await
}

async fn insert(
    tx: &Tx,
    consumer: &str,
    events: &[&Envelope],
    attempts: i64,
    reason: &str,
) -> Result<(), StoreError> {
    let ids: Vec<_> = events.iter().map(|event| event.id.to_string()).collect();
    let unapplied: HashSet<_> = inbox::missing_in(tx, &ids).await?.into_iter().collect();
    let now = tx.now().await?;
    let new_rows = events
        .iter()
        .filter(|event| unapplied.contains(&event.id.to_string()))
        .map(|event| {
            row! {
                "consumer": consumer,
                "event_id": event.id.to_string(),
                "source": event.source.as_str(),
                "kind": event.kind.as_str(),
                "partition": i64::from(event.partition),
                "aggregate": event.aggregate.as_str(),
                "version": event.version,
                "payload": event.payload.to_vec(),
                "correlation": event.correlation.as_str(),
                "causation": event.causation.as_str(),
                "traceparent": event.traceparent.clone(),
                "historical": event.historical,
                "recorded_at": event.recorded_at.0,
                "attempts": attempts,
                "reason": reason,
                "first_failed_at": now.0,
                "state": "parked",
            }
        })
        .collect();
    let key = &["consumer", "event_id"];
    rows::insert_new(tx, outbox::DEAD_LETTERS, COLUMNS, key, new_rows, "event_id").await?;
    Ok(())
}

/// The first event of a key in the order of versions, locked.
pub(super) async fn first(
    tx: &Tx,
    consumer: &str,
    source: &str,
    aggregate: &str,
) -> Result<Option<Envelope>, StoreError> {
    let query =
        format!("SELECT {SELECTED} FROM dead_letters {FIRST_OF_KEY}{}", tx.engine().for_update());
    let values = [consumer.into(), source.into(), aggregate.into()];
    let row = sql::query_one(tx, query, values).await?;
    row.map(|row| Envelope::from_row(source, &row)).transpose()
}

pub(super) async fn remove(tx: &Tx, consumer: &str, event: &Envelope) -> Result<(), StoreError> {
    let delete = "DELETE FROM dead_letters WHERE consumer = $1 AND event_id = $2";
    sql::execute(tx, delete, [consumer.into(), event.id.to_string().into()]).await?;
    Ok(())
}

/// The first event of a key was refused (again): it is the dead letter.
pub(super) async fn refuse_first(
    tx: &Tx,
    consumer: &str,
    source: &str,
    aggregate: &str,
    reason: &str,
) -> Result<(), StoreError> {
    let update = format!(
        "UPDATE dead_letters SET attempts = attempts + 1, reason = $4 WHERE consumer = $1 \
         AND ordinal = (SELECT ordinal FROM dead_letters {FIRST_OF_KEY})"
    );
    let values = [consumer.into(), source.into(), aggregate.into(), reason.into()];
    sql::execute(tx, update, values).await?;
    Ok(())
}

/// Gives an event up: it counts as processed, its row stays as a record. The dead letter as
/// it was, or None where there is no such.
pub(crate) async fn discard(
    tx: &Tx,
    consumer: &str,
    event_id: &str,
    why: &str,
) -> Result<Option<DeadLetter>, StoreError> {
    let Some(found) = find(tx, consumer, event_id, tx.engine().for_update()).await? else {
        return Ok(None);
    };
    inbox::record(tx, consumer, &[&found.event]).await?;
    let update = "UPDATE dead_letters SET state = 'discarded', reason = $3 \
                  WHERE consumer = $1 AND event_id = $2";
    let reason = format!("{}; discarded: {why}", found.reason);
    sql::execute(tx, update, [consumer.into(), event_id.into(), reason.into()]).await?;
    Ok(Some(found))
}

/// The dead letter or parked event with this id. `lock` is empty or the engine's clause.
pub(crate) async fn find(
    connection: &impl sea_orm::ConnectionTrait,
    consumer: &str,
    event_id: &str,
    lock: &str,
) -> Result<Option<DeadLetter>, StoreError> {
    let query = format!(
        "SELECT {SELECTED} FROM dead_letters \
         WHERE consumer = $1 AND event_id = $2 AND state = 'parked'{lock}"
    );
    let row = sql::query_one(connection, query, [consumer.into(), event_id.into()]).await?;
    row.map(|row| read(&row)).transpose()
}

/// Open dead letters and parked events after an ordinal, in the order in which they came.
pub(crate) async fn page(
    db: &Database,
    consumer: &str,
    after: i64,
    limit: i64,
) -> Result<Vec<DeadLetter>, StoreError> {
    let query = format!(
        "SELECT {SELECTED} FROM dead_letters WHERE consumer = $1 AND state = 'parked' \
         AND ordinal > $2 ORDER BY ordinal LIMIT $3"
    );
    let values = [consumer.into(), after.into(), limit.into()];
    sql::query_all(db.read(), query, values).await?.iter().map(read).collect()
}

/// How many events of a source are open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenLetters {
    /// The role that recorded them.
    pub source: String,
    /// Events that were refused.
    pub dead: i64,
    /// Events that wait behind them.
    pub parked: i64,
}

/// Counts the open dead letters of a reader, and what is parked behind them, by source.
///
/// # Errors
/// Those of the database.
pub async fn open_letters(db: &Database, consumer: &str) -> Result<Vec<OpenLetters>, StoreError> {
    let query = "SELECT source, CAST(SUM(CASE WHEN attempts > 0 THEN 1 ELSE 0 END) AS BIGINT) \
                 AS dead, COUNT(*) AS counted FROM dead_letters \
                 WHERE consumer = $1 AND state = 'parked' GROUP BY source ORDER BY source";
    let found = sql::query_all(db.read(), query, [consumer.into()]).await?;
    found
        .iter()
        .map(|row| {
            let (dead, counted): (i64, i64) =
                (row.try_get("", "dead")?, row.try_get("", "counted")?);
            Ok(OpenLetters { source: row.try_get("", "source")?, dead, parked: counted - dead })
        })
        .collect()
}

/// Which of the events are dead letters or parked.
pub(crate) async fn among(
    db: &Database,
    consumer: &str,
    ids: &[String],
) -> Result<Vec<String>, StoreError> {
    let query = format!(
        "SELECT event_id FROM dead_letters WHERE consumer = $1 AND state = 'parked' \
         AND event_id {} ORDER BY ordinal",
        rows::among(Engine::of(db.read()), 2),
    );
    let found = sql::query_all(
        db.read(),
        query,
        [consumer.into(), rows::texts(Engine::of(db.read()), ids)],
    )
    .await?;
    found.iter().map(|row| Ok(row.try_get("", "event_id")?)).collect()
}

fn read(row: &QueryResult) -> Result<DeadLetter, StoreError> {
    let source: String = row.try_get("", "source")?;
    Ok(DeadLetter {
        ordinal: row.try_get("", "ordinal")?,
        event: Envelope::from_row(&source, row)?,
        attempts: row.try_get("", "attempts")?,
        reason: row.try_get("", "reason")?,
        at: UnixMicros(row.try_get("", "first_failed_at")?),
    })
}
