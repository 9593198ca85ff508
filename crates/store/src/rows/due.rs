//! Claiming what is due: each row goes to one worker until its lease ends.

use florin_kernel::UnixMicros;
use sea_orm::QueryResult;

use super::hex;
use crate::{Engine, StoreError, Tx, sql};

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
    /// The token of that worker, a text.
    pub lease_token_column: &'a str,
}

/// Rows that one call has claimed.
#[derive(Debug)]
pub struct Claimed {
    /// Written to every claimed row. A worker writes only where the row still has it.
    pub token: String,
    /// The rows as they are after the claim, those due first in front.
    pub rows: Vec<QueryResult>,
}

/// Claims at most `limit` rows that are due and leased to nobody, or to somebody whose lease
/// has ended. Concurrent claimers get different rows (SKIP LOCKED on PostgreSQL; SQLite has
/// one writer).
///
/// # Errors
/// Those of the database.
pub async fn claim_due(
    tx: &Tx,
    due: &Due<'_>,
    now: UnixMicros,
    lease_until: UnixMicros,
    limit: u32,
) -> Result<Claimed, StoreError> {
    let Due { table, id_column: id, columns, due_column, .. } = *due;
    let Due { lease_until_column, lease_token_column, .. } = *due;
    let token = new_token()?;
    let select = format!(
        "SELECT {id} AS due_id FROM {table} WHERE {due_column} <= $3 \
         AND ({lease_until_column} IS NULL OR {lease_until_column} <= $3) \
         ORDER BY {due_column}, {id} LIMIT $4"
    );
    let set = format!("SET {lease_until_column} = $1, {lease_token_column} = $2");
    let claim = match tx.engine() {
        Engine::Sqlite => {
            format!("UPDATE {table} {set} WHERE {id} IN ({select}) RETURNING {columns}")
        }
        // Materialised: a plan may otherwise run the limited query once for each row.
        Engine::Postgres => format!(
            "WITH due AS MATERIALIZED ({select} FOR UPDATE SKIP LOCKED) \
             UPDATE {table} {set} FROM due WHERE {table}.{id} = due.due_id RETURNING {columns}"
        ),
    };
    let values =
        [lease_until.0.into(), token.as_str().into(), now.0.into(), i64::from(limit).into()];
    let rows = sql::query_all(tx, claim, values).await?;
    Ok(Claimed { token, rows: in_order(rows, due)? })
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

/// 128 random bits: no two claims have the same.
fn new_token() -> Result<String, StoreError> {
    let mut random = [0; 16];
    aws_lc_rs::rand::fill(&mut random)
        .map_err(|_| StoreError::Unavailable("no randomness from the system".into()))?;
    Ok(hex(&random))
}
