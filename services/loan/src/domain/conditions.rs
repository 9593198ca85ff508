//! What a version of a product says beside its terms: how it is decided, told of and booked.

use super::{gl::GlCodes, loan::Overpayment, score::Underwriting};

/// Conditions of a version of a product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conditions {
    /// How applications are scored and decided.
    pub underwriting: Underwriting,
    /// What happens with more than pays a loan off.
    pub overpayment: Overpayment,
    /// Days before a due date on which an instalment is told of; zero for never.
    pub remind_days: u16,
    /// Where its money is booked.
    pub gl: GlCodes,
}
