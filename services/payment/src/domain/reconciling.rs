//! Our money at the network, by its statement and by our books.

use florin_kernel::Money;

/// What is amiss.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Amiss {
    /// The network tells it and our books have it not.
    NotBooked,
    /// Our books have it and the network does not tell it.
    NotTold,
    /// Our books have it more than once, or in another amount.
    BookedOtherwise,
    /// The statement does not begin where the one before it ended.
    Gap,
    /// Its entries are not what lies between its balances.
    Sum,
    /// The balances differ by more than all that is named.
    Total,
}

/// A difference, or what is still under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// What.
    pub amiss: Amiss,
    /// Positive in our favour.
    pub amount: Money,
    /// The payment's name at all banks, or empty.
    pub uetr: String,
    /// Which entry of the statement, or which reference of the ledger.
    pub of: String,
}

/// A comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reconciliation {
    /// Network, account and currency.
    pub series: String,
    /// The statement.
    pub statement: String,
    /// What the network says that we have there.
    pub closing: Money,
    /// What our books say.
    pub booked: Money,
    /// What has to be mended.
    pub differences: Vec<Difference>,
    /// What ends by itself.
    pub under_way: Vec<Difference>,
    /// What our books have, and statements should have told of for business days.
    pub untold: Vec<Difference>,
}

/// What no entry explains of the difference between two balances: what our books have, less what
/// only they have, and what only the network has, is what the network has. None beyond the range.
#[must_use]
pub fn unexplained(closing: i64, booked: i64, only_ours: i64, only_theirs: i64) -> Option<i64> {
    booked.checked_sub(only_ours)?.checked_add(only_theirs)?.checked_sub(closing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_on_either_side_explains_the_difference() {
        assert_eq!(unexplained(100, 100, 0, 0), Some(0));
        assert_eq!(unexplained(100, 130, 30, 0), Some(0));
        assert_eq!(unexplained(100, 70, 0, 30), Some(0));
        assert_eq!(unexplained(100, 90, 20, 30), Some(0));
        assert_eq!(unexplained(100, 101, 0, 0), Some(1));
        assert_eq!(unexplained(-100, -70, 30, 0), Some(0));
        assert_eq!(unexplained(i64::MAX, i64::MIN, 0, 0), None);
    }
}
