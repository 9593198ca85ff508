//! Queries for given rows, with their values.

use sea_orm::Value;

use super::{Column, Row, arrays};
use crate::{Engine, StoreError};

/// Rows of one statement on SQLite, the greatest first: few texts, few statements. The greatest
/// times the columns of our widest table stays below SQLite's 32,766 variables.
const PAGES: [usize; 5] = [256, 64, 16, 4, 1];

/// Some of the rows, as a query and the values of its placeholders.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) query: String,
    pub(super) values: Vec<Value>,
}

/// Rows as queries for them: one on PostgreSQL, one a page on SQLite, none for no rows. Each row
/// is taken apart as it comes, so that no more than one of them need be in memory.
///
/// # Errors
/// `Corrupt` for a value that is not of its column's kind.
pub(super) fn pages(
    engine: Engine,
    columns: &[(&str, Column)],
    rows: impl IntoIterator<Item = Row>,
) -> Result<Vec<Page>, StoreError> {
    match engine {
        Engine::Sqlite => bound(columns, rows.into_iter().collect()),
        Engine::Postgres => Ok(arrays::page(columns, rows)?.into_iter().collect()),
    }
}

fn bound(columns: &[(&str, Column)], rows: Vec<Row>) -> Result<Vec<Page>, StoreError> {
    let names: Vec<_> =
        (1..).zip(columns).map(|(number, (name, _))| format!("column{number} AS {name}")).collect();
    let one = format!("({})", vec!["?"; columns.len()].join(", "));
    let (mut left, mut rows) = (rows.len(), rows.into_iter());
    let mut pages = Vec::new();
    while let Some(size) = PAGES.into_iter().find(|size| *size <= left) {
        left -= size;
        let mut values = Vec::with_capacity(size * columns.len());
        for mut row in rows.by_ref().take(size) {
            for (index, (name, column)) in columns.iter().enumerate() {
                values.push(column.value(row.take(index, name, *column)?));
            }
        }
        let query = format!(
            "SELECT {} FROM (VALUES {})",
            names.join(", "),
            vec![one.as_str(); size].join(", ")
        );
        pages.push(Page { query, values });
    }
    Ok(pages)
}
