//! Reading the outbox by pages of positions without losing rows that commit late.

use florin_store::{Database, Engine, StoreError, sql};

use crate::event::Envelope;

/// An advisory lock carries the low 31 bits of a position.
pub(crate) const ANNOUNCED_BITS: i64 = 0x7fff_ffff;

/// A row of the outbox.
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) position: i64,
    pub(crate) pending: bool,
    pub(crate) event: Envelope,
}

/// The highest position up to which no writer is open: what is not there now never will be.
///
/// SQLite has one writer at a time, so the highest position is it. On PostgreSQL a position is
/// drawn before its row is seen, and a later position may commit first. Each writer announces
/// by a lock above which position it writes, before it draws; here the last position drawn is
/// read first and the locks after it. A writer whose lock is not seen yet draws after both,
/// hence above the position read here.
pub(crate) async fn settled(db: &Database) -> Result<i64, StoreError> {
    match db.engine() {
        Engine::Sqlite => last(db).await,
        Engine::Postgres => {
            let last = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END AS drawn \
                        FROM outbox_position_seq";
            let drawn = drawn(db, last).await?;
            let open = "SELECT l.objid::bigint AS announced FROM pg_locks l \
                        JOIN pg_database d ON d.oid = l.database \
                        WHERE l.locktype = 'advisory' AND l.objsubid = 2 AND l.granted \
                        AND d.datname = current_database() \
                        AND l.classid = 'outbox'::regclass::oid";
            let mut settled = drawn;
            for row in sql::query_all(db.read(), open, []).await? {
                settled = settled.min(announced(drawn, row.try_get("", "announced")?));
            }
            Ok(settled)
        }
    }
}

/// The highest position that is there.
pub(crate) async fn last(db: &Database) -> Result<i64, StoreError> {
    drawn(db, "SELECT COALESCE(MAX(position), 0) AS drawn FROM outbox").await
}

async fn drawn(db: &Database, query: &str) -> Result<i64, StoreError> {
    let row = sql::query_one(db.read(), query, []).await?;
    let row = row.ok_or_else(|| StoreError::Corrupt("no outbox sequence".into()))?;
    Ok(row.try_get("", "drawn")?)
}

/// The position whose low 31 bits a lock carries: it lies less than 2^30 below the last one
/// drawn, or above it, where a writer began after that was read.
fn announced(drawn: i64, low_bits: i64) -> i64 {
    let below = (drawn & ANNOUNCED_BITS).wrapping_sub(low_bits) & ANNOUNCED_BITS;
    if below > ANNOUNCED_BITS / 2 { drawn } else { drawn.saturating_sub(below) }
}

/// The events of positions above `after` and not above `settled`, at most `limit`.
pub(crate) async fn page(
    db: &Database,
    role: &str,
    after: i64,
    settled: i64,
    limit: i64,
) -> Result<Vec<Listed>, StoreError> {
    let query = "SELECT o.position, o.event_id, o.kind, o.partition, o.aggregate, o.version, \
                 o.payload, o.correlation, o.causation, o.traceparent, o.historical, \
                 o.recorded_at, COALESCE(l.position, r.position) AS pending FROM outbox o \
                 LEFT JOIN outbox_pending l ON l.replay = 0 AND l.position = o.position \
                 LEFT JOIN outbox_pending r ON r.replay <> 0 AND r.position = o.position \
                 WHERE o.position > $1 AND o.position <= $2 ORDER BY o.position LIMIT $3";
    let values = [after.into(), settled.into(), limit.into()];
    let found = sql::query_all(db.read(), query, values).await?;
    found
        .iter()
        .map(|row| {
            let pending: Option<i64> = row.try_get("", "pending")?;
            Ok(Listed {
                position: row.try_get("", "position")?,
                pending: pending.is_some(),
                event: Envelope::from_row(role, row)?,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_position_behind_its_low_bits() {
        assert_eq!(announced(10, 7), 7);
        assert_eq!(announced(10, 10), 10);
        // Announced after the last position was read: it writes above that.
        assert_eq!(announced(10, 12), 10);
        // The furthest on either side: 2^30 below is taken for above.
        let far = 1 << 40;
        let low = |position: i64| position & ANNOUNCED_BITS;
        assert_eq!(announced(far, low(far - (1 << 30) + 1)), far - (1 << 30) + 1);
        assert_eq!(announced(far, low(far - (1 << 30))), far);
        // Across the wrap of the low bits.
        let drawn = 5 * (ANNOUNCED_BITS + 1) + 3;
        assert_eq!(announced(drawn, ANNOUNCED_BITS - 1), drawn - 5);
    }
}
