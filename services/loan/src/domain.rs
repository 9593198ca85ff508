//! The rules of lending: pure, over values.

pub mod decimal;
pub mod fee;
pub mod period;
pub mod plan;
pub mod terms;
