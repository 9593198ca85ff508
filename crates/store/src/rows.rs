//! Multi-row statements, so that a row costs a fraction of a statement of its own. A column is
//! one value on PostgreSQL, an array or a text that is one (`unnest`); on SQLite each value is bound, in pages of a few sizes,
//! so that few texts are prepared and no bind limit is met.
//!
//! Names of tables and columns are written by us and go into the SQL as they stand; values
//! never do.

mod arrays;
mod cell;
mod due;
mod prepared;
mod row;
mod source;

use sea_orm::{ConnectionTrait, QueryResult};

pub use cell::Cell;
pub use due::{Claimed, Claiming, Due, claim_due, new_token};
pub use prepared::Prepared;
pub use row::Row;
pub use sea_orm::Value;

use crate::{Engine, StoreError, Tx, sql};

/// What a column holds; each may be null.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// A string.
    Text,
    /// An integer of 64 bits.
    Int,
    /// Bytes.
    Bytes,
    /// True or false.
    Bool,
}

/// Bytes as hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

/// Inserts rows in their order. Returns how many.
///
/// # Errors
/// `Conflict` where a constraint refuses one of them; the transaction is of no use then.
pub async fn insert_many(
    tx: &Tx,
    table: &str,
    columns: &[(&str, Column)],
    rows: Vec<Row>,
) -> Result<u64, StoreError> {
    Prepared::of(tx, columns, rows)?.insert(tx, table).await
}

/// Inserts those rows that do not meet an existing one in the unique columns `conflict`, and
/// returns the column `returning` of the new ones, in no order. On PostgreSQL it waits for
/// concurrent transactions that hold the same keys: give the rows sorted by key, everywhere.
///
/// # Errors
/// `Serialization` for a deadlock with somebody who did not sort.
pub async fn insert_new(
    tx: &Tx,
    table: &str,
    columns: &[(&str, Column)],
    conflict: &[&str],
    rows: Vec<Row>,
    returning: &str,
) -> Result<Vec<String>, StoreError> {
    Prepared::of(tx, columns, rows)?.insert_new(tx, table, conflict, returning).await
}

/// Inserts those rows that do not meet an existing one in the unique columns `conflict`; as
/// [`insert_new`] for those who need not know which. Give the rows sorted by key.
///
/// # Errors
/// `Serialization` for a deadlock with somebody who did not sort.
pub async fn insert_missing(
    tx: &Tx,
    table: &str,
    columns: &[(&str, Column)],
    conflict: &[&str],
    rows: Vec<Row>,
) -> Result<u64, StoreError> {
    Prepared::of(tx, columns, rows)?.insert_missing(tx, table, conflict).await
}

/// Updates the row of each one given, found by the columns `key`, to its columns `set`. Returns
/// how many rows were found.
///
/// # Errors
/// Those of the database.
pub async fn update_many(
    tx: &Tx,
    table: &str,
    key: &[(&str, Column)],
    set: &[(&str, Column)],
    rows: Vec<Row>,
) -> Result<u64, StoreError> {
    let columns: Vec<_> = key.iter().chain(set).copied().collect();
    let assign: Vec<_> = set.iter().map(|(name, _)| format!("{name} = r.{name}")).collect();
    let found: Vec<_> = key.iter().map(|(name, _)| format!("{table}.{name} = r.{name}")).collect();
    let (assign, found) = (assign.join(", "), found.join(" AND "));
    execute(tx, &columns, rows, |rows| {
        format!("UPDATE {table} SET {assign} FROM ({rows}) AS r WHERE {found}")
    })
    .await
}

/// Runs the statement that `sql` makes of a query for the rows (`SELECT` of the columns under
/// their names) and returns how many rows of the table it changed. More rows than a page may
/// have run it several times.
///
/// # Errors
/// Those of the database, and `Corrupt` for a value that is not of its column's kind.
pub async fn execute(
    connection: &impl ConnectionTrait,
    columns: &[(&str, Column)],
    rows: Vec<Row>,
    sql: impl Fn(&str) -> String,
) -> Result<u64, StoreError> {
    Prepared::of(connection, columns, rows)?.execute(connection, sql).await
}

/// Runs the query that `sql` makes of a query for the rows, as with [`execute`], and returns
/// what it finds.
///
/// # Errors
/// Those of the database, and `Corrupt` for a value that is not of its column's kind.
pub async fn query(
    connection: &impl ConnectionTrait,
    columns: &[(&str, Column)],
    rows: Vec<Row>,
    sql: impl Fn(&str) -> String,
) -> Result<Vec<QueryResult>, StoreError> {
    Prepared::of(connection, columns, rows)?.query(connection, sql).await
}

/// A table whose rows are found by a text. The columns to read are named, never `*`: what a
/// connection has prepared would not survive the column that a newer version adds.
#[derive(Debug, Clone, Copy)]
pub struct Keyed<'a> {
    /// The table.
    pub table: &'a str,
    /// Its key, a text.
    pub id_column: &'a str,
    /// The columns to read, with commas between them.
    pub columns: &'a str,
}

/// Locks the rows with these ids, in the order of the ids, and returns them in that order; an
/// id without a row is left out. SQLite's writer has the whole database to itself.
///
/// # Errors
/// Those of the database.
pub async fn lock_by_id(
    tx: &Tx,
    of: Keyed<'_>,
    ids: &[String],
) -> Result<Vec<QueryResult>, StoreError> {
    by_id(tx, of, ids, tx.engine().for_update()).await
}

/// Reads the rows with these values in a column, in its order, without locking them.
///
/// # Errors
/// Those of the database.
pub async fn read_by_id(
    connection: &impl ConnectionTrait,
    of: Keyed<'_>,
    ids: &[String],
) -> Result<Vec<QueryResult>, StoreError> {
    by_id(connection, of, ids, "").await
}

async fn by_id(
    connection: &impl ConnectionTrait,
    of: Keyed<'_>,
    ids: &[String],
    lock: &str,
) -> Result<Vec<QueryResult>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let Keyed { table, id_column, columns } = of;
    let engine = Engine::of(connection);
    let among = among(engine, 1);
    let query = format!(
        "SELECT {columns} FROM {table} WHERE {id_column} {among} ORDER BY {id_column}{lock}"
    );
    sql::query_all(connection, query, [texts(engine, ids)]).await
}

/// The condition "is one of the strings of the list bound as `$number`", for portable SQL with
/// a list of any length; bind [`texts`].
#[must_use]
pub fn among(engine: Engine, number: usize) -> String {
    match engine {
        Engine::Sqlite => format!("IN (SELECT value FROM json_each(${number}))"),
        Engine::Postgres => format!("= ANY(${number})"),
    }
}

/// The strings of the list bound as `$number` as a table with the column `value`, for FROM.
#[must_use]
pub fn each(engine: Engine, number: usize, name: &str) -> String {
    match engine {
        Engine::Sqlite => format!("json_each(${number}) AS {name}"),
        Engine::Postgres => format!("unnest(${number}::text[]) AS {name} (value)"),
    }
}

/// Strings as the one bind value that [`among`] expects.
#[must_use]
pub fn texts<S: AsRef<str>>(engine: Engine, ids: &[S]) -> sea_orm::Value {
    match engine {
        Engine::Sqlite => {
            let ids = ids.iter().map(|id| serde_json::Value::from(id.as_ref())).collect();
            serde_json::Value::Array(ids).to_string().into()
        }
        Engine::Postgres => arrays::array(ids.iter().map(|id| id.as_ref().into()).collect()),
    }
}
