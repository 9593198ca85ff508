//! A query for given rows, with its values.

use sea_orm::{Value, sea_query::ArrayType};

use super::{Cell, Column, Row};
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

/// Between the texts of a column, and in the place of one that is null: control characters that
/// no text of a column that is sent so contains.
const BETWEEN: char = '\u{1f}';
const NONE: char = '\u{1e}';

/// Each column as one array.
fn arrays(columns: &[(&str, Column)], mut rows: Vec<Row>) -> Result<Page, StoreError> {
    let mut page = Arrays { values: Vec::with_capacity(columns.len()), ..Arrays::default() };
    for (index, (name, column)) in columns.iter().enumerate() {
        let cells = rows.iter_mut().map(|row| row.take(index, name, *column));
        let cells: Vec<Cell> = cells.collect::<Result<_, _>>()?;
        match column {
            Column::Text => match joined(&cells) {
                Some(text) => page.add_joined(name, text),
                None => page.add(name, *column, cells),
            },
            Column::Int | Column::Bytes | Column::Bool => page.add(name, *column, cells),
        }
    }
    Ok(page.finish())
}

/// The texts as one, which the server takes apart: a string a column instead of one a value, that
/// sea-orm clones on its way. None where they could not be told apart again.
fn joined(cells: &[Cell]) -> Option<String> {
    let mut text = String::with_capacity(cells.len().saturating_mul(40));
    for (at, cell) in cells.iter().enumerate() {
        if at > 0 {
            text.push(BETWEEN);
        }
        match cell {
            Cell::Null => text.push(NONE),
            Cell::Text(own) => {
                if own.contains([BETWEEN, NONE]) {
                    return None;
                }
                text.push_str(own);
            }
            Cell::Fixed(_)
            | Cell::Id(..)
            | Cell::Date(_)
            | Cell::Int(_)
            | Cell::Bytes(_)
            | Cell::Bool(_) => cell.push_to(&mut text),
        }
    }
    // An empty text is no array of one empty text.
    (!text.is_empty()).then_some(text)
}

/// The columns of `unnest`.
#[derive(Default)]
struct Arrays {
    list: Vec<String>,
    arrays: Vec<String>,
    names: Vec<String>,
    values: Vec<Value>,
}

impl Arrays {
    fn add_joined(&mut self, name: &str, text: String) {
        self.values.push(text.into());
        let number = self.values.len();
        self.arrays.push(format!("string_to_array(${number}, E'\\x1f', E'\\x1e')"));
        self.names.push(name.to_owned());
        self.list.push(format!("u.{name}"));
    }

    /// sea-orm's arrays have no nulls: a column that has some brings a mask with it.
    fn add(&mut self, name: &str, column: Column, cells: Vec<Cell>) {
        let (count, mut mask) = (cells.len(), Vec::new());
        let mut array = Vec::with_capacity(count);
        for (at, cell) in cells.into_iter().enumerate() {
            if cell == Cell::Null {
                mask.resize(at, Value::from(false));
                mask.push(true.into());
                array.push(column.filler());
            } else {
                array.push(column.value(cell));
            }
        }
        self.values.push(array_of(column, array));
        self.arrays.push(format!("${}::{}[]", self.values.len(), column.postgres()));
        self.names.push(name.to_owned());
        if mask.is_empty() {
            self.list.push(format!("u.{name}"));
            return;
        }
        mask.resize(count, Value::from(false));
        self.values.push(array_of(Column::Bool, mask));
        self.arrays.push(format!("${}::boolean[]", self.values.len()));
        self.names.push(format!("no_{name}"));
        self.list.push(format!("CASE WHEN u.no_{name} THEN NULL ELSE u.{name} END AS {name}"));
    }

    fn finish(self) -> Page {
        let query = format!(
            "SELECT {} FROM unnest({}) AS u ({})",
            self.list.join(", "),
            self.arrays.join(", "),
            self.names.join(", "),
        );
        Page { query, values: self.values }
    }
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
