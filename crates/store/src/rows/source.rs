//! A query for given rows, with its values.

use sea_orm::{Value, sea_query::ArrayType};

use super::{Column, Row};
use crate::{Engine, StoreError};

/// Rows of one statement on SQLite, the greatest first: few texts, few statements. The greatest
/// times the columns of our widest table stays below SQLite's 32,766 variables.
const PAGES: [usize; 5] = [256, 64, 16, 4, 1];

/// Some of the rows, as a query and the values of its placeholders.
pub(super) struct Page {
    pub query: String,
    pub values: Vec<Value>,
}

/// Rows as queries for them: one on PostgreSQL, one a page on SQLite, none for no rows.
pub(super) fn pages(
    engine: Engine,
    columns: &[(&str, Column)],
    rows: Vec<Row>,
) -> Result<Vec<Page>, StoreError> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    match engine {
        Engine::Sqlite => bound(columns, rows),
        Engine::Postgres => Ok(vec![arrays(columns, rows)?]),
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
                values.push(row.take(index, name, *column)?);
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

/// sea-orm's arrays have no nulls: a column that has some brings a mask with it.
fn arrays(columns: &[(&str, Column)], mut rows: Vec<Row>) -> Result<Page, StoreError> {
    let (mut list, mut arrays, mut names) = (Vec::new(), Vec::new(), Vec::new());
    let mut values = Vec::with_capacity(columns.len());
    for (index, (name, column)) in columns.iter().enumerate() {
        let (mut array, mut mask) = (Vec::with_capacity(rows.len()), Vec::new());
        for (at, row) in rows.iter_mut().enumerate() {
            let value = row.take(index, name, *column)?;
            if value == column.null() {
                mask.resize(at, Value::from(false));
                mask.push(true.into());
                array.push(column.filler());
            } else {
                array.push(value);
            }
        }
        values.push(array_of(*column, array));
        arrays.push(format!("${}::{}[]", values.len(), column.postgres()));
        names.push((*name).to_owned());
        if mask.is_empty() {
            list.push(format!("u.{name}"));
            continue;
        }
        mask.resize(rows.len(), Value::from(false));
        values.push(array_of(Column::Bool, mask));
        arrays.push(format!("${}::boolean[]", values.len()));
        names.push(format!("no_{name}"));
        list.push(format!("CASE WHEN u.no_{name} THEN NULL ELSE u.{name} END AS {name}"));
    }
    let query = format!(
        "SELECT {} FROM unnest({}) AS u ({})",
        list.join(", "),
        arrays.join(", "),
        names.join(", "),
    );
    Ok(Page { query, values })
}

/// Texts as one value.
pub(super) fn array(texts: Vec<Value>) -> Value {
    array_of(Column::Text, texts)
}

fn array_of(column: Column, values: Vec<Value>) -> Value {
    let kind = match column {
        Column::Text => ArrayType::String,
        Column::Int => ArrayType::BigInt,
        Column::Bytes => ArrayType::Bytes,
        Column::Bool => ArrayType::Bool,
    };
    Value::Array(kind, Some(Box::new(values)))
}

impl Column {
    const fn postgres(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Int => "bigint",
            Self::Bytes => "bytea",
            Self::Bool => "boolean",
        }
    }
}
