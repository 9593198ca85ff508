//! Reckoning the lines of a plan from a period on.

use super::{Effect, Line, LineKind, Method, Plan};
use crate::domain::decimal::Decimal;

/// Passes that even out the last instalment.
const MOST_PASSES: u32 = 3;

impl Plan {
    /// Reckons the lines anew from a period on: with the level that makes them end with the last
    /// period, or with the old level until nothing is left. None beyond the range.
    pub(super) fn reckon(&mut self, first: usize, effect: Option<Effect>) -> Option<()> {
        let until = if self.lines.is_empty() { self.periods.len() } else { self.lines.len() };
        let until = until.max(first.checked_add(1)?);
        let factors: Option<Vec<Decimal>> =
            self.periods.iter().map(|period| period.factor(self.terms.rate)).collect();
        let mut factors = factors?;
        if self.terms.method == Method::Flat {
            factors = evenly(&factors)?;
        }
        self.lines.truncate(first);
        let whole = Stretch { plan: self, factors: &factors, first, until };
        let (level, lines) = match effect {
            Some(Effect::Shorten) => (self.level, whole.lines(self.level, true)?),
            None | Some(Effect::Lower) => whole.levelled()?,
        };
        self.level = level;
        self.lines.extend(lines);
        self.defer_interest();
        Some(())
    }

    /// Rounded to minor units, and then to the multiple of instalments; both half to even.
    pub(super) fn to_multiple(&self, value: &Decimal) -> Option<i64> {
        let minor = value.nearest()?;
        let multiple = self.terms.multiple;
        Decimal::ratio(minor.into(), multiple.into())?.nearest()?.checked_mul(multiple)
    }

    /// In the grace on interest none is due; the first instalment after it has the sum.
    fn defer_interest(&mut self) {
        let grace = usize::try_from(self.terms.grace.interest).unwrap_or(usize::MAX);
        let last = self.lines.len().saturating_sub(1);
        let mut carried: i64 = 0;
        for (index, line) in self.lines.iter_mut().enumerate() {
            carried = carried.saturating_add(line.earned);
            if index < grace && index != last {
                line.interest = 0;
            } else {
                line.interest = carried;
                carried = 0;
            }
        }
    }
}

/// The periods that are reckoned anew.
struct Stretch<'a> {
    plan: &'a Plan,
    factors: &'a [Decimal],
    first: usize,
    until: usize,
}

impl Stretch<'_> {
    /// The first period with principal.
    fn repaying(&self) -> usize {
        let without = match self.plan.terms.method {
            // Early repayments may have made the last period another one.
            Method::Bullet => self.until.saturating_sub(1),
            Method::EqualInstalments | Method::EqualPrincipal | Method::Flat => {
                usize::try_from(self.plan.terms.without_principal()).unwrap_or(usize::MAX)
            }
        };
        without.clamp(self.first, self.until.saturating_sub(1))
    }

    /// The balance at the beginning of the first period.
    fn opening(&self) -> i64 {
        self.first
            .checked_sub(1)
            .and_then(|before| self.plan.lines.get(before))
            .map_or(0, |line| line.balance)
    }

    /// What is lent less what is repaid early from a period's first day to the day before its
    /// last.
    fn drawn(&self, index: usize) -> Option<i64> {
        let period = self.plan.periods.get(index)?;
        let within = |on| period.from() <= on && on < period.due();
        Some(self.plan.draws.iter().filter(|draw| within(draw.on)).map(|draw| draw.amount).sum())
    }

    /// The interest of a period, not rounded.
    fn interest(&self, index: usize, opening: i64) -> Option<Decimal> {
        let factor = self.factors.get(index)?;
        let (weighted, weight) = self.plan.weighted(index, opening, None)?;
        Some(factor.times(&Decimal::ratio(weighted, weight)?))
    }

    /// The level that makes the lines end with the last period, and the lines.
    fn levelled(&self) -> Option<(i64, Vec<Line>)> {
        match self.plan.terms.method {
            Method::EqualInstalments => {
                let level = self.annuity()?;
                let lines = self.lines(level, false)?;
                self.evened(level, lines)
            }
            Method::EqualPrincipal | Method::Flat => {
                let count = self.until.checked_sub(self.repaying())?;
                let balance = i128::from(self.opening()) + i128::from(self.drawn(self.first)?);
                let part = Decimal::ratio(balance, i128::try_from(count).ok()?)?;
                let level = self.plan.to_multiple(&part)?;
                Some((level, self.lines(level, false)?))
            }
            Method::Bullet => Some((0, self.lines(0, false)?)),
        }
    }

    /// The instalment after which nothing is left.
    fn annuity(&self) -> Option<i64> {
        let repaying = self.repaying();
        let grown = |index: usize| Some(Decimal::one().plus(self.factors.get(index)?));
        let opening = self.opening();
        // What is owed at the end of the first repaying period, before its instalment.
        let mut above = if repaying == self.first {
            let balance = Decimal::whole((opening + self.drawn(repaying)?).into());
            let plain = self.plan.draws.iter().all(|draw| {
                self.plan.periods.get(repaying).is_none_or(|period| draw.on <= period.from())
            });
            if plain {
                balance.times(&grown(repaying)?)
            } else {
                balance.plus(&self.interest(repaying, opening)?)
            }
        } else {
            Decimal::whole((opening + self.drawn(self.first)?).into()).times(&grown(repaying)?)
        };
        let mut below = Decimal::one();
        for index in repaying.checked_add(1)?..self.until {
            let grown = grown(index)?;
            above = above.times(&grown);
            below = Decimal::one().plus(&below.times(&grown));
        }
        self.plan.to_multiple(&above.over(&below)?)
    }

    /// Tries other instalments until the last one differs little: by at most half a hundredth of
    /// the currency's unit for each of them.
    fn evened(&self, level: i64, lines: Vec<Line>) -> Option<(i64, Vec<Line>)> {
        let count = i64::try_from(self.until.checked_sub(self.repaying())?).ok()?;
        let unit = 10_i128.checked_pow(self.plan.terms.currency.exponent())?;
        let periods = self.until.checked_sub(self.first)?;
        let off = |lines: &[Line], level: i64| {
            // Where nothing is left before the last period, nothing is due with it.
            let last = lines.last().filter(|_| lines.len() == periods);
            let total = last.map_or(Some(0), |last| last.principal.checked_add(last.earned));
            total?.checked_sub(level)
        };
        let (mut level, mut lines) = (level, lines);
        for _ in 0..MOST_PASSES {
            let difference = off(&lines, level)?;
            let tolerated = i128::from(count / 2).checked_mul(unit)?;
            if i128::from(difference).abs().checked_mul(100)? <= tolerated {
                break;
            }
            let share = Decimal::ratio(difference.into(), count.into())?;
            let other = self.plan.to_multiple(&Decimal::whole(level.into()).plus(&share))?;
            if other == level || other < 0 {
                break;
            }
            let tried = self.lines(other, false)?;
            if off(&tried, other)?.abs() >= difference.abs() {
                break;
            }
            (level, lines) = (other, tried);
        }
        Some((level, lines))
    }

    /// The lines with a level. They end with the last period or, earlier, when nothing is left;
    /// where they shorten, also when an instalment pays the rest.
    fn lines(&self, level: i64, shorten: bool) -> Option<Vec<Line>> {
        let terms = &self.plan.terms;
        let each = terms.fees.instalment.of(self.plan.lent)?;
        let repaying = self.repaying();
        let mut balance = self.opening();
        let mut lines = Vec::new();
        for index in self.first..self.until {
            let period = self.plan.periods.get(index)?;
            let exact = self.interest(index, balance)?;
            let (owed, _) = self.plan.weighted(index, balance, None)?;
            balance = balance.checked_add(self.drawn(index)?)?;
            let earned = exact.nearest()?;
            let pays = match terms.method {
                Method::EqualInstalments | Method::Bullet => level.checked_sub(earned)?,
                Method::EqualPrincipal | Method::Flat => level,
            };
            let rest = shorten && index >= repaying && pays >= balance && level > 0;
            let last = index.checked_add(1)? == self.until || rest;
            // All may have been repaid on the first day of the period: that is no instalment.
            let fee = if balance == 0 && owed == 0 { 0 } else { each };
            let principal = if last {
                balance
            } else if index < repaying {
                0
            } else {
                pays.clamp(0, balance)
            };
            balance = balance.checked_sub(principal)?;
            lines.push(Line {
                number: 0,
                kind: LineKind::Instalment,
                from: period.from(),
                due: period.due(),
                principal,
                interest: earned,
                earned,
                fee,
                balance,
            });
            let done = terms.method != Method::Flat || self.plan.flat_base() == 0;
            if rest || balance == 0 && done {
                break;
            }
        }
        if terms.method == Method::Flat {
            self.spread(&mut lines)?;
        }
        Some(lines)
    }

    /// Flat interest is one sum for the term, rounded once: the periods that bear interest have
    /// it evenly, the last one the rest. Of a period within which money moves it is by its days;
    /// those after it have evenly what is left.
    fn spread(&self, lines: &mut [Line]) -> Option<()> {
        let period = self.plan.periods.get(self.first)?;
        let within = |on| period.from() < on && on < period.due();
        let moved = self.plan.draws.iter().any(|draw| within(draw.on));
        let mut sum = Decimal::zero();
        let mut bearing = Vec::new();
        for (index, line) in (self.first..).zip(lines) {
            let exact = self.interest(index, 0)?;
            (line.earned, line.interest) = (0, 0);
            if index == self.first && moved {
                line.earned = exact.nearest()?.max(0);
                line.interest = line.earned;
            } else if exact != Decimal::zero() {
                sum = sum.plus(&exact);
                bearing.push(line);
            }
        }
        let mut left = sum.without_noise().nearest()?.max(0);
        let Some(last) = bearing.len().checked_sub(1) else { return Some(()) };
        let each = Decimal::ratio(left.into(), i128::try_from(bearing.len()).ok()?)?.nearest()?;
        for (index, line) in bearing.into_iter().enumerate() {
            // Many shares of less than one, rounded up, would come to more than there is.
            line.earned = if index == last { left } else { each.min(left) };
            line.interest = line.earned;
            left = left.checked_sub(line.earned)?;
        }
        Some(())
    }
}

/// One factor in the place of those of all periods that bear interest, so that each has as much
/// of flat interest as the others, whatever its days.
fn evenly(factors: &[Decimal]) -> Option<Vec<Decimal>> {
    let zero = Decimal::zero();
    let bearing = factors.iter().filter(|factor| **factor != zero);
    let count = i128::try_from(bearing.clone().count()).ok()?;
    if count == 0 {
        return Some(factors.to_vec());
    }
    let sum = bearing.fold(Decimal::zero(), |sum, factor| sum.plus(factor));
    let mean = sum.over(&Decimal::whole(count))?;
    let even = |factor: &Decimal| if *factor == zero { Decimal::zero() } else { mean.clone() };
    Some(factors.iter().map(even).collect())
}
