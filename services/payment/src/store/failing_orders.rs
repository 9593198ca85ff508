//! Orders that could not be run, for people. They have a table of their own: the row of such an
//! order is the one that may be what cannot be read or written.

use florin_kernel::{OrderId, UnixMicros};
use florin_store::{
    Engine, StoreError, Tx,
    rows::{among, texts},
    sql,
};
use sea_orm::{ConnectionTrait, QueryResult};

const TABLE: &str = "failing_orders";

/// An order that could not be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailingOrder {
    /// The order.
    pub id: String,
    /// How often it was tried.
    pub attempts: i64,
    /// Since when.
    pub since: UnixMicros,
    /// When it is tried again.
    pub next_at: UnixMicros,
    /// What it failed at last.
    pub cause: String,
}

fn of_row(row: &QueryResult) -> Result<FailingOrder, StoreError> {
    Ok(FailingOrder {
        id: row.try_get("", "id")?,
        attempts: row.try_get("", "attempts")?,
        since: UnixMicros(row.try_get("", "since")?),
        next_at: UnixMicros(row.try_get("", "next_at")?),
        cause: row.try_get("", "cause")?,
    })
}

/// What is known of an order that could not be run before.
///
/// # Errors
/// Those of the database.
pub async fn find(
    connection: &impl ConnectionTrait,
    id: OrderId,
) -> Result<Option<FailingOrder>, StoreError> {
    let query = format!("SELECT id, attempts, since, next_at, cause FROM {TABLE} WHERE id = $1");
    let row = sql::query_one(connection, query, [id.to_string().into()]).await?;
    row.as_ref().map(of_row).transpose()
}

/// Keeps that an order could not be run. Of two replicas that found the same at once the later
/// one's word stays.
///
/// # Errors
/// Those of the database.
pub async fn note(tx: &Tx, failing: &FailingOrder) -> Result<(), StoreError> {
    let statement = format!(
        "INSERT INTO {TABLE} (id, attempts, since, next_at, cause) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (id) DO UPDATE SET attempts = excluded.attempts, \
         next_at = excluded.next_at, cause = excluded.cause"
    );
    let values = [
        failing.id.as_str().into(),
        failing.attempts.into(),
        failing.since.0.into(),
        failing.next_at.0.into(),
        failing.cause.as_str().into(),
    ];
    sql::execute(tx, statement, values).await.map(drop)
}

/// Forgets orders that run again.
///
/// # Errors
/// Those of the database.
pub async fn forget(tx: &Tx, ids: &[OrderId]) -> Result<(), StoreError> {
    let engine = Engine::of(tx);
    let ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
    let statement = format!("DELETE FROM {TABLE} WHERE id {}", among(engine, 1));
    sql::execute(tx, statement, [texts(engine, &ids)]).await.map(drop)
}

/// Those that have something to do still, the longest failing first, and how many there are.
///
/// # Errors
/// Those of the database.
pub async fn list(
    connection: &impl ConnectionTrait,
    limit: i64,
) -> Result<(Vec<FailingOrder>, i64), StoreError> {
    let among =
        format!("FROM {TABLE} AS f JOIN orders AS o ON o.id = f.id WHERE o.run_on IS NOT NULL");
    let query = format!(
        "SELECT f.id, f.attempts, f.since, f.next_at, f.cause {among} ORDER BY f.since, f.id LIMIT $1"
    );
    let rows = sql::query_all(connection, query, [limit.into()]).await?;
    let found = rows.iter().map(of_row).collect::<Result<_, _>>()?;
    let all = sql::query_one(connection, format!("SELECT COUNT(*) AS failing {among}"), []).await?;
    let all = all.map(|row| row.try_get("", "failing")).transpose()?;
    Ok((found, all.unwrap_or(0)))
}
