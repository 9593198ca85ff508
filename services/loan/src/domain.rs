//! The rules of lending: pure, over values.

pub mod allocation;
pub mod apr;
pub mod book;
pub mod day;
pub mod decimal;
pub mod event;
pub mod fee;
pub mod loan;
pub mod period;
pub mod plan;
pub mod product;
pub mod refusal;
pub mod request;
pub mod terms;
