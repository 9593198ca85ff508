//! The rules of lending: pure, over values.

pub mod apr;
pub mod decimal;
pub mod fee;
pub mod period;
pub mod plan;
pub mod terms;
