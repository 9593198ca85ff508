//! The interest of a plan by the day.

use florin_kernel::Date;

use super::{Line, Method, Plan};
use crate::domain::decimal::Decimal;

impl Plan {
    /// Interest that the plan has earned from its start until a date, which itself does not
    /// count: the periods that are over with the interest of their lines, and of the one that is
    /// under way that of its days so far, weighted with the balance and rounded half to even. It
    /// is a function of the plan and the date, so the days between any dates add up.
    #[must_use]
    pub fn earned_until(&self, until: Date) -> Option<i64> {
        let mut earned: i64 = 0;
        for (index, line) in self.lines.iter().enumerate() {
            if line.due <= until {
                earned = earned.checked_add(line.earned)?;
            } else {
                return earned.checked_add(self.part_of(index, line, until)?);
            }
        }
        Some(earned)
    }

    fn part_of(&self, index: usize, line: &Line, until: Date) -> Option<i64> {
        if until <= line.from {
            return Some(0);
        }
        let before = index.checked_sub(1).and_then(|before| self.lines.get(before));
        let opening = before.map_or(0, |line| line.balance);
        let (part, weight) = self.weighted(index, opening, Some(until))?;
        if self.terms.method != Method::Flat {
            // As the line's own interest is reckoned, so that a move of money on the day does not
            // change what was earned until it.
            let factor = self.periods.get(index)?.factor(self.terms.rate)?;
            return factor.times(&Decimal::ratio(part, weight)?).nearest();
        }
        // The last line of flat interest has a rest: it is spread over its days.
        let (whole, _) = self.weighted(index, opening, None)?;
        if whole <= 0 {
            return Some(0);
        }
        Decimal::ratio(part.checked_mul(line.earned.into())?, whole)?.nearest()
    }

    /// The amount that bears interest in a period, weighted with its days: the sum until a date
    /// or the period's end, and the weight of the whole period.
    pub(super) fn weighted(
        &self,
        index: usize,
        opening: i64,
        until: Option<Date>,
    ) -> Option<(i128, i128)> {
        let period = self.periods.get(index)?;
        let end = until.unwrap_or(period.due());
        let flat = self.terms.method == Method::Flat;
        let mut sum: i128 = 0;
        if !flat {
            sum = i128::from(opening).checked_mul(period.weight_between(period.from(), end))?;
        }
        for draw in self.draws.iter().filter(|draw| draw.on < end) {
            if !flat && draw.on < period.from() {
                continue;
            }
            let amount = if flat { draw.base } else { draw.amount };
            let weight = period.weight_between(draw.on, end);
            sum = sum.checked_add(i128::from(amount).checked_mul(weight)?)?;
        }
        Some((sum, period.weight()))
    }
}
