//! The service's own keys, wrapped.

use florin_store::{
    Database, StoreError, Tx, row,
    rows::{self, Column},
    sql,
};
use sea_orm::ConnectionTrait;

/// A key of the service under a master key.
#[derive(Debug, Clone)]
pub(crate) struct OwnKey {
    pub(crate) purpose: String,
    pub(crate) key_version: i64,
    pub(crate) wrapped: Vec<u8>,
}

/// The keys of this database.
pub(crate) async fn stored(db: &Database) -> Result<Vec<OwnKey>, StoreError> {
    read(db.read()).await
}

/// Stores those whose purpose has no key yet, and returns all: another replica may have been
/// first.
pub(crate) async fn store_missing(
    db: &Database,
    fresh: Vec<OwnKey>,
) -> Result<Vec<OwnKey>, StoreError> {
    db.write(async |tx: Tx| {
        let columns =
            [("purpose", Column::Text), ("key_version", Column::Int), ("wrapped", Column::Bytes)];
        let row = |key: &OwnKey| {
            row! {"purpose": key.purpose.as_str(), "key_version": key.key_version, "wrapped": key.wrapped.clone()}
        };
        let rows = fresh.iter().map(row).collect();
        rows::insert_new(&tx, "vault_keys", &columns, &["purpose"], rows, "purpose").await?;
        read(&*tx).await
    })
    .await
}

async fn read(connection: &impl ConnectionTrait) -> Result<Vec<OwnKey>, StoreError> {
    let query = "SELECT purpose, key_version, wrapped FROM vault_keys ORDER BY purpose";
    let found = sql::query_all(connection, query, []).await?;
    found
        .iter()
        .map(|row| {
            Ok(OwnKey {
                purpose: row.try_get("", "purpose")?,
                key_version: row.try_get("", "key_version")?,
                wrapped: row.try_get("", "wrapped")?,
            })
        })
        .collect()
}
