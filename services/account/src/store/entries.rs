//! Entries and balances of an account as of each of the three dates.

use florin_kernel::{AccountId, Date, UnixMicros};
use florin_store::{StoreError, sql};
use sea_orm::{ConnectionTrait, QueryResult};

use super::rows;
use crate::domain::event::AccountEvent;

/// An entry with the texts of its journal transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryRow {
    /// The event.
    pub event: AccountEvent,
    /// Kind of the transaction.
    pub kind: String,
    /// Text for the statement.
    pub description: String,
}

/// Entries below a version, newest first.
///
/// # Errors
/// Those of the database.
pub async fn page(
    connection: &impl ConnectionTrait,
    account: AccountId,
    below_version: i64,
    limit: i64,
) -> Result<Vec<EntryRow>, StoreError> {
    let columns: Vec<String> =
        rows::EVENT.split(", ").map(|column| format!("e.{}", column.trim())).collect();
    let query = format!(
        "SELECT {}, j.kind AS journal_kind, j.description FROM account_events AS e \
         JOIN journal AS j ON j.id = e.transaction_id \
         WHERE e.account_id = $1 AND e.version < $2 AND e.transaction_id IS NOT NULL \
         ORDER BY e.version DESC LIMIT $3",
        columns.join(", ")
    );
    let values = [account.to_string().into(), below_version.into(), limit.into()];
    let found = sql::query_all(connection, query, values).await?;
    found.iter().map(read).collect()
}

/// Reads a row of an event with the texts of its journal transaction.
pub(super) fn read(row: &QueryResult) -> Result<EntryRow, StoreError> {
    let (event, _) = rows::event(row)?;
    let (kind, description) = (rows::text(row, "journal_kind")?, rows::text(row, "description")?);
    Ok(EntryRow { event, kind, description })
}

/// Halves the versions of an account, which have no gaps and whose times do not fall, until the
/// last one recorded up to an instant is left: some twenty look-ups by the key, where an index
/// by time would cost each posting an entry. Division of integers rounds down on both engines.
const AS_RECORDED: &str = "WITH RECURSIVE search (low, high) AS ( \
       SELECT CAST(0 AS BIGINT), version FROM accounts WHERE id = $1 \
       UNION ALL \
       SELECT CASE WHEN e.recorded_at <= $2 THEN e.version ELSE search.low END, \
              CASE WHEN e.recorded_at <= $2 THEN search.high ELSE e.version - 1 END \
       FROM search JOIN account_events AS e \
       ON e.account_id = $1 AND e.version = (search.low + search.high + 1) / 2 \
       WHERE search.low < search.high) \
     SELECT e.version, e.posted_after, e.held_after FROM search JOIN account_events AS e \
     ON e.account_id = $1 AND e.version = search.low WHERE search.low = search.high";

/// Posted and held after the last event recorded up to an instant, with its version.
///
/// # Errors
/// Those of the database.
pub async fn as_recorded(
    connection: &impl ConnectionTrait,
    account: AccountId,
    at: UnixMicros,
) -> Result<(i64, i64, i64), StoreError> {
    let values = [account.to_string().into(), at.0.into()];
    let row = sql::query_one(connection, AS_RECORDED, values).await?;
    let Some(row) = row else { return Ok((0, 0, 0)) };
    let (posted, held) = (rows::int(&row, "posted_after")?, rows::int(&row, "held_after")?);
    Ok((posted, held, rows::int(&row, "version")?))
}

/// Posted at the end of a booking date.
///
/// # Errors
/// Those of the database.
pub async fn as_booked(
    connection: &impl ConnectionTrait,
    account: AccountId,
    on: Date,
) -> Result<i64, StoreError> {
    let query = "SELECT CAST(COALESCE(SUM(net), 0) AS BIGINT) AS posted FROM turnover \
                 WHERE account_id = $1 AND booking_date <= $2";
    sum(connection, query, account, on).await
}

/// Posted at the end of a value date.
///
/// # Errors
/// Those of the database.
pub async fn as_valued(
    connection: &impl ConnectionTrait,
    account: AccountId,
    on: Date,
) -> Result<i64, StoreError> {
    let query = "SELECT CAST(COALESCE(SUM(net), 0) AS BIGINT) AS posted FROM turnover \
                 WHERE account_id = $1 AND value_date <= $2";
    sum(connection, query, account, on).await
}

async fn sum(
    connection: &impl ConnectionTrait,
    query: &str,
    account: AccountId,
    on: Date,
) -> Result<i64, StoreError> {
    let values = [account.to_string().into(), on.to_string().into()];
    let row = sql::query_one(connection, query, values).await?;
    row.map_or(Ok(0), |row| rows::int(&row, "posted"))
}
