//! Fees: what an event costs by the schedule of a product.

use std::collections::BTreeMap;

use florin_kernel::{Date, Rate};

/// GL account of the fees that the bank takes.
pub const INCOME_GL: &str = "4010";

/// Most tiers of a schedule.
pub const MOST_TIERS: usize = 20;

/// What a fee is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FeeEvent {
    /// A transfer out of the account.
    Transfer,
    /// Cash out of the account.
    Withdrawal,
    /// A month of the account, charged at its end.
    Month,
}

impl FeeEvent {
    /// Every event.
    pub const ALL: &'static [Self] = &[Self::Transfer, Self::Withdrawal, Self::Month];

    /// The number in the table and in the contract.
    #[must_use]
    pub const fn number(self) -> i32 {
        match self {
            Self::Transfer => 1,
            Self::Withdrawal => 2,
            Self::Month => 3,
        }
    }

    /// The event of a number; None for any other.
    #[must_use]
    pub fn from_number(number: i64) -> Option<Self> {
        Self::ALL.iter().copied().find(|event| i64::from(event.number()) == number)
    }
}

/// What is charged from an amount on, minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeeTier {
    /// From this amount of the event on.
    pub from: i64,
    /// Whatever the amount.
    pub flat: i64,
    /// A part of the whole amount.
    pub rate: Rate,
}

/// What an event costs: by the tier that its amount reaches, at least the minimum and at most
/// the maximum. Minor units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeeSchedule {
    tiers: Vec<FeeTier>,
    minimum: i64,
    maximum: Option<i64>,
}

impl FeeSchedule {
    /// A schedule; None where the tiers do not begin at zero and rise, are more than
    /// [`MOST_TIERS`], where an amount is negative or the maximum is below the minimum. Without
    /// tiers nothing is charged but the minimum.
    #[must_use]
    pub fn new(tiers: Vec<FeeTier>, minimum: i64, maximum: Option<i64>) -> Option<Self> {
        let begins = tiers.first().is_none_or(|tier| tier.from == 0);
        let rises = tiers.iter().zip(tiers.iter().skip(1)).all(|(low, high)| low.from < high.from);
        let sound = minimum >= 0
            && maximum.is_none_or(|maximum| maximum >= minimum)
            && tiers.iter().all(|tier| tier.flat >= 0)
            && tiers.len() <= MOST_TIERS;
        (begins && rises && sound).then_some(Self { tiers, minimum, maximum })
    }

    /// The tiers in order.
    #[must_use]
    pub fn tiers(&self) -> &[FeeTier] {
        &self.tiers
    }

    /// The least fee.
    #[must_use]
    pub const fn minimum(&self) -> i64 {
        self.minimum
    }

    /// The greatest fee, where there is one.
    #[must_use]
    pub const fn maximum(&self) -> Option<i64> {
        self.maximum
    }

    /// The fee of an amount that is not negative; its part is rounded half to even. None beyond
    /// 64 bits.
    #[must_use]
    pub fn fee(&self, amount: i64) -> Option<i64> {
        let mut reached = self.tiers.iter().filter(|tier| tier.from <= amount);
        let fee = match reached.next_back() {
            Some(tier) => tier.flat.checked_add(tier.rate.of(amount)?)?,
            None => 0,
        };
        Some(fee.max(self.minimum).min(self.maximum.unwrap_or(i64::MAX)))
    }
}

/// The schedules of an event, each from its day on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FeeSchedules(BTreeMap<Date, FeeSchedule>);

impl FeeSchedules {
    /// Adds a schedule that holds from a day on.
    pub fn insert(&mut self, valid_from: Date, schedule: FeeSchedule) {
        self.0.insert(valid_from, schedule);
    }

    /// The schedule of a day, and since when it holds.
    #[must_use]
    pub fn on(&self, day: Date) -> Option<(Date, &FeeSchedule)> {
        self.0.range(..=day).next_back().map(|(from, schedule)| (*from, schedule))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tier(from: i64, flat: i64, rate: &str) -> FeeTier {
        FeeTier { from, flat, rate: rate.parse().expect(rate) }
    }

    #[test]
    fn a_fee_is_flat_and_a_part_of_the_amount_by_its_tier_between_minimum_and_maximum() {
        let tiers = vec![tier(0, 100, "0"), tier(10_000, 50, "0.5"), tier(100_000, 0, "0.3")];
        let schedule = FeeSchedule::new(tiers, 120, Some(5_000)).expect("a schedule");
        for (amount, fee) in [
            (0, 120),
            (9_999, 120),
            (10_000, 120),
            (20_000, 150),
            (99_999, 550),
            (100_000, 300),
            (1_000_000, 3_000),
            (10_000_000, 5_000),
        ] {
            assert_eq!(schedule.fee(amount), Some(fee), "{amount}");
        }
        let none = FeeSchedule::new(Vec::new(), 0, None).expect("nothing");
        assert_eq!(none.fee(1_000), Some(0));
        let all = FeeSchedule::new(vec![tier(0, i64::MAX, "100")], 0, None).expect("a schedule");
        assert_eq!(all.fee(1), None);
    }

    #[test]
    fn a_schedule_begins_at_zero_rises_and_is_never_negative() {
        assert_eq!(FeeSchedule::new(vec![tier(1, 0, "0")], 0, None), None);
        assert_eq!(FeeSchedule::new(vec![tier(0, 0, "0"), tier(0, 1, "0")], 0, None), None);
        assert_eq!(FeeSchedule::new(vec![tier(0, -1, "0")], 0, None), None);
        assert_eq!(FeeSchedule::new(Vec::new(), -1, None), None);
        assert_eq!(FeeSchedule::new(Vec::new(), 2, Some(1)), None);
        let many = (0..=20).map(|from| tier(from, 0, "0")).collect();
        assert_eq!(FeeSchedule::new(many, 0, None), None);
    }

    #[test]
    fn a_schedule_counts_from_its_day_on() {
        let flat = |flat| FeeSchedule::new(vec![tier(0, flat, "0")], 0, None).expect("flat");
        let mut schedules = FeeSchedules::default();
        schedules.insert(Date::constant(2026, 12, 1), flat(1));
        schedules.insert(Date::constant(2027, 1, 1), flat(2));
        let on = |day| schedules.on(day).and_then(|(_, schedule)| schedule.fee(0));
        assert_eq!(on(Date::constant(2026, 11, 30)), None);
        assert_eq!(on(Date::constant(2026, 12, 31)), Some(1));
        assert_eq!(on(Date::constant(2027, 1, 1)), Some(2));
        for event in FeeEvent::ALL {
            assert_eq!(FeeEvent::from_number(event.number().into()), Some(*event));
        }
        assert_eq!(FeeEvent::from_number(0), None);
    }
}
