//! Holds as they stand.

use florin_kernel::{HoldId, UnixMicros};
use florin_store::{StoreError, sql};
use sea_orm::ConnectionTrait;

use super::rows;
use crate::domain::hold::Hold;

/// Holds above an id, or the first ones, with the instant of their placing.
///
/// # Errors
/// Those of the database.
pub async fn holds_after(
    connection: &impl ConnectionTrait,
    after: Option<HoldId>,
    limit: i64,
) -> Result<Vec<(Hold, UnixMicros)>, StoreError> {
    let after = after.map(|id| id.to_string()).unwrap_or_default();
    let query =
        format!("SELECT {}, placed_at FROM holds WHERE id > $1 ORDER BY id LIMIT $2", rows::HOLD);
    let mut page = Vec::new();
    for row in sql::query_all(connection, query, [after.into(), limit.into()]).await? {
        page.push((rows::hold(&row)?, UnixMicros(rows::int(&row, "placed_at")?)));
    }
    Ok(page)
}

/// An open hold whose time is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueHold {
    /// Its id.
    pub id: HoldId,
    /// In whose name its reference is unique.
    pub caller: String,
    /// The reference under which it was placed.
    pub reference: String,
    /// When its time was over.
    pub expires_at: UnixMicros,
}

impl DueHold {
    /// How long its time has been over, in whole seconds.
    #[must_use]
    pub fn over_for(&self, now: UnixMicros) -> i64 {
        now.0.saturating_sub(self.expires_at.0) / 1_000_000
    }
}

/// Open holds whose time was over at an instant, the oldest first, after one of them or from
/// the beginning.
///
/// # Errors
/// Those of the database.
pub async fn holds_due(
    connection: &impl ConnectionTrait,
    now: UnixMicros,
    after: Option<&DueHold>,
    limit: usize,
) -> Result<Vec<DueHold>, StoreError> {
    let query = "SELECT id, caller, reference, expires_at FROM holds \
                 WHERE status = 1 AND expires_at IS NOT NULL AND expires_at <= $1 \
                 AND (expires_at, id) > ($2, $3) ORDER BY expires_at, id LIMIT $4";
    let (at, id) =
        after.map_or((i64::MIN, String::new()), |hold| (hold.expires_at.0, hold.id.to_string()));
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let values = [now.0.into(), at.into(), id.into(), limit.into()];
    let found = sql::query_all(connection, query, values).await?;
    let due = found.iter().map(|row| {
        Ok(DueHold {
            id: rows::id(row, "id")?,
            caller: rows::text(row, "caller")?,
            reference: rows::text(row, "reference")?,
            expires_at: UnixMicros(rows::int(row, "expires_at")?),
        })
    });
    due.collect()
}
