//! The documents that came from the network, as they were.

use florin_kernel::UnixMicros;
use florin_store::{
    StoreError, Tx, row,
    rows::{self, Column},
    sql,
};
use sea_orm::{ConnectionTrait, QueryResult};

const UNREAD: &str = "clearing_unread";

/// Where a document that came from the network is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drawer {
    /// With all others.
    Log,
    /// Where people find it: it was not taken, and may be about money.
    Unread,
}

/// Keeps a document that came from the network, and what it was found to be.
///
/// # Errors
/// Those of the database.
pub async fn file(
    tx: &Tx,
    drawer: Drawer,
    id: &str,
    finding: &str,
    document: &[u8],
) -> Result<(), StoreError> {
    let table = match drawer {
        Drawer::Log => "clearing_log",
        Drawer::Unread => UNREAD,
    };
    let columns = [
        ("id", Column::Text),
        ("received_at", Column::Int),
        ("finding", Column::Text),
        ("document", Column::Bytes),
    ];
    let now = tx.now().await?;
    let row = row! {
        "id": id,
        "received_at": now.0,
        "finding": finding,
        "document": document.to_vec(),
    };
    rows::insert_many(tx, table, &columns, vec![row]).await.map(drop)
}

/// A document that was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// Its own id.
    pub id: String,
    /// When it came.
    pub received_at: UnixMicros,
    /// Why it was not taken.
    pub finding: String,
}

/// A page of what was not taken, younger in its id than `after`.
///
/// # Errors
/// Those of the database.
pub async fn unread_after(
    connection: &impl ConnectionTrait,
    after: &str,
    limit: u32,
) -> Result<Vec<Unread>, StoreError> {
    let query =
        format!("SELECT id, received_at, finding FROM {UNREAD} WHERE id > $1 ORDER BY id LIMIT $2");
    let rows = sql::query_all(connection, query, [after.into(), i64::from(limit).into()]).await?;
    let unread = |row: &QueryResult| {
        Ok(Unread {
            id: row.try_get("", "id")?,
            received_at: UnixMicros(row.try_get("", "received_at")?),
            finding: row.try_get("", "finding")?,
        })
    };
    rows.iter().map(unread).collect()
}
