//! Rows as the arrays of one query: a column is one value.

use florin_kernel::Date;
use sea_orm::{Value, sea_query::ArrayType};

use super::{Cell, Column, Row, source::Page};
use crate::StoreError;

/// Between the texts of a column, and in the place of one that is null: control characters that
/// no text of a column that is sent so contains.
const BETWEEN: char = '\u{1f}';
const NONE: char = '\u{1e}';
/// The length of bytes that are null.
const NULL: i64 = -1;
/// Room for a text of a column.
const TEXT: usize = 41;

/// The query for the rows; None for no rows. Each row is taken apart as it comes. A column that
/// is null in all of them is not sent: taking a list apart costs the server as much as a value.
pub(super) fn page(
    columns: &[(&str, Column)],
    rows: impl IntoIterator<Item = Row>,
) -> Result<Option<Page>, StoreError> {
    let rows = rows.into_iter();
    let (expected, _) = rows.size_hint();
    let mut arrays: Vec<_> =
        columns.iter().map(|(_, column)| Array::new(*column, expected)).collect();
    let mut has_value = vec![false; columns.len()];
    let mut count = 0_usize;
    for mut row in rows {
        let targets = columns.iter().zip(arrays.iter_mut().zip(&mut has_value));
        for (index, ((name, column), (array, has_value))) in targets.enumerate() {
            let cell = row.take(index, name, *column)?;
            *has_value |= cell != Cell::Null;
            array.push(count, cell);
        }
        count += 1;
    }
    if count == 0 {
        return Ok(None);
    }
    // One column has to tell how many rows there are.
    if let Some(first) = has_value.first_mut() {
        *first = true;
    }
    let mut query = Query { values: Vec::with_capacity(columns.len()), ..Query::default() };
    for ((name, column), (array, has_value)) in
        columns.iter().zip(arrays.into_iter().zip(has_value))
    {
        if has_value {
            query.add(name, *column, array, count);
        } else {
            query.list.push(format!("NULL::{} AS {name}", column.postgres()));
        }
    }
    Ok(Some(query.finish()))
}

/// The values of a column.
enum Array {
    /// Texts as one, which the server takes apart: a string a column instead of one a value,
    /// that sea-orm clones on its way.
    Joined(Joined),
    /// Bytes as one value, of which the server takes each by its place.
    Packed(Packed),
    /// One by one: sea-orm's arrays have no nulls, so a column that has some brings a mask.
    Values { column: Column, values: Vec<Value>, mask: Vec<Value> },
}

#[derive(Default)]
struct Joined {
    text: String,
    /// The last date and where its text stands: most rows of a batch have the same.
    date: Option<(Date, std::ops::Range<usize>)>,
}

/// Values of bytes behind each other. As an array each is a block of memory of its own, made by
/// the service and copied by sea-orm.
#[derive(Default)]
struct Packed {
    bytes: Vec<u8>,
    /// How many bytes each value has; one that is null has none, and a length below zero.
    lengths: Vec<i64>,
}

impl Array {
    fn new(column: Column, expected: usize) -> Self {
        match column {
            Column::Text => {
                let text = String::with_capacity(expected.saturating_mul(TEXT));
                Self::Joined(Joined { text, date: None })
            }
            Column::Bytes => Self::Packed(Packed::default()),
            Column::Int | Column::Bool => Self::values(column, expected),
        }
    }

    fn values(column: Column, expected: usize) -> Self {
        Self::Values { column, values: Vec::with_capacity(expected), mask: Vec::new() }
    }

    /// Adds the value of row number `at`.
    fn push(&mut self, at: usize, cell: Cell) {
        if let Self::Joined(joined) = self {
            let Some(cell) = joined.push(at, cell) else { return };
            // It could not be told apart again: from here on one by one.
            *self = std::mem::take(joined).apart(at);
            return self.push(at, cell);
        }
        if let Self::Packed(packed) = self {
            return packed.push(&cell);
        }
        let Self::Values { column, values, mask } = self else { return };
        if cell == Cell::Null {
            mask.resize(at, Value::from(false));
            mask.push(true.into());
            values.push(column.filler());
        } else {
            values.push(column.value(cell));
        }
    }
}

impl Packed {
    fn push(&mut self, cell: &Cell) {
        let Cell::Bytes(bytes) = cell else { return self.lengths.push(NULL) };
        self.bytes.extend_from_slice(bytes);
        self.lengths.push(i64::try_from(bytes.len()).unwrap_or(i64::MAX));
    }

    /// Where each value begins, counted from one, and how long it is.
    fn places(&self) -> (Vec<Value>, Vec<Value>) {
        let mut next = 1_i64;
        let places = self.lengths.iter().map(|length| {
            let from = next;
            next = next.saturating_add((*length).max(0));
            (Value::from(from), Value::from(*length))
        });
        places.unzip()
    }
}

impl Joined {
    /// Adds a text; returns one that has a control character of ours in it.
    fn push(&mut self, at: usize, cell: Cell) -> Option<Cell> {
        let ours = |byte: u8| char::from(byte) == BETWEEN || char::from(byte) == NONE;
        if let Cell::Text(own) = &cell
            && own.bytes().any(ours)
        {
            return Some(cell);
        }
        if at > 0 {
            self.text.push(BETWEEN);
        }
        let from = self.text.len();
        match &cell {
            Cell::Null => self.text.push(NONE),
            Cell::Date(date) => match self.date.clone() {
                Some((last, place)) if last == *date => self.text.extend_from_within(place),
                Some(_) | None => {
                    cell.push_to(&mut self.text);
                    self.date = Some((*date, from..self.text.len()));
                }
            },
            Cell::Text(_)
            | Cell::Fixed(_)
            | Cell::Id(..)
            | Cell::Int(_)
            | Cell::Bytes(_)
            | Cell::Bool(_) => cell.push_to(&mut self.text),
        }
        None
    }

    /// The first `count` texts one by one.
    fn apart(self, count: usize) -> Array {
        let mut array = Array::values(Column::Text, count);
        for (at, text) in self.text.split(BETWEEN).take(count).enumerate() {
            let null = text.chars().eq([NONE]);
            array.push(at, if null { Cell::Null } else { Cell::Text(text.to_owned()) });
        }
        array
    }
}

/// A query for `unnest`.
#[derive(Default)]
struct Query {
    list: Vec<String>,
    arrays: Vec<String>,
    names: Vec<String>,
    values: Vec<Value>,
}

impl Query {
    fn add(&mut self, name: &str, column: Column, array: Array, count: usize) {
        match array {
            // An empty text is no array of one empty text.
            Array::Joined(joined) if joined.text.is_empty() => {
                self.add(name, column, joined.apart(count), count);
            }
            Array::Joined(joined) => {
                self.values.push(joined.text.into());
                let number = self.values.len();
                self.arrays.push(format!("string_to_array(${number}, E'\\x1f', E'\\x1e')"));
                self.names.push(name.to_owned());
                self.list.push(format!("u.{name}"));
            }
            Array::Packed(packed) => self.packed(name, packed),
            Array::Values { values, mask, .. } => {
                self.values.push(array_of(column, values));
                self.arrays.push(format!("${}::{}[]", self.values.len(), column.postgres()));
                self.names.push(name.to_owned());
                self.mask(name, mask, count);
            }
        }
    }

    fn packed(&mut self, name: &str, packed: Packed) {
        let (from, lengths) = packed.places();
        let some_null = packed.lengths.contains(&NULL);
        self.values.push(packed.bytes.into());
        let bytes = self.values.len();
        for (what, places) in [("at", from), ("of", lengths)] {
            self.values.push(array_of(Column::Int, places));
            self.arrays.push(format!("${}::bigint[]", self.values.len()));
            self.names.push(format!("{what}_{name}"));
        }
        let (at, of) = (format!("u.at_{name}::int4"), format!("u.of_{name}"));
        let value = format!("substring(${bytes}::bytea FROM {at} FOR {of}::int4)");
        self.list.push(if some_null {
            format!("CASE WHEN {of} < 0 THEN NULL ELSE {value} END AS {name}")
        } else {
            format!("{value} AS {name}")
        });
    }

    fn mask(&mut self, name: &str, mut mask: Vec<Value>, count: usize) {
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
