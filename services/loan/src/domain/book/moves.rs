//! Moves of money, and what else changes the book.

use florin_kernel::Date;

use super::{
    Amounts, Book, Claim, Former, LineKind, Plan, PlanError, Probation, Source, WrittenOff,
};
use crate::domain::{plan::Effect, terms::Terms};

/// What becomes of a repayment beyond what is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beyond {
    /// It pays the next instalments ahead; the plan stays.
    Ahead,
    /// It is an early repayment of principal, which changes the plan.
    Early(Effect),
}

impl Book {
    /// Lends an amount.
    ///
    /// # Errors
    /// The plan refuses it.
    pub fn disburse(&mut self, on: Date, amount: i64) -> Result<(), PlanError> {
        self.advance(on)?;
        let before = self.down_payments(on);
        self.replan(on, |plan| plan.disburse(on, amount))?;
        let down = self.down_payments_planned(on).saturating_sub(before);
        if down > 0 {
            let owed = Amounts { principal: down, ..Amounts::default() };
            self.claim(Claim::new(on, Source::Line(LineKind::DownPayment), owed));
        }
        self.lent = self.lent.checked_add(amount).ok_or(PlanError::OutOfRange)?;
        self.keep_credit(on);
        Ok(())
    }

    /// Takes a repayment in: what is past due first, then what it is for beyond that. An amount
    /// that pays the loan off does so; what is more than that becomes credit.
    ///
    /// # Errors
    /// An amount is not positive or leaves the range.
    pub fn repay(&mut self, on: Date, amount: i64, beyond: Beyond) -> Result<(), PlanError> {
        if amount <= 0 {
            return Err(PlanError::NotPositive);
        }
        self.advance(on)?;
        if amount >= self.pay_off(on)?.total {
            self.call_in(on)?;
            self.pay(amount, on);
            return Ok(());
        }
        match beyond {
            Beyond::Ahead => self.pay(amount, on),
            Beyond::Early(effect) => {
                let rest = self.allocate(amount, on, false);
                self.repay_early(on, rest, effect)?;
            }
        }
        Ok(())
    }

    /// Ends a loan that was paid ahead by as much as pays it off, and returns what is more.
    ///
    /// # Errors
    /// Something remains to be paid, or less than that was paid ahead.
    pub fn settle(&mut self, on: Date, returned: i64) -> Result<(), PlanError> {
        self.advance(on)?;
        let total = self.pay_off(on)?.total;
        if total > 0 {
            return Err(PlanError::AboveBalance { amount: total, balance: 0 });
        }
        self.call_in(on)?;
        if returned > self.credit {
            return Err(PlanError::AboveBalance { amount: returned, balance: self.credit });
        }
        self.credit = self.credit.saturating_sub(returned);
        Ok(())
    }

    fn repay_early(&mut self, on: Date, rest: i64, effect: Effect) -> Result<(), PlanError> {
        let balance = self.plan.balance_on(on);
        if rest == 0 || balance == 0 || on >= self.plan.end() {
            self.pay(rest, on);
            return Ok(());
        }
        let (mut principal, mut fee) =
            self.early_part(rest, balance).ok_or(PlanError::OutOfRange)?;
        let saved = self.saved(on, principal, fee, effect)?;
        if fee > saved {
            fee = saved;
            principal = rest.saturating_sub(fee).min(balance);
            if principal == balance {
                // All of it costs what a pay-off costs.
                let whole = self.fees().early.of(balance).ok_or(PlanError::OutOfRange)?;
                fee = whole.min(self.saved(on, balance, whole, effect)?);
                principal = principal.min(rest.saturating_sub(fee));
            }
        }
        if principal > 0 {
            self.bring_forward(on, principal, fee, effect)?;
        }
        self.pay(rest, on);
        Ok(())
    }

    /// The most that a fee may be: the interest that is saved where principal is repaid early, as
    /// Directive (EU) 2023/2225, article 29, has it. So no one pays more than by paying all
    /// instalments ahead.
    fn saved(&self, on: Date, principal: i64, fee: i64, effect: Effect) -> Result<i64, PlanError> {
        if fee == 0 || principal == 0 {
            return Ok(0);
        }
        let interest = |plan: &Plan| plan.schedule().iter().map(|line| line.interest).sum::<i64>();
        let mut plan = self.plan.clone();
        plan.repay_early(on, principal, effect)?;
        Ok(interest(&self.plan).saturating_sub(interest(&plan)).max(0))
    }

    /// The most principal that an amount repays early together with the fee for it, and the fee.
    fn early_part(&self, amount: i64, balance: i64) -> Option<(i64, i64)> {
        let price = self.fees().early;
        let (mut least, mut most) = (0, amount.min(balance));
        while least < most {
            let middle = most.checked_sub(most.checked_sub(least)? / 2)?;
            if price.of(middle)?.checked_add(middle)? <= amount {
                least = middle;
            } else {
                most = middle.checked_sub(1)?;
            }
        }
        Some((least, price.of(least)?))
    }

    /// Makes all principal due on a day, and nothing after the interest of the days until it.
    pub(super) fn call_in(&mut self, on: Date) -> Result<(), PlanError> {
        let balance = self.plan.balance_on(on);
        if balance > 0 && on < self.plan.end() {
            let fee = self.fees().early.of(balance).ok_or(PlanError::OutOfRange)?;
            let fee = fee.min(self.saved(on, balance, fee, Effect::Lower)?);
            self.bring_forward(on, balance, fee, Effect::Lower)?;
        }
        Ok(())
    }

    /// The same without a fee.
    pub(super) fn call_in_free(&mut self, on: Date) -> Result<(), PlanError> {
        let balance = self.plan.balance_on(on);
        if balance > 0 && on < self.plan.end() {
            self.bring_forward(on, balance, 0, Effect::Lower)?;
        }
        Ok(())
    }

    /// Makes principal due on a day that was due later, with the fee for it.
    fn bring_forward(
        &mut self,
        on: Date,
        principal: i64,
        fee: i64,
        effect: Effect,
    ) -> Result<(), PlanError> {
        self.replan(on, |plan| plan.repay_early(on, principal, effect))?;
        if fee > 0 {
            let owed = Amounts { fee, ..Amounts::default() };
            self.claim(Claim::new(on, Source::EarlyFee, owed));
        }
        let owed = Amounts { principal, ..Amounts::default() };
        self.claim(Claim::new(on, Source::Early, owed));
        self.keep_credit(on);
        Ok(())
    }

    /// Changes the plan: the claims after a day are those of the new lines, and what had been
    /// paid of the old ones becomes credit.
    fn replan(
        &mut self,
        on: Date,
        change: impl FnOnce(&mut Plan) -> Result<(), PlanError>,
    ) -> Result<(), PlanError> {
        change(&mut self.plan)?;
        let kept = self.claims.partition_point(|claim| claim.due <= on);
        let mut carried = Vec::new();
        for claim in self.claims.drain(kept..) {
            if claim.source == Source::Carried {
                carried.push(claim);
            } else {
                self.credit = self.credit.saturating_add(claim.paid.total());
            }
        }
        let schedule = self.plan.schedule();
        self.claims.extend(schedule.iter().filter(|line| line.due > on).map(Claim::of));
        for claim in carried {
            self.claim(claim);
        }
        Ok(())
    }

    /// What was paid ahead pays again what is owed.
    fn keep_credit(&mut self, on: Date) {
        let credit = std::mem::take(&mut self.credit);
        self.credit = self.allocate(credit, on, true);
    }

    fn pay(&mut self, amount: i64, on: Date) {
        let left = self.allocate(amount, on, true);
        self.credit = self.credit.saturating_add(left);
    }

    fn down_payments(&self, on: Date) -> i64 {
        let down = self
            .claims
            .iter()
            .filter(|claim| claim.due == on && claim.source == Source::Line(LineKind::DownPayment));
        down.map(|claim| claim.owed.principal).sum()
    }

    fn down_payments_planned(&self, on: Date) -> i64 {
        let schedule = self.plan.schedule();
        let down =
            schedule.iter().filter(|line| line.due == on && line.kind == LineKind::DownPayment);
        down.map(|line| line.principal).sum()
    }

    /// Replaces the plan from a day on: principal that is not repaid, past due or to come, is
    /// repaid by the new terms; interest, fees and penalties that are owed by then are due with
    /// the first new instalment. The old plan is kept.
    ///
    /// # Errors
    /// Nothing is left to repay, or the new plan leaves calendar or range.
    pub fn restructure(
        &mut self,
        on: Date,
        terms: Terms,
        first_due: Option<Date>,
    ) -> Result<(), PlanError> {
        self.advance(on)?;
        if self.accrual(on).ok_or(PlanError::OutOfRange)?.suspended {
            self.probation = Some(Probation { since: on, performed: 0 });
        }
        let earned = self.plan.earned_until(on).ok_or(PlanError::OutOfRange)?;
        let lines = self.plan.schedule();
        let claimed: i64 =
            lines.iter().filter(|line| line.due <= on).map(|line| line.interest).sum();
        let mut carried =
            Amounts { interest: earned.saturating_sub(claimed), ..Amounts::default() };
        let mut principal = self.plan.balance_on(on);
        let mut credit = self.credit;
        let mut kept = Vec::new();
        for mut claim in self.claims.clone() {
            if claim.due > on && claim.source != Source::Carried {
                credit = credit.saturating_add(claim.paid.total());
                continue;
            }
            let open = claim.open();
            principal = principal.saturating_add(open.principal);
            carried = carried.plus(&Amounts { principal: 0, ..open });
            claim.owed = claim.paid;
            kept.push(claim);
        }
        let mut plan = Plan::new(terms.without_upfront_fee(), on, first_due)?;
        plan.disburse(on, principal)?;
        self.claims = kept;
        self.claims.extend(plan.schedule().iter().map(Claim::of));
        self.claims.sort_by_key(|claim| claim.due);
        if carried.total() > 0 {
            let first = plan.schedule().first().map_or(on, |line| line.due);
            self.claim(Claim::new(first, Source::Carried, carried));
        }
        let former = std::mem::replace(&mut self.plan, plan);
        self.former.push(Former { plan: former, until: on });
        self.earned_before = self.earned_before.checked_add(earned).ok_or(PlanError::OutOfRange)?;
        self.credit = credit;
        self.keep_credit(on);
        Ok(())
    }

    /// Gives up what is owed: from the day on nothing is earned any more.
    ///
    /// # Errors
    /// An amount leaves the range.
    pub fn write_off(&mut self, on: Date) -> Result<(), PlanError> {
        self.advance(on)?;
        let mut called = self.clone();
        called.call_in_free(on)?;
        let amounts = called.open();
        self.written_off = Some(WrittenOff { on, amounts, recovered: 0 });
        Ok(())
    }

    /// Takes in what comes after a write-off.
    ///
    /// # Errors
    /// It is not positive, nothing was written off, or it is more than that.
    pub fn recover(&mut self, amount: i64) -> Result<(), PlanError> {
        if amount <= 0 {
            return Err(PlanError::NotPositive);
        }
        let balance = self.unrecovered();
        let Some(written_off) = &mut self.written_off else { return Err(PlanError::NotPositive) };
        if amount > balance {
            return Err(PlanError::AboveBalance { amount, balance });
        }
        written_off.recovered = written_off.recovered.saturating_add(amount);
        Ok(())
    }

    /// What was given up and has not come in since.
    #[must_use]
    pub fn unrecovered(&self) -> i64 {
        self.written_off.map_or(0, |one| one.amounts.total().saturating_sub(one.recovered))
    }
}
