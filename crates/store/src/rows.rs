//! Multi-row statements: one statement a table, bound to one JSON (`json_each` on SQLite,
//! `json_to_recordset` on PostgreSQL), so that neither the count of rows nor that of columns
//! meets a bind limit, and a row costs a fortieth of a statement of its own.
//!
//! Names of tables and columns are written by us and go into the SQL as they stand; values
//! never do.

mod due;

use sea_orm::{ConnectionTrait, QueryResult};
use serde_json::Value;

pub use due::{Claimed, Claiming, Due, claim_due};

use crate::{Engine, StoreError, Tx, sql};

/// How a JSON value becomes a column. Null is null in each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// A string.
    Text,
    /// An integer of 64 bits.
    Int,
    /// Bytes, given as a string of hexadecimal digits; see [`hex`].
    Bytes,
    /// True or false.
    Bool,
}

/// Bytes as the hexadecimal digits that [`Column::Bytes`] expects.
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

/// Inserts rows, objects keyed by column, in their order. Returns how many.
///
/// # Errors
/// `Conflict` where a constraint refuses one of them; then none is inserted.
pub async fn insert_many(
    tx: &Tx,
    table: &str,
    columns: &[(&str, Column)],
    rows: Vec<Value>,
) -> Result<u64, StoreError> {
    if rows.is_empty() {
        return Ok(0);
    }
    let insert = insert_sql(tx.engine(), table, columns);
    sql::execute(tx, insert, [to_text(rows)]).await
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
    rows: Vec<Value>,
    returning: &str,
) -> Result<Vec<String>, StoreError> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let insert = format!(
        "{} ON CONFLICT ({}) DO NOTHING RETURNING CAST({returning} AS TEXT) AS new_key",
        insert_sql(tx.engine(), table, columns),
        conflict.join(", "),
    );
    let new = sql::query_all(tx, insert, [to_text(rows)]).await?;
    new.iter().map(|row| Ok(row.try_get("", "new_key")?)).collect()
}

/// Updates the row of each object, found by the columns `key`, to its columns `set`. Returns
/// how many rows were found.
///
/// # Errors
/// Those of the database.
pub async fn update_many(
    tx: &Tx,
    table: &str,
    key: &[(&str, Column)],
    set: &[(&str, Column)],
    rows: Vec<Value>,
) -> Result<u64, StoreError> {
    if rows.is_empty() {
        return Ok(0);
    }
    let columns: Vec<_> = key.iter().chain(set).copied().collect();
    let names: Vec<_> = columns.iter().map(|(name, _)| *name).collect();
    let assign: Vec<_> = set.iter().map(|(name, _)| format!("{name} = r.{name}")).collect();
    let found: Vec<_> = key.iter().map(|(name, _)| format!("{table}.{name} = r.{name}")).collect();
    let update = format!(
        "UPDATE {table} SET {} FROM (SELECT {}) AS r ({}) WHERE {}",
        assign.join(", "),
        select(tx.engine(), &columns),
        names.join(", "),
        found.join(" AND "),
    );
    let update = match tx.engine() {
        // SQLite names the columns of a subquery inside it only.
        Engine::Sqlite => update.replacen(&format!(" AS r ({})", names.join(", ")), " AS r", 1),
        Engine::Postgres => update,
    };
    sql::execute(tx, update, [to_text(rows)]).await
}

/// Locks the rows with these ids, in the order of the ids, and returns them in that order; an
/// id without a row is left out. SQLite's writer has the whole database to itself.
///
/// # Errors
/// Those of the database.
pub async fn lock_by_id(
    tx: &Tx,
    table: &str,
    id_column: &str,
    ids: &[String],
) -> Result<Vec<QueryResult>, StoreError> {
    by_id(tx, table, id_column, ids, tx.engine().for_update()).await
}

/// Reads the rows with these values in a column, in its order, without locking them.
///
/// # Errors
/// Those of the database.
pub async fn read_by_id(
    connection: &impl ConnectionTrait,
    table: &str,
    id_column: &str,
    ids: &[String],
) -> Result<Vec<QueryResult>, StoreError> {
    by_id(connection, table, id_column, ids, "").await
}

async fn by_id(
    connection: &impl ConnectionTrait,
    table: &str,
    id_column: &str,
    ids: &[String],
    lock: &str,
) -> Result<Vec<QueryResult>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let among = among(Engine::of(connection), 1);
    let query =
        format!("SELECT * FROM {table} WHERE {id_column} {among} ORDER BY {id_column}{lock}");
    sql::query_all(connection, query, [texts(ids)]).await
}

/// The condition "is one of the strings of the JSON array bound as `$number`", for portable
/// SQL with a list of any length; bind [`texts`].
#[must_use]
pub fn among(engine: Engine, number: usize) -> String {
    match engine {
        Engine::Sqlite => format!("IN (SELECT value FROM json_each(${number}))"),
        // An array, evaluated once, lets PostgreSQL use the index whatever it guesses.
        Engine::Postgres => {
            format!("= ANY(ARRAY(SELECT json_array_elements_text(${number}::json)))")
        }
    }
}

/// Strings as the one bind value that [`among`] expects.
#[must_use]
pub fn texts<S: AsRef<str>>(ids: &[S]) -> sea_orm::Value {
    let ids = ids.iter().map(|id| Value::from(id.as_ref())).collect();
    to_text(ids)
}

fn to_text(rows: Vec<Value>) -> sea_orm::Value {
    Value::Array(rows).to_string().into()
}

fn insert_sql(engine: Engine, table: &str, columns: &[(&str, Column)]) -> String {
    let names: Vec<_> = columns.iter().map(|(name, _)| *name).collect();
    // "WHERE true" tells SQLite's parser that a following ON belongs to the INSERT.
    format!(
        "INSERT INTO {table} ({}) SELECT {} WHERE true",
        names.join(", "),
        select(engine, columns)
    )
}

/// The select list and the FROM clause that turn the JSON `$1` into rows of the columns.
pub fn select(engine: Engine, columns: &[(&str, Column)]) -> String {
    let list: Vec<_> = columns
        .iter()
        .map(|(name, column)| match (engine, column) {
            (Engine::Sqlite, Column::Bytes) => {
                format!("unhex(j.value ->> '$.{name}') AS {name}")
            }
            (Engine::Sqlite, Column::Text | Column::Int | Column::Bool) => {
                format!("j.value ->> '$.{name}' AS {name}")
            }
            (Engine::Postgres, Column::Bytes) => format!("decode(j.{name}, 'hex') AS {name}"),
            (Engine::Postgres, Column::Text | Column::Int | Column::Bool) => format!("j.{name}"),
        })
        .collect();
    let from = match engine {
        Engine::Sqlite => "json_each($1) AS j".to_owned(),
        Engine::Postgres => {
            let types: Vec<_> = columns
                .iter()
                .map(|(name, column)| match column {
                    Column::Text | Column::Bytes => format!("{name} text"),
                    Column::Int => format!("{name} bigint"),
                    Column::Bool => format!("{name} boolean"),
                })
                .collect();
            format!("json_to_recordset($1::json) AS j ({})", types.join(", "))
        }
    };
    format!("{} FROM {from}", list.join(", "))
}
