//! Loans: from the application to the last repayment.
//!
//! The rules are in [`domain`]: pure, over values, without a clock and without a float.

pub mod domain;
