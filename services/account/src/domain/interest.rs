//! Interest on accounts: what a product pays and takes, and what that comes to by the day.
//!
//! The interest of a day is a function of the balance by value date at its end and of the
//! conditions of that day, nothing else. So the sum over days is the same however the days were
//! divided, and what came late is mended by folding again. It has ten decimals, rounded half to
//! even; the ledger has the difference of the rounded sums.

use std::collections::BTreeMap;

use florin_kernel::{Accrued, Currency, Date, DayCount, Money, Rate};

use super::posting::{Leg, Legs, Target};

/// GL account of the interest that the bank owes and has not paid yet.
pub const PAYABLE_GL: &str = "2910";
/// GL account of the interest that the bank is owed and has not taken yet.
pub const RECEIVABLE_GL: &str = "1910";
/// GL account of the interest that the bank pays.
pub const EXPENSE_GL: &str = "5010";
/// GL account of the interest that the bank takes.
pub const INCOME_GL: &str = "4020";

/// The GL account among the targets that only the end of day posts to: it sums what the accounts
/// have accrued.
#[must_use]
pub fn kept_gl(legs: &Legs) -> Option<String> {
    legs.as_slice().iter().find_map(|leg| match &leg.target {
        Target::Gl(code) if code == PAYABLE_GL || code == RECEIVABLE_GL => Some(code.clone()),
        Target::Gl(_) | Target::Account(_) => None,
    })
}

/// Most tiers of one side of the conditions.
pub const MOST_TIERS: usize = 20;

/// How a balance meets the tiers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tiering {
    /// The whole balance at the rate of the tier that it reaches.
    WholeBalance,
    /// Each part of the balance at the rate of the tier that it lies in.
    Marginal,
}

impl Tiering {
    /// The number in the table and in the contract.
    #[must_use]
    pub const fn number(self) -> i32 {
        match self {
            Self::WholeBalance => 1,
            Self::Marginal => 2,
        }
    }

    /// The tiering of a number; None for any other.
    #[must_use]
    pub const fn from_number(number: i64) -> Option<Self> {
        match number {
            1 => Some(Self::WholeBalance),
            2 => Some(Self::Marginal),
            _ => None,
        }
    }
}

/// How often interest is paid to the account, or taken from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capitalisation {
    /// At the end of each month.
    Monthly,
    /// At the end of March, June, September and December.
    Quarterly,
    /// At the end of December.
    Yearly,
}

impl Capitalisation {
    /// The number in the table and in the contract.
    #[must_use]
    pub const fn number(self) -> i32 {
        match self {
            Self::Monthly => 1,
            Self::Quarterly => 2,
            Self::Yearly => 3,
        }
    }

    /// The rhythm of a number; None for any other.
    #[must_use]
    pub const fn from_number(number: i64) -> Option<Self> {
        match number {
            1 => Some(Self::Monthly),
            2 => Some(Self::Quarterly),
            3 => Some(Self::Yearly),
            _ => None,
        }
    }

    /// Whether a period ends with this day.
    #[must_use]
    pub fn is_due(self, day: Date) -> bool {
        let month = match self {
            Self::Monthly => true,
            Self::Quarterly => day.month() % 3 == 0,
            Self::Yearly => day.month() == 12,
        };
        month && is_month_end(day)
    }
}

/// Whether the day is the last of its month.
#[must_use]
pub fn is_month_end(day: Date) -> bool {
    day == day.last_of_month()
}

/// The last day that the end of a business date accrues: the day before the next business date,
/// so that a weekend counts with its Friday, but none of another month.
#[must_use]
pub fn last_day(closed: Date, opened: Date) -> Date {
    opened.yesterday().unwrap_or(closed).min(closed.last_of_month())
}

/// A rate from an amount on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tier {
    /// From this balance on (of an overdraft: from so far below zero on), minor units.
    pub from: i64,
    /// Percent a year.
    pub rate: Rate,
}

/// Tiers that begin at zero and rise; none where no interest is due.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tiers(Vec<Tier>);

impl Tiers {
    /// Tiers in order; None where the first is not from zero, where one does not rise, or where
    /// they are more than [`MOST_TIERS`].
    #[must_use]
    pub fn new(tiers: Vec<Tier>) -> Option<Self> {
        let begins = tiers.first().is_none_or(|tier| tier.from == 0);
        let rises = tiers.iter().zip(tiers.iter().skip(1)).all(|(low, high)| low.from < high.from);
        (begins && rises && tiers.len() <= MOST_TIERS).then_some(Self(tiers))
    }

    /// The tiers in order.
    #[must_use]
    pub fn as_slice(&self) -> &[Tier] {
        &self.0
    }

    /// Amounts times their rates, for an amount that is not negative; None beyond the range.
    fn weighted(&self, amount: i128, tiering: Tiering) -> Option<i128> {
        let mut reached = self.0.iter().filter(|tier| i128::from(tier.from) <= amount);
        match tiering {
            Tiering::WholeBalance => reached
                .next_back()
                .map_or(Some(0), |tier| amount.checked_mul(tier.rate.units().into())),
            Tiering::Marginal => {
                let ends = self.0.iter().skip(1).map(|next| i128::from(next.from));
                let mut sum = 0_i128;
                for (tier, end) in reached.zip(ends.chain([i128::MAX])) {
                    let part = amount.min(end).checked_sub(tier.from.into())?;
                    sum = sum.checked_add(part.checked_mul(tier.rate.units().into())?)?;
                }
                Some(sum)
            }
        }
    }
}

/// What a product pays and takes in a currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// How days count.
    pub day_count: DayCount,
    /// How a balance meets the tiers.
    pub tiering: Tiering,
    /// How often interest is paid.
    pub capitalisation: Capitalisation,
    /// On a balance above zero, paid by the bank.
    pub credit: Tiers,
    /// On a balance below zero, paid to the bank.
    pub overdraft: Tiers,
}

/// The terms of a product in a currency, each from its day on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Conditions(BTreeMap<Date, Terms>);

impl Conditions {
    /// Adds terms that hold from a day on.
    pub fn insert(&mut self, valid_from: Date, terms: Terms) {
        self.0.insert(valid_from, terms);
    }

    /// The terms of a day.
    #[must_use]
    pub fn on(&self, day: Date) -> Option<&Terms> {
        self.0.range(..=day).next_back().map(|(_, terms)| terms)
    }

    /// The first day that has terms.
    #[must_use]
    pub fn first_day(&self) -> Option<Date> {
        self.0.keys().next().copied()
    }

    /// The interest of a day on the balance at its end; None beyond the range.
    fn of_day(&self, day: Date, balance: i128, currency: Currency) -> Option<Sides<Accrued>> {
        let Some(terms) = self.on(day) else { return Some(Sides::default()) };
        let tiers = if balance > 0 { &terms.credit } else { &terms.overdraft };
        let weighted = tiers.weighted(balance.checked_abs()?, terms.tiering)?;
        let interest = Accrued::over(weighted, terms.day_count.of_day(day)?, currency)?;
        Some(if balance > 0 {
            Sides { credit: interest, overdraft: Accrued::ZERO }
        } else {
            Sides { credit: Accrued::ZERO, overdraft: interest }
        })
    }
}

/// The two sides of interest, which do not net: an expense of the bank and an income.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sides<T> {
    /// Paid by the bank on balances above zero.
    pub credit: T,
    /// Paid to the bank on balances below zero.
    pub overdraft: T,
}

impl Sides<Accrued> {
    fn checked_add(self, other: Self) -> Option<Self> {
        Some(Self {
            credit: self.credit.checked_add(other.credit)?,
            overdraft: self.overdraft.checked_add(other.overdraft)?,
        })
    }

    /// Rounded to minor units; None beyond 64 bits.
    #[must_use]
    pub fn rounded(self, currency: Currency) -> Option<Sides<i64>> {
        let credit = self.credit.rounded(currency)?;
        Some(Sides { credit, overdraft: self.overdraft.rounded(currency)? })
    }
}

impl Sides<i64> {
    /// The difference; None beyond 64 bits.
    #[must_use]
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        Some(Self {
            credit: self.credit.checked_sub(other.credit)?,
            overdraft: self.overdraft.checked_sub(other.overdraft)?,
        })
    }
}

/// Where the fold over the days of an account stands at the end of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    /// The last day that is in.
    pub through: Date,
    /// Balance by value date at its end, minor units.
    pub balance: i64,
    /// Interest since the first day.
    pub accrued: Sides<Accrued>,
}

/// Folds the days after a point up to the last: `turnover` is the net amount of each value date.
/// Gives the end, and a point for each month that ended on the way. None beyond the range.
#[must_use]
pub fn fold(
    start: Point,
    turnover: &BTreeMap<Date, i128>,
    last: Date,
    conditions: &Conditions,
    currency: Currency,
) -> Option<(Point, Vec<Point>)> {
    let mut at = start;
    let mut balance = i128::from(start.balance);
    let mut month_ends = Vec::new();
    // Ends with the calendar at the latest.
    while at.through < last {
        let day = at.through.tomorrow().ok()?;
        balance = balance.checked_add(turnover.get(&day).copied().unwrap_or(0))?;
        let interest = conditions.of_day(day, balance, currency)?;
        let accrued = at.accrued.checked_add(interest)?;
        at = Point { through: day, balance: i64::try_from(balance).ok()?, accrued };
        if is_month_end(day) {
            month_ends.push(at);
        }
    }
    Some((at, month_ends))
}

/// The legs that book accrued interest; none where both are zero.
#[must_use]
pub fn accrual_legs(due: Sides<i64>, currency: Currency, counterparty: &str) -> Vec<Leg> {
    let gl = |code: &str| Target::Gl(code.to_owned());
    let credit = (gl(EXPENSE_GL), gl(PAYABLE_GL), due.credit);
    let overdraft = (gl(RECEIVABLE_GL), gl(INCOME_GL), due.overdraft);
    moves([credit, overdraft], currency, counterparty)
}

/// The legs that pay accrued interest to a target and take it from there; none where both are
/// zero.
#[must_use]
pub fn capitalisation_legs(
    due: Sides<i64>,
    (pays, takes): (&Target, &Target),
    currency: Currency,
    counterparty: &str,
) -> Vec<Leg> {
    let gl = |code: &str| Target::Gl(code.to_owned());
    let credit = (gl(PAYABLE_GL), pays.clone(), due.credit);
    let overdraft = (takes.clone(), gl(RECEIVABLE_GL), due.overdraft);
    moves([credit, overdraft], currency, counterparty)
}

/// Legs that debit the first and credit the second with an amount, or the reverse where it is
/// negative.
fn moves(all: [(Target, Target, i64); 2], currency: Currency, counterparty: &str) -> Vec<Leg> {
    let legs = all.into_iter().filter(|(_, _, minor)| *minor != 0);
    let legs = legs.flat_map(|(debited, credited, minor)| {
        [(debited, minor.saturating_neg()), (credited, minor)]
    });
    let leg = |(target, minor)| Leg {
        target,
        amount: Money::new(minor, currency),
        counterparty: counterparty.to_owned(),
    };
    legs.map(leg).collect()
}

#[cfg(test)]
mod tests;
