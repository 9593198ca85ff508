//! Rows that became the values of a statement one after the other.

use sea_orm::{ConnectionTrait, QueryResult};

use super::{
    Column, Row,
    source::{Page, pages},
};
use crate::{Engine, StoreError, Tx, sql};

/// The rows of a multi-row statement. They are taken from an iterator, so that those of a batch,
/// which would be some megabytes, are never in memory together.
#[derive(Debug)]
pub struct Prepared<'c> {
    columns: &'c [(&'c str, Column)],
    pages: Vec<Page>,
}

impl<'c> Prepared<'c> {
    /// Rows of these columns, for the engine of the connection.
    ///
    /// # Errors
    /// `Corrupt` for a value that is not of its column's kind.
    pub fn of(
        connection: &impl ConnectionTrait,
        columns: &'c [(&'c str, Column)],
        rows: impl IntoIterator<Item = Row>,
    ) -> Result<Self, StoreError> {
        Ok(Self { columns, pages: pages(Engine::of(connection), columns, rows)? })
    }

    /// As [`super::insert_many`].
    ///
    /// # Errors
    /// `Conflict` where a constraint refuses one of them; the transaction is of no use then.
    pub async fn insert(self, tx: &Tx, table: &str) -> Result<u64, StoreError> {
        let columns = self.columns;
        self.execute(tx, |rows| insert_sql(table, columns, rows)).await
    }

    /// As [`super::insert_new`].
    ///
    /// # Errors
    /// `Serialization` for a deadlock with somebody who did not sort.
    pub async fn insert_new(
        self,
        tx: &Tx,
        table: &str,
        conflict: &[&str],
        returning: &str,
    ) -> Result<Vec<String>, StoreError> {
        let columns = self.columns;
        let insert = |rows: &str| {
            format!(
                "{} ON CONFLICT ({}) DO NOTHING RETURNING CAST({returning} AS TEXT) AS new_key",
                insert_sql(table, columns, rows),
                conflict.join(", "),
            )
        };
        let new = self.query(tx, insert).await?;
        new.iter().map(|row| Ok(row.try_get_by("new_key")?)).collect()
    }

    /// As [`super::insert_missing`].
    ///
    /// # Errors
    /// `Serialization` for a deadlock with somebody who did not sort.
    pub async fn insert_missing(
        self,
        tx: &Tx,
        table: &str,
        conflict: &[&str],
    ) -> Result<u64, StoreError> {
        let columns = self.columns;
        let insert = |rows: &str| {
            let insert = insert_sql(table, columns, rows);
            format!("{insert} ON CONFLICT ({}) DO NOTHING", conflict.join(", "))
        };
        self.execute(tx, insert).await
    }

    /// As [`super::execute`].
    ///
    /// # Errors
    /// Those of the database.
    pub async fn execute(
        self,
        connection: &impl ConnectionTrait,
        sql: impl Fn(&str) -> String,
    ) -> Result<u64, StoreError> {
        let mut changed = 0;
        for page in self.pages {
            changed += sql::execute(connection, sql(&page.query), page.values).await?;
        }
        Ok(changed)
    }

    /// As [`super::query`].
    ///
    /// # Errors
    /// Those of the database.
    pub async fn query(
        self,
        connection: &impl ConnectionTrait,
        sql: impl Fn(&str) -> String,
    ) -> Result<Vec<QueryResult>, StoreError> {
        let mut found = Vec::new();
        for page in self.pages {
            found.extend(sql::query_all(connection, sql(&page.query), page.values).await?);
        }
        Ok(found)
    }
}

fn insert_sql(table: &str, columns: &[(&str, Column)], rows: &str) -> String {
    let names: Vec<_> = columns.iter().map(|(name, _)| *name).collect();
    // "WHERE true" tells SQLite's parser that a following ON belongs to the INSERT.
    format!("INSERT INTO {table} ({}) {rows} WHERE true", names.join(", "))
}
