//! Failed transfers whose references may not be void.

use florin_kernel::TransferId;
use florin_store::{
    Engine, StoreError, Tx,
    rows::{among, texts},
    sql,
};
use sea_orm::ConnectionTrait;

/// A failed transfer of which nobody has noted that its reference is void.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotVoid {
    /// The transfer.
    pub id: TransferId,
    /// Why it failed.
    pub reason: String,
}

/// Such transfers above an id, by id.
///
/// # Errors
/// Those of the database.
pub async fn not_void(
    connection: &impl ConnectionTrait,
    after: Option<TransferId>,
    limit: u32,
) -> Result<Vec<NotVoid>, StoreError> {
    let query = "SELECT id, failure_reason FROM transfers \
                 WHERE status = 5 AND voided_at IS NULL AND id > $1 ORDER BY id LIMIT $2";
    let after = after.map(|id| id.to_string()).unwrap_or_default();
    let values = [after.into(), i64::from(limit).into()];
    let found = sql::query_all(connection, query, values).await?;
    let transfers = found.iter().map(|row| {
        let id: String = row.try_get("", "id")?;
        let corrupt = |_| StoreError::Corrupt(format!("id of transfer {id}"));
        Ok(NotVoid {
            id: id.parse().map_err(corrupt)?,
            reason: row.try_get::<Option<String>>("", "failure_reason")?.unwrap_or_default(),
        })
    });
    transfers.collect()
}

/// Notes that the references of these failed transfers are void.
///
/// # Errors
/// Those of the database.
pub async fn note_voids(tx: &Tx, ids: &[String]) -> Result<(), StoreError> {
    let update = format!(
        "UPDATE transfers SET voided_at = $2 \
         WHERE status = 5 AND voided_at IS NULL AND id {}",
        among(tx.engine(), 1)
    );
    let values = [texts(Engine::of(tx), ids), tx.now().await?.0.into()];
    sql::execute(tx, update, values).await.map(|_| ())
}
