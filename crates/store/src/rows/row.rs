//! One row for a multi-row statement.

use sea_orm::Value;

use super::{Cell, Column};
use crate::StoreError;

/// A row by the names of its columns; one that it does not have is null.
#[derive(Debug, Clone, PartialEq)]
pub struct Row(Vec<(&'static str, Cell)>);

impl Row {
    /// A row of these values; [`crate::row!`] is the short form.
    #[must_use]
    pub fn of(values: Vec<(&'static str, Cell)>) -> Self {
        Self(values)
    }

    /// The row with the values of another one behind its own.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// The row with one value more.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Cell>) -> Self {
        self.0.push((name, value.into()));
        self
    }
}

/// A [`Row`] of names and values: `row! { "id": id, "version": 3, "note": None::<String> }`.
#[macro_export]
macro_rules! row {
    ($($name:literal: $value:expr),* $(,)?) => {
        $crate::rows::Row::of(vec![$(($name, $crate::rows::Cell::from($value))),*])
    };
}

impl Row {
    /// Takes the value of a column out of the row; `index` is the column's place among those
    /// of the statement, where a row in that order has it.
    ///
    /// # Errors
    /// `Corrupt` for a value that is not of the column's kind.
    pub(super) fn take(
        &mut self,
        index: usize,
        name: &str,
        column: Column,
    ) -> Result<Cell, StoreError> {
        let here = self.0.get(index).is_some_and(|(field, _)| *field == name);
        let at =
            if here { Some(index) } else { self.0.iter().position(|(field, _)| *field == name) };
        let cell = at.and_then(|at| self.0.get_mut(at)).map(|(_, cell)| cell);
        let Some(cell) = cell else { return Ok(Cell::Null) };
        let cell = std::mem::replace(cell, Cell::Null);
        match (column, &cell) {
            (_, Cell::Null)
            | (Column::Text, Cell::Text(_) | Cell::Fixed(_) | Cell::Id(..) | Cell::Date(_))
            | (Column::Int, Cell::Int(_))
            | (Column::Bytes, Cell::Bytes(_))
            | (Column::Bool, Cell::Bool(_)) => Ok(cell),
            (Column::Text | Column::Int | Column::Bytes | Column::Bool, cell) => {
                Err(StoreError::Corrupt(format!("column {name} is {column:?}, not {cell:?}")))
            }
        }
    }
}

impl Column {
    /// A value of this kind, as it is bound alone.
    pub(super) fn value(self, cell: Cell) -> Value {
        match cell {
            Cell::Null => match self {
                Self::Text => Value::String(None),
                Self::Int => Value::BigInt(None),
                Self::Bytes => Value::Bytes(None),
                Self::Bool => Value::Bool(None),
            },
            Cell::Text(text) => text.into(),
            Cell::Fixed(_) | Cell::Id(..) | Cell::Date(_) => {
                let mut text = String::new();
                cell.push_to(&mut text);
                text.into()
            }
            Cell::Int(number) => number.into(),
            Cell::Bytes(bytes) => bytes.into(),
            Cell::Bool(flag) => flag.into(),
        }
    }

    /// What stands in an array where a mask says that the value is null.
    pub(super) fn filler(self) -> Value {
        match self {
            Self::Text => String::new().into(),
            Self::Int => 0_i64.into(),
            Self::Bytes => Vec::<u8>::new().into(),
            Self::Bool => false.into(),
        }
    }
}
