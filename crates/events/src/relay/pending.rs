//! Reading and deleting pending rows.

use std::time::Duration;

use florin_kernel::UnixMicros;
use florin_store::{
    Database, Engine, StoreError, Tx, row,
    rows::{self, Column},
    sql,
};
use tokio::time::Instant;

use crate::{
    bus::Outgoing,
    event::{Envelope, PARTITIONS},
};

/// Acknowledged rows are deleted together after so long, or once there are so many: on SQLite
/// each deletion is a transaction that the service's own writes wait for.
const FLUSH_AFTER: Duration = Duration::from_millis(100);
const FLUSH_AT: usize = 2_048;

const KEY: [(&str, Column); 2] = [("position", Column::Int), ("replay", Column::Int)];

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
        let rows = self.keys.iter().map(|(position, replay)| {
            row! {"position": *position, "replay": *replay}
        });
        let rows: Vec<_> = rows.collect();
        let delete =
            |keys: &str| format!("DELETE FROM outbox_pending WHERE (position, replay) IN ({keys})");
        db.write(async |tx: Tx| rows::execute(&tx, &KEY, rows.clone(), delete).await).await?;
        self.keys.clear();
        self.since = None;
        Ok(())
    }

    /// The positions as a list for [`condition`].
    fn positions(&self) -> String {
        let positions: Vec<_> =
            self.keys.iter().map(|(position, _)| serde_json::Value::from(*position)).collect();
        serde_json::Value::Array(positions).to_string()
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
    let row = sql::query_one(db.read(), query, [acknowledged.positions().into()]).await?;
    row.map(|row| Ok(UnixMicros(row.try_get_by("recorded_at")?))).transpose()
}

fn condition(db: &Database, partitions: &[u8], kind: &str) -> String {
    let among = if partitions.len() == usize::from(PARTITIONS) {
        String::new()
    } else {
        let list: Vec<_> = partitions.iter().map(ToString::to_string).collect();
        format!("AND p.partition IN ({})", list.join(", "))
    };
    let positions = match db.engine() {
        Engine::Sqlite => "SELECT value FROM json_each($1)",
        Engine::Postgres => "SELECT at::bigint FROM json_array_elements_text($1::json) AS at",
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
    let values = [acknowledged.positions().into(), limit.into()];
    let found = sql::query_all(db.read(), query, values).await?;
    found
        .iter()
        .map(|row| {
            let replay = row.try_get_by("replay")?;
            let event = Envelope::from_row(role, row)?;
            Ok(Pending {
                key: (row.try_get_by("position")?, replay),
                sent: Outgoing { event, replay },
            })
        })
        .collect()
}
