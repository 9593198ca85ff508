//! Claiming what is due: each row goes to one worker until its lease ends.

use std::time::Duration;

use florin_kernel::UnixMicros;
use sea_orm::QueryResult;

use super::hex;
use crate::{Engine, StoreError, Tx, clock, sql};

/// A table whose rows fall due. A row without a due time is finished or waits for an event.
#[derive(Debug, Clone, Copy)]
pub struct Due<'a> {
    /// The table.
    pub table: &'a str,
    /// Its primary key, a text.
    pub id_column: &'a str,
    /// The columns to read of what was claimed, with commas between them; never `*`.
    pub columns: &'a str,
    /// When the row wants to be worked on, in microseconds; null for never.
    pub due_column: &'a str,
    /// Until when a worker has it, in microseconds; null for nobody.
    pub lease_until_column: &'a str,
    /// The token of that worker, a text. Whoever has done with a row sets it to null.
    pub lease_token_column: &'a str,
    /// Set to now, in microseconds, where a row is claimed that another worker had and has not
    /// given back: it may still be at work.
    pub taken_over_column: Option<&'a str>,
}

/// When rows are claimed, and how many.
#[derive(Debug, Clone, Copy)]
pub struct Claiming {
    /// The database's clock.
    pub now: UnixMicros,
    /// Until when the worker has the rows.
    pub lease_until: UnixMicros,
    /// The longest that a row is ever put off.
    pub longest_wait: Duration,
    /// At most so many rows.
    pub limit: u32,
}

/// Rows that one call has claimed.
#[derive(Debug)]
pub struct Claimed {
    /// Written to every claimed row. A worker writes only where the row still has it.
    pub token: String,
    /// The rows as they are after the claim, those due first in front.
    pub rows: Vec<QueryResult>,
}

/// Claims rows that are due and leased to nobody, or to somebody whose lease has ended.
/// Concurrent claimers get different rows (SKIP LOCKED on PostgreSQL; SQLite has one writer).
///
/// What ends or is due more than twice as late as anything can was written by a clock that was
/// ahead. It would stand until the clock is there again, so it is claimed too, after the others.
///
/// # Errors
/// Those of the database.
pub async fn claim_due(tx: &Tx, due: &Due<'_>, claiming: &Claiming) -> Result<Claimed, StoreError> {
    let Claiming { now, lease_until, longest_wait, limit } = *claiming;
    let token = new_token()?;
    let claim = match tx.engine() {
        Engine::Sqlite => claim_on_sqlite(due),
        Engine::Postgres => claim_on_postgres(due),
    };
    let lease = lease_until.0.saturating_sub(now.0);
    let impossible_lease = lease_until.plus_micros(lease);
    let impossible_due = now.plus_micros(clock::micros(longest_wait.saturating_mul(2)));
    let values = [
        lease_until.0.into(),
        token.as_str().into(),
        now.0.into(),
        i64::from(limit).into(),
        impossible_due.0.into(),
        impossible_lease.0.into(),
    ];
    let rows = sql::query_all(tx, claim, values).await?;
    Ok(Claimed { token, rows: in_order(rows, due)? })
}

fn claim_on_sqlite(due: &Due<'_>) -> String {
    let Due { table, id_column: id, columns, .. } = *due;
    let (set, [soon, ahead]) = (set(due), selects(due));
    format!(
        "UPDATE {table} {set} WHERE {id} IN (SELECT due_id FROM ({soon}) UNION ALL \
         SELECT due_id FROM ({ahead}) LIMIT $4) RETURNING {columns}"
    )
}

/// Materialised: a plan may otherwise run the limited queries once for each row.
fn claim_on_postgres(due: &Due<'_>) -> String {
    let Due { table, id_column: id, columns, .. } = *due;
    let (set, [soon, ahead]) = (set(due), selects(due));
    format!(
        "WITH soon AS MATERIALIZED ({soon} FOR UPDATE SKIP LOCKED), \
         ahead AS MATERIALIZED ({ahead} FOR UPDATE SKIP LOCKED), \
         taken AS MATERIALIZED \
         (SELECT due_id FROM soon UNION ALL SELECT due_id FROM ahead LIMIT $4) \
         UPDATE {table} {set} FROM taken WHERE {table}.{id} = taken.due_id RETURNING {columns}"
    )
}

/// Both engines read the row as it was on the right-hand side.
fn set(due: &Due<'_>) -> String {
    let Due { lease_until_column: until, lease_token_column: held, taken_over_column, .. } = *due;
    let taken_over = taken_over_column
        .map(|mark| format!(", {mark} = CASE WHEN {held} IS NOT NULL THEN $3 ELSE {mark} END"));
    format!("SET {until} = $1, {held} = $2{}", taken_over.unwrap_or_default())
}

/// The ids of what is due, and of what a clock that was ahead made due: two ranges, so that
/// each is one of the index, and what waits between them is not walked.
fn selects(due: &Due<'_>) -> [String; 2] {
    let Due { table, id_column: id, due_column, lease_until_column: until, .. } = *due;
    ["<= $3", "> $5"].map(|range| {
        format!(
            "SELECT {id} AS due_id FROM {table} WHERE {due_column} {range} \
             AND ({until} IS NULL OR {until} <= $3 OR {until} > $6) \
             ORDER BY {due_column}, {id} LIMIT $4"
        )
    })
}

/// RETURNING has no order.
fn in_order(rows: Vec<QueryResult>, due: &Due<'_>) -> Result<Vec<QueryResult>, StoreError> {
    let mut keyed = Vec::with_capacity(rows.len());
    for row in rows {
        let at: i64 = row.try_get("", due.due_column)?;
        let id: String = row.try_get("", due.id_column)?;
        keyed.push(((at, id), row));
    }
    keyed.sort_by(|(left, _), (right, _)| left.cmp(right));
    Ok(keyed.into_iter().map(|(_, row)| row).collect())
}

/// A token for a lease, 128 random bits: no two claims have the same.
///
/// # Errors
/// `Unavailable` where the system has no randomness.
pub fn new_token() -> Result<String, StoreError> {
    let mut random = [0; 16];
    aws_lc_rs::rand::fill(&mut random)
        .map_err(|_| StoreError::Unavailable("no randomness from the system".into()))?;
    Ok(hex(&random))
}
