//! The rules of accounts and of the journal: pure, over values.

pub mod account;
pub mod conversion;
pub mod event;
pub mod hold;
pub mod posting;
pub mod record;
pub mod refusal;
