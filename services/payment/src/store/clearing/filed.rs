//! The documents that came from the network, as they were.

use florin_kernel::UnixMicros;
use florin_store::{
    StoreError, Tx, row,
    rows::{self, Column, Keyed},
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
    /// The repair by which people have dealt with it.
    pub repair: Option<String>,
}

const UNREAD_COLUMNS: &str = "id, received_at, finding, repair";

fn unread_of(row: &QueryResult) -> Result<Unread, StoreError> {
    Ok(Unread {
        id: row.try_get("", "id")?,
        received_at: UnixMicros(row.try_get("", "received_at")?),
        finding: row.try_get("", "finding")?,
        repair: row.try_get("", "repair")?,
    })
}

/// Locks a document that was not taken.
///
/// # Errors
/// Those of the database.
pub async fn lock_unread(tx: &Tx, id: &str) -> Result<Option<Unread>, StoreError> {
    let keyed = Keyed { table: UNREAD, id_column: "id", columns: UNREAD_COLUMNS };
    let found = rows::lock_by_id(tx, keyed, &[id.to_owned()]).await?;
    found.first().map(unread_of).transpose()
}

/// Notes that people have dealt with a document that this transaction has locked.
///
/// # Errors
/// Those of the database.
pub async fn dismiss_unread(tx: &Tx, id: &str, repair: &str) -> Result<(), StoreError> {
    let update = format!("UPDATE {UNREAD} SET repair = $2 WHERE id = $1");
    sql::execute(tx, update, [id.into(), repair.into()]).await.map(drop)
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
    let query = format!("SELECT {UNREAD_COLUMNS} FROM {UNREAD} WHERE id > $1 ORDER BY id LIMIT $2");
    let rows = sql::query_all(connection, query, [after.into(), i64::from(limit).into()]).await?;
    rows.iter().map(unread_of).collect()
}
