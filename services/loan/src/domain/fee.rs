//! What a loan costs beside interest.

use florin_kernel::{LARGEST_MOVEMENT, Rate, Violations};

/// A price: an amount, or a part of what it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Price {
    /// Minor units of the loan's currency.
    Flat(i64),
    /// A percentage, rounded half to even.
    Part(Rate),
}

impl Default for Price {
    fn default() -> Self {
        Self::Flat(0)
    }
}

impl Price {
    /// What it comes to for an amount in minor units; None beyond 64 bits.
    #[must_use]
    pub fn of(self, base: i64) -> Option<i64> {
        match self {
            Self::Flat(minor) => Some(minor),
            Self::Part(rate) => rate.of(base),
        }
    }

    fn check(self, field: &str, found: &mut Violations) {
        match self {
            Self::Flat(minor) if minor < 0 => {
                found.add(field, "NEGATIVE", "a fee must not be below zero");
            }
            Self::Flat(minor) if minor > LARGEST_MOVEMENT => {
                found.add(field, "AMOUNT_TOO_LARGE", "a fee must be at most 10^15 minor units");
            }
            Self::Part(rate) if rate.units() > 100_000_000 => {
                found.add(field, "OUT_OF_RANGE", "a fee must be at most 100 percent");
            }
            Self::Flat(_) | Self::Part(_) => {}
        }
    }
}

/// The fees of a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Fees {
    /// Kept back from each disbursement; a part is of the amount disbursed.
    pub upfront: Price,
    /// With each instalment; a part is of the principal lent so far.
    pub instalment: Price,
    /// Once for each instalment that stays unpaid after the days of grace; a part is of what is
    /// overdue of it.
    pub late: Price,
    /// For repaying before the due date; a part is of the principal repaid early.
    pub early: Price,
}

impl Fees {
    /// Notes what is wrong with them.
    pub fn check(&self, found: &mut Violations) {
        self.upfront.check("fees.upfront", found);
        self.instalment.check("fees.instalment", found);
        self.late.check("fees.late", found);
        self.early.check("fees.early", found);
    }
}
