//! The rules of accounts and of the journal: pure, over values.

pub mod account;
pub mod conversion;
pub mod end_of_day;
pub mod event;
pub mod fee;
pub mod gl;
pub mod hold;
pub mod interest;
pub mod posting;
pub mod record;
pub mod refusal;
pub mod statement;
