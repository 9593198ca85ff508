//! One row for a multi-row statement.

use sea_orm::Value;

use super::Column;
use crate::StoreError;

/// A row by the names of its columns; one that it does not have is null.
#[derive(Debug, Clone, PartialEq)]
pub struct Row(Vec<(&'static str, Value)>);

impl Row {
    /// A row of these values; [`crate::row!`] is the short form.
    #[must_use]
    pub fn of(values: Vec<(&'static str, Value)>) -> Self {
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
    pub fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.0.push((name, value.into()));
        self
    }
}

/// A [`Row`] of names and values: `row! { "id": id, "version": 3, "note": None::<String> }`.
#[macro_export]
macro_rules! row {
    ($($name:literal: $value:expr),* $(,)?) => {
        $crate::rows::Row::of(vec![$(($name, $crate::rows::Value::from($value))),*])
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
    ) -> Result<Value, StoreError> {
        let here = self.0.get(index).is_some_and(|(field, _)| *field == name);
        let at =
            if here { Some(index) } else { self.0.iter().position(|(field, _)| *field == name) };
        let value = at.and_then(|at| self.0.get_mut(at)).map(|(_, value)| value);
        let Some(value) = value else { return Ok(column.null()) };
        let null = value.as_null();
        let value = std::mem::replace(value, null);
        match (column, value) {
            (Column::Text, value @ Value::String(_))
            | (Column::Int, value @ Value::BigInt(_))
            | (Column::Bytes, value @ Value::Bytes(_))
            | (Column::Bool, value @ Value::Bool(_)) => Ok(value),
            (Column::Int, Value::Int(small)) => Ok(Value::BigInt(small.map(i64::from))),
            (Column::Int, Value::Unsigned(small)) => Ok(Value::BigInt(small.map(i64::from))),
            (column, value) => Err(unfit(name, column, &value)),
        }
    }
}

impl Column {
    pub(super) fn null(self) -> Value {
        match self {
            Self::Text => Value::String(None),
            Self::Int => Value::BigInt(None),
            Self::Bytes => Value::Bytes(None),
            Self::Bool => Value::Bool(None),
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

fn unfit(name: &str, column: Column, value: &impl std::fmt::Debug) -> StoreError {
    StoreError::Corrupt(format!("column {name} is {column:?}, not {value:?}"))
}
