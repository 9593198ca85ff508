//! Reading and deleting pending rows.

use std::time::Duration;

use florin_kernel::UnixMicros;
use florin_store::{Database, Engine, StoreError, Tx, sql};
use tokio::time::Instant;

use crate::{
    bus::Outgoing,
    event::{Envelope, PARTITIONS},
};

/// Acknowledged rows are deleted together after so long, or once there are so many: on SQLite
/// each deletion is a transaction that the service's own writes wait for.
const FLUSH_AFTER: Duration = Duration::from_millis(100);
const FLUSH_AT: usize = 2_048;

/// A pending row: position and replay. A replay asked for meanwhile makes it another row.
pub(super) type Key = (i64, i64);

pub(super) struct Pending {
    pub(super) key: Key,
    pub(super) sent: Outgoing,
}

/// Rows that the bus has acknowledged and that are not deleted yet.
#[derive(Default)]
pub(super) struct Acknowledged {
    keys: Vec<Key>,
    since: Option<Instant>,
}

impl Acknowledged {
    pub(super) fn add(&mut self, keys: Vec<Key>) {
        if !keys.is_empty() {
            self.since.get_or_insert_with(Instant::now);
            self.keys.extend(keys);
        }
    }

    pub(super) async fn flush_if_due(&mut self, db: &Database) -> Result<(), StoreError> {
        let due = self.since.is_some_and(|since| since.elapsed() >= FLUSH_AFTER);
        if due || self.keys.len() >= FLUSH_AT { self.flush(db).await } else { Ok(()) }
    }

    pub(super) async fn flush(&mut self, db: &Database) -> Result<(), StoreError> {
        if self.keys.is_empty() {
            return Ok(());
        }
        let keys = self.as_json();
        let pairs = match db.engine() {
            Engine::Sqlite => "SELECT value ->> 0, value ->> 1 FROM json_each($1)",
            Engine::Postgres => {
                "SELECT (pair ->> 0)::bigint, (pair ->> 1)::bigint \
                 FROM json_array_elements($1::json) AS pair"
            }
        };
        let delete = format!("DELETE FROM outbox_pending WHERE (position, replay) IN ({pairs})");
        db.write(async |tx: Tx| sql::execute(&tx, delete.clone(), [keys.clone().into()]).await)
            .await?;
        self.keys.clear();
        self.since = None;
        Ok(())
    }

    fn as_json(&self) -> String {
        let pairs =
            self.keys.iter().map(|(position, replay)| serde_json::json!([position, replay]));
        serde_json::Value::Array(pairs.collect()).to_string()
    }
}

/// The next events of the partitions: those never published before those that an operator
/// asked for again, each in the order of positions, which is the order of each aggregate's
/// versions. Any pending row counts, never "greater than the last seen": a row that commits
/// late is seen late.
pub(super) async fn next(
    db: &Database,
    role: &str,
    partitions: &[u8],
    acknowledged: &Acknowledged,
    limit: usize,
) -> Result<Vec<Pending>, StoreError> {
    let mut found = some(db, role, partitions, acknowledged, (LIVE, limit)).await?;
    let left = limit.saturating_sub(found.len());
    if left > 0 {
        found.extend(some(db, role, partitions, acknowledged, (REPLAYS, left)).await?);
    }
    Ok(found)
}

/// The conditions of the two partial indexes.
const LIVE: &str = "p.replay = 0";
const REPLAYS: &str = "p.replay <> 0";

/// When the oldest event was recorded that was never published.
pub(super) async fn oldest(
    db: &Database,
    partitions: &[u8],
    acknowledged: &Acknowledged,
) -> Result<Option<UnixMicros>, StoreError> {
    let condition = condition(db, partitions, LIVE);
    let query = format!(
        "SELECT o.recorded_at FROM outbox_pending p JOIN outbox o ON o.position = p.position \
         WHERE {condition} ORDER BY p.position LIMIT 1"
    );
    let row = sql::query_one(db.read(), query, [acknowledged.as_json().into()]).await?;
    row.map(|row| Ok(UnixMicros(row.try_get("", "recorded_at")?))).transpose()
}

fn condition(db: &Database, partitions: &[u8], kind: &str) -> String {
    let among = if partitions.len() == usize::from(PARTITIONS) {
        String::new()
    } else {
        let list: Vec<_> = partitions.iter().map(ToString::to_string).collect();
        format!("AND p.partition IN ({})", list.join(", "))
    };
    let positions = match db.engine() {
        Engine::Sqlite => "SELECT value ->> 0 FROM json_each($1)",
        Engine::Postgres => {
            "SELECT (pair ->> 0)::bigint FROM json_array_elements($1::json) AS pair"
        }
    };
    format!("{kind} AND p.position NOT IN ({positions}) {among}")
}

async fn some(
    db: &Database,
    role: &str,
    partitions: &[u8],
    acknowledged: &Acknowledged,
    (kind, limit): (&str, usize),
) -> Result<Vec<Pending>, StoreError> {
    let condition = condition(db, partitions, kind);
    let query = format!(
        "SELECT o.position, o.event_id, o.kind, o.partition, o.aggregate, o.version, o.payload, \
         o.correlation, o.causation, o.traceparent, o.historical, o.recorded_at, p.replay \
         FROM outbox_pending p JOIN outbox o ON o.position = p.position \
         WHERE {condition} ORDER BY p.position LIMIT $2"
    );
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let values = [acknowledged.as_json().into(), limit.into()];
    let found = sql::query_all(db.read(), query, values).await?;
    found
        .iter()
        .map(|row| {
            let replay = row.try_get("", "replay")?;
            let event = Envelope::from_row(role, row)?;
            Ok(Pending {
                key: (row.try_get("", "position")?, replay),
                sent: Outgoing { event, replay },
            })
        })
        .collect()
}
