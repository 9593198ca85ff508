//! The rules of lending: pure, over values.

pub mod allocation;
pub mod apr;
pub mod book;
pub mod conditions;
pub mod day;
pub mod decimal;
pub mod event;
pub mod fee;
pub mod gl;
pub mod loan;
pub mod movement;
pub mod period;
pub mod plan;
pub mod posting;
pub mod product;
pub mod refusal;
pub mod request;
pub mod score;
pub mod servicing;
pub mod terms;
