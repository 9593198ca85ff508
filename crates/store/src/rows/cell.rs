//! A value of a row. What is written by the million (ids, dates, words of ours) is kept without
//! a string of its own.

use std::{borrow::Cow, fmt::Write as _};

use florin_kernel::{
    AccountId, ApprovalId, BeneficiaryId, CustomerId, Date, EventId, HoldId, LoanId,
    NotificationId, OrderId, RelationId, TransactionId, TransferId,
};

/// A value of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// None.
    Null,
    /// A string.
    Text(String),
    /// A word of ours.
    Fixed(&'static str),
    /// An identifier: its prefix and the bits of its UUID.
    Id(&'static str, u128),
    /// A date, written YYYY-MM-DD.
    Date(Date),
    /// An integer.
    Int(i64),
    /// Bytes.
    Bytes(Vec<u8>),
    /// True or false.
    Bool(bool),
}

impl Cell {
    /// Adds a text to a string; nothing of what is no text.
    pub(super) fn push_to(&self, to: &mut String) {
        match self {
            Self::Text(text) => to.push_str(text),
            Self::Fixed(text) => to.push_str(text),
            Self::Id(prefix, bits) => florin_kernel::push_id(to, prefix, *bits),
            // Writing to a string does not fail.
            Self::Date(date) => write!(to, "{date}").unwrap_or_default(),
            Self::Null | Self::Int(_) | Self::Bytes(_) | Self::Bool(_) => {}
        }
    }
}

macro_rules! ids {
    ($($id:ident),*) => {
        $(impl From<$id> for Cell {
            fn from(id: $id) -> Self {
                Self::Id($id::PREFIX, id.bits())
            }
        })*
    };
}

ids!(
    AccountId,
    ApprovalId,
    BeneficiaryId,
    CustomerId,
    EventId,
    HoldId,
    LoanId,
    NotificationId,
    OrderId,
    RelationId,
    TransactionId,
    TransferId
);

macro_rules! cells {
    ($($from:ty => $cell:expr),* $(,)?) => {
        $(impl From<$from> for Cell {
            fn from(value: $from) -> Self {
                $cell(value)
            }
        })*
    };
}

cells!(
    String => Self::Text,
    Date => Self::Date,
    i64 => Self::Int,
    Vec<u8> => Self::Bytes,
    bool => Self::Bool,
    i32 => |small| Self::Int(i64::from(small)),
    u32 => |small| Self::Int(i64::from(small)),
    &[u8] => |bytes: &[u8]| Self::Bytes(bytes.to_vec()),
    &str => |text: &str| Self::Text(text.to_owned()),
    &String => |text: &String| Self::Text(text.clone()),
    Cow<'_, str> => |text: Cow<'_, str>| Self::Text(text.into_owned()),
);

impl<T: Into<Self>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}
