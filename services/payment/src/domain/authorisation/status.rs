//! The states of an authorisation.

/// State; the numbers are those of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthorisationStatus {
    /// It is being decided.
    Pending,
    /// Approved.
    Authorised,
    /// Declined.
    Declined,
    /// Ended by its final capture.
    Captured,
    /// Ended by the reversal of what remained.
    Reversed,
    /// Ended by time.
    Expired,
}

impl AuthorisationStatus {
    /// Every state.
    pub const ALL: &'static [Self] = &[
        Self::Pending,
        Self::Authorised,
        Self::Declined,
        Self::Captured,
        Self::Reversed,
        Self::Expired,
    ];

    /// The number in the contract and in the database.
    #[must_use]
    pub const fn code(self) -> i64 {
        match self {
            Self::Pending => 1,
            Self::Authorised => 2,
            Self::Declined => 3,
            Self::Captured => 4,
            Self::Reversed => 5,
            Self::Expired => 6,
        }
    }

    /// The state of a number; None where there is none.
    #[must_use]
    pub fn from_code(code: i64) -> Option<Self> {
        Self::ALL.iter().copied().find(|one| one.code() == code)
    }

    /// The name in refusals.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Authorised => "AUTHORISED",
            Self::Declined => "DECLINED",
            Self::Captured => "CAPTURED",
            Self::Reversed => "REVERSED",
            Self::Expired => "EXPIRED",
        }
    }
}
