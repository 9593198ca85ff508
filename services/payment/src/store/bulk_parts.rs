//! The bytes of files of transfers, until they are read.

use florin_kernel::BulkId;
use florin_store::{StoreError, Tx, sql};
use sea_orm::ConnectionTrait;

use super::bulks::ids;

/// Keeps a part.
///
/// # Errors
/// Those of the database.
pub async fn add(tx: &Tx, id: BulkId, start: i64, bytes: Vec<u8>) -> Result<(), StoreError> {
    let query = "INSERT INTO bulk_parts (bulk_id, start, bytes) VALUES ($1, $2, $3)";
    let values = [id.to_string().into(), start.into(), bytes.into()];
    sql::execute(tx, query, values).await.map(|_| ())
}

/// The part that begins there.
///
/// # Errors
/// Those of the database.
pub async fn starting(
    connection: &impl ConnectionTrait,
    id: BulkId,
    start: i64,
) -> Result<Option<Vec<u8>>, StoreError> {
    let query = "SELECT bytes FROM bulk_parts WHERE bulk_id = $1 AND start = $2";
    let row = sql::query_one(connection, query, [id.to_string().into(), start.into()]).await?;
    row.map(|row| Ok(row.try_get("", "bytes")?)).transpose()
}

/// Drops parts of a bulk, at most so many, and returns how many.
///
/// # Errors
/// Those of the database.
pub async fn drop_some(tx: &Tx, id: BulkId, limit: i64) -> Result<u64, StoreError> {
    let query = "DELETE FROM bulk_parts WHERE bulk_id = $1 AND start IN \
                 (SELECT start FROM bulk_parts WHERE bulk_id = $1 ORDER BY start LIMIT $2)";
    sql::execute(tx, query, [id.to_string().into(), limit.into()]).await
}

/// Bulks that have been read, or never will be, and whose bytes are still there.
///
/// # Errors
/// Those of the database.
pub async fn spent(
    connection: &impl ConnectionTrait,
    limit: i64,
) -> Result<Vec<BulkId>, StoreError> {
    let query = "SELECT DISTINCT bulks.id AS id FROM bulk_parts \
                 JOIN bulks ON bulks.id = bulk_id WHERE status > 2 ORDER BY bulks.id LIMIT $1";
    ids(&sql::query_all(connection, query, [limit.into()]).await?)
}
