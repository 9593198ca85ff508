//! Decimals of 34 significant digits, rounded half to even after each operation: the precision
//! of IEEE 754 decimal128, in which schedules are reckoned. Money itself is whole minor units.

use std::num::NonZeroU64;

use bigdecimal::{BigDecimal, RoundingMode, ToPrimitive as _, Zero as _};

/// Significant digits that an operation keeps.
const DIGITS: NonZeroU64 = NonZeroU64::MIN.saturating_add(33);
/// Digits behind the point that roundings of many operations leave right.
const SETTLED: i64 = 12;

/// A decimal number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Decimal(BigDecimal);

impl Decimal {
    /// A whole number.
    #[must_use]
    pub fn whole(value: i128) -> Self {
        Self(BigDecimal::from(value))
    }

    /// Zero.
    #[must_use]
    pub fn zero() -> Self {
        Self::whole(0)
    }

    /// One.
    #[must_use]
    pub fn one() -> Self {
        Self::whole(1)
    }

    /// A quotient of whole numbers; None where the second is zero.
    #[must_use]
    pub fn ratio(above: i128, below: i128) -> Option<Self> {
        Self::whole(above).over(&Self::whole(below))
    }

    /// The sum.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        Self::kept(&(&self.0 + &other.0))
    }

    /// The difference.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        Self::kept(&(&self.0 - &other.0))
    }

    /// The product.
    #[must_use]
    pub fn times(&self, other: &Self) -> Self {
        Self::kept(&(&self.0 * &other.0))
    }

    /// The quotient; None over zero.
    #[must_use]
    pub fn over(&self, other: &Self) -> Option<Self> {
        if other.0.is_zero() {
            return None;
        }
        Some(Self::kept(&(&self.0 / &other.0)))
    }

    /// The nearest whole number, of two equally near the even one; None beyond 64 bits.
    #[must_use]
    pub fn nearest(&self) -> Option<i64> {
        self.0.with_scale_round(0, RoundingMode::HalfEven).to_i64()
    }

    /// The nearest whole number, halves upwards; None beyond 64 bits.
    #[must_use]
    pub fn nearest_half_up(&self) -> Option<i64> {
        self.0.with_scale_round(0, RoundingMode::HalfUp).to_i64()
    }

    /// Without what the roundings of a sum or a product left far behind the point: a half is one
    /// again.
    #[must_use]
    pub fn without_noise(&self) -> Self {
        Self(self.0.with_scale_round(SETTLED, RoundingMode::HalfEven))
    }

    /// The distance from zero.
    #[must_use]
    pub fn magnitude(&self) -> Self {
        Self(self.0.abs())
    }

    fn kept(exact: &BigDecimal) -> Self {
        Self(exact.with_precision_round(DIGITS, RoundingMode::HalfEven))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quotient_keeps_34_digits() {
        let third = Decimal::ratio(1, 3).expect("not over zero");
        assert_eq!(third.0.to_string(), format!("0.{}", "3".repeat(34)));
        let two_thirds = Decimal::ratio(2, 3).expect("not over zero");
        assert_eq!(two_thirds.0.to_string(), format!("0.{}7", "6".repeat(33)));
        assert_eq!(Decimal::ratio(1, 0), None);
    }

    #[test]
    fn halves_go_to_the_even_neighbour() {
        for (above, even, up) in [(1, 0, 1), (3, 2, 2), (5, 2, 3), (-1, 0, -1), (-3, -2, -2)] {
            let half = Decimal::ratio(above, 2).expect("not over zero");
            assert_eq!((half.nearest(), half.nearest_half_up()), (Some(even), Some(up)), "{above}");
        }
        assert_eq!(Decimal::whole(i128::MAX).nearest(), None);
    }

    #[test]
    fn operations_are_those_of_arithmetic() {
        let (two, three) = (Decimal::whole(2), Decimal::whole(3));
        assert_eq!(two.plus(&three), Decimal::whole(5));
        assert_eq!(two.minus(&three), Decimal::whole(-1));
        assert_eq!(two.times(&three), Decimal::whole(6));
        assert_eq!(two.minus(&three).magnitude(), Decimal::one());
        assert_eq!(Decimal::zero().plus(&two).over(&two), Some(Decimal::one()));
    }
}
