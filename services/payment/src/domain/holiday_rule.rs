//! Dates on which the bank is closed.

use florin_kernel::Date;

/// When a date is done on which the bank is closed: the business day conventions of the 2006 ISDA
/// Definitions, section 4.12.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HolidayRule {
    /// On the next business date.
    Following,
    /// On the next business date; on the one before where the next is in another month.
    ModifiedFollowing,
    /// On the business date before.
    Preceding,
}

impl HolidayRule {
    /// Every rule.
    pub const ALL: &'static [Self] = &[Self::Following, Self::ModifiedFollowing, Self::Preceding];

    /// The number in the contract and in the database.
    #[must_use]
    pub const fn code(self) -> i64 {
        match self {
            Self::Following => 1,
            Self::ModifiedFollowing => 2,
            Self::Preceding => 3,
        }
    }

    /// The rule of a number; None where there is none.
    #[must_use]
    pub fn from_code(code: i64) -> Option<Self> {
        Self::ALL.iter().copied().find(|one| one.code() == code)
    }

    /// Whether a date that is yet to come is done on the business date that is open, after which
    /// the bank opens on `next`.
    pub(super) fn is_done_before(self, date: Date, next: Date) -> bool {
        match self {
            Self::Following => false,
            Self::ModifiedFollowing => {
                date < next && date.first_of_month() != next.first_of_month()
            }
            Self::Preceding => date < next,
        }
    }
}

/// The business date that is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opened {
    /// The date.
    pub on: Date,
    /// The one that the calendar has next; None where it is not known.
    pub next: Option<Date>,
}
