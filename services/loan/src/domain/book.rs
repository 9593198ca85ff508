//! The book of a loan: what is owed, what was paid of it, and when. It is the fold of the moves of
//! money in the order of their days, nothing else; a reversed move is left out of the fold.

use florin_kernel::{Date, Rate};

use super::{
    allocation::{Across, Allocation, Amounts, Component},
    decimal::Decimal,
    fee::{Fees, Price},
    period::Basis,
    plan::{Line, LineKind, Plan, PlanError},
};

mod moves;
mod paying;
mod standing;

pub use moves::Beyond;
use paying::{days, pay_by_claim, pay_oldest, penalty_basis};
pub use standing::{Accrual, Arrears, Bucket, PayOff};

/// What a product says of loans that are under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// The order in which repayments pay.
    pub allocation: Allocation,
    /// Yearly, on principal that is past due.
    pub penalty_rate: Rate,
    /// Days past due without penalty interest and late fee.
    pub penalty_grace_days: u16,
    /// Days past due after which no more interest is recognised as income.
    pub non_accrual_days: u16,
    /// Instalments in a row, paid on time, after which interest is recognised again of a loan that
    /// was restructured while it was not.
    pub performing_instalments: u16,
}

/// Instalments paid on time that release a restructured loan, where the product says nothing.
pub const PERFORMING_INSTALMENTS: u16 = 3;

/// A loan that was restructured while its interest was not recognised has to perform first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Probation {
    since: Date,
    /// Instalments in a row that were paid on time.
    performed: u16,
}

/// Where a claim comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A line of the plan.
    Line(LineKind),
    /// Principal that is repaid before it is due.
    Early,
    /// The fee for that.
    EarlyFee,
    /// The fee of an instalment that stayed unpaid.
    LateFee,
    /// Penalty interest until the day.
    PenaltyInterest,
    /// What a restructuring moved to the first due date of the new plan.
    Carried,
}

/// What is owed on a day, and what was paid of it; never more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// When it falls due.
    pub due: Date,
    /// Where it comes from.
    pub source: Source,
    /// What is owed.
    pub owed: Amounts,
    /// What was paid of it.
    pub paid: Amounts,
    /// Its late fee is charged.
    late: bool,
}

impl Claim {
    const fn new(due: Date, source: Source, owed: Amounts) -> Self {
        let paid = Amounts { penalty: 0, fee: 0, interest: 0, principal: 0 };
        Self { due, source, owed, paid, late: false }
    }

    fn of(line: &Line) -> Self {
        let owed = Amounts {
            penalty: 0,
            fee: line.fee,
            interest: line.interest,
            principal: line.principal,
        };
        Self::new(line.due, Source::Line(line.kind), owed)
    }

    /// What is left of it.
    #[must_use]
    pub const fn open(&self) -> Amounts {
        self.owed.minus(&self.paid)
    }

    /// Whether it came of paying late or early.
    const fn is_charge(&self) -> bool {
        matches!(self.source, Source::PenaltyInterest | Source::LateFee | Source::EarlyFee)
    }

    /// Whether it is an instalment, a down payment or what became of one.
    const fn is_scheduled(&self) -> bool {
        matches!(self.source, Source::Line(_) | Source::Carried)
    }
}

/// A plan that a restructuring replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Former {
    /// The plan as it stood.
    pub plan: Plan,
    /// The day from which another held.
    pub until: Date,
}

/// What was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WrittenOff {
    /// When.
    pub on: Date,
    /// What was owed then.
    pub amounts: Amounts,
    /// What came in afterwards.
    pub recovered: i64,
}

/// The book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Book {
    policy: Policy,
    plan: Plan,
    former: Vec<Former>,
    /// By due date, those of one day in the order in which they arose.
    claims: Vec<Claim>,
    /// The day up to which time has passed.
    through: Date,
    /// How the days of penalty interest count, whatever terms come later.
    penalty_basis: Basis,
    /// Principal past due times the numerators of its days since the beginning.
    penalty_weight: i128,
    /// Penalty interest that has become a claim.
    penalty_claimed: i64,
    /// Interest that former plans earned.
    earned_before: i64,
    lent: i64,
    /// Paid and owed by nothing any more.
    credit: i64,
    written_off: Option<WrittenOff>,
    probation: Option<Probation>,
}

impl Book {
    /// A book without money.
    #[must_use]
    pub fn new(policy: Policy, plan: Plan) -> Self {
        Self {
            policy,
            penalty_basis: penalty_basis(plan.terms().basis),
            through: plan.start(),
            plan,
            former: Vec::new(),
            claims: Vec::new(),
            penalty_weight: 0,
            penalty_claimed: 0,
            earned_before: 0,
            lent: 0,
            credit: 0,
            written_off: None,
            probation: None,
        }
    }

    /// The plan that holds.
    #[must_use]
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The plans before it.
    #[must_use]
    pub fn former(&self) -> &[Former] {
        &self.former
    }

    /// All claims by due date.
    #[must_use]
    pub fn claims(&self) -> &[Claim] {
        &self.claims
    }

    /// The day of the last move.
    #[must_use]
    pub const fn through(&self) -> Date {
        self.through
    }

    /// All that was lent.
    #[must_use]
    pub const fn lent(&self) -> i64 {
        self.lent
    }

    /// What was paid, by component.
    #[must_use]
    pub fn paid(&self) -> Amounts {
        self.claims.iter().fold(Amounts::default(), |sum, claim| sum.plus(&claim.paid))
    }

    /// What was paid and is owed by nothing any more, to be returned.
    #[must_use]
    pub const fn credit(&self) -> i64 {
        self.credit
    }

    /// What was given up.
    #[must_use]
    pub const fn written_off(&self) -> Option<&WrittenOff> {
        self.written_off.as_ref()
    }

    /// What is left of all claims, those to come included.
    #[must_use]
    pub fn open(&self) -> Amounts {
        self.claims.iter().fold(Amounts::default(), |sum, claim| sum.plus(&claim.open()))
    }

    /// Principal that is lent and not repaid.
    #[must_use]
    pub fn principal(&self) -> i64 {
        self.lent.saturating_sub(self.paid().principal)
    }

    /// Whether all that was lent is repaid and nothing is owed.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.lent > 0 && self.open().total() == 0
    }

    fn fees(&self) -> &Fees {
        &self.plan.terms().fees
    }

    /// Lets time pass until a day: late fees and penalty interest of what stayed unpaid.
    fn advance(&mut self, until: Date) -> Result<(), PlanError> {
        if self.written_off.is_some() || until <= self.through {
            return Ok(());
        }
        self.penalty_weight = self.weight_until(until).ok_or(PlanError::OutOfRange)?;
        self.charge_late_fees(until).ok_or(PlanError::OutOfRange)?;
        self.probation = self.probation_until(until);
        self.through = until;
        let penalty = self.penalty_of(self.penalty_weight).ok_or(PlanError::OutOfRange)?;
        let owed = penalty.checked_sub(self.penalty_claimed).ok_or(PlanError::OutOfRange)?;
        if owed > 0 {
            self.penalty_claimed = penalty;
            let owed = Amounts { penalty: owed, ..Amounts::default() };
            self.claim(Claim::new(until, Source::PenaltyInterest, owed));
        }
        Ok(())
    }

    /// The book when time has passed until a day.
    ///
    /// # Errors
    /// An amount leaves the range.
    pub(super) fn by(&self, day: Date) -> Result<Self, PlanError> {
        let mut then = self.clone();
        then.advance(day)?;
        Ok(then)
    }

    /// The weight of principal past due until a day, from where time stands.
    fn weight_until(&self, until: Date) -> Option<i128> {
        let mut weight = self.penalty_weight;
        for claim in self.claims.iter().filter(|claim| claim.is_scheduled()) {
            let from = self.penalised_from(claim.due)?.max(self.through);
            let open = claim.open().principal;
            if open > 0 && from < until {
                let days = self.penalty_basis.between(from, until)?;
                weight =
                    weight.checked_add(i128::from(open).checked_mul(days.numerator.into())?)?;
            }
        }
        Some(weight)
    }

    /// Penalty interest since the beginning, rounded half to even once: so it does not depend on
    /// how the days were divided.
    fn penalty_of(&self, weight: i128) -> Option<i64> {
        let day = self.plan.start();
        let year = self.penalty_basis.between(day, day)?.denominator;
        let above =
            Decimal::whole(weight).times(&Decimal::whole(self.policy.penalty_rate.units().into()));
        above.over(&Decimal::whole(i128::from(year).checked_mul(100_000_000)?))?.nearest()
    }

    fn penalised_from(&self, due: Date) -> Option<Date> {
        let grace = jiff::Span::new().try_days(i64::from(self.policy.penalty_grace_days)).ok()?;
        due.checked_add(grace).ok()
    }

    fn charge_late_fees(&mut self, until: Date) -> Option<()> {
        let fees = self.late_fees(until)?;
        for (index, _) in &fees {
            self.claims.get_mut(*index)?.late = true;
        }
        for (_, fee) in fees {
            self.claim(fee);
        }
        Some(())
    }

    /// The late fees until a day that are not charged yet, each with its instalment's place.
    fn late_fees(&self, until: Date) -> Option<Vec<(usize, Claim)>> {
        let price = self.fees().late;
        let mut fees = Vec::new();
        if price == Price::Flat(0) {
            return Some(fees);
        }
        for (index, claim) in self.claims.iter().enumerate() {
            let open = claim.open();
            let on = self.penalised_from(claim.due)?.tomorrow().ok()?;
            if claim.late || !claim.is_scheduled() || on > until || open.total() == 0 {
                continue;
            }
            let penalty = price.of(open.interest.checked_add(open.principal)?)?;
            let owed = Amounts { penalty, ..Amounts::default() };
            fees.push((index, Claim::new(on, Source::LateFee, owed)));
        }
        Some(fees)
    }

    /// Where a restructured loan stands when time has passed until a day: instalments that fell due
    /// before it were paid on time, or not.
    fn probation_until(&self, until: Date) -> Option<Probation> {
        let mut probation = self.probation?;
        let due = self.claims.iter().filter(|claim| {
            claim.source == Source::Line(LineKind::Instalment)
                && claim.due > probation.since
                && (self.through..until).contains(&claim.due)
                && claim.owed.total() > 0
        });
        for claim in due {
            let on_time = claim.open().total() == 0;
            probation.performed = if on_time { probation.performed.saturating_add(1) } else { 0 };
            if probation.performed >= self.policy.performing_instalments {
                return None;
            }
        }
        Some(probation).filter(|_| !self.is_settled())
    }

    /// Adds a claim in its place.
    fn claim(&mut self, claim: Claim) {
        let at = self.claims.partition_point(|other| other.due <= claim.due);
        self.claims.insert(at, claim);
    }

    /// Pays claims with an amount: those due on or before a day in the product's order, then,
    /// where it is asked for, those to come by due date. Gives what is left.
    fn allocate(&mut self, amount: i64, day: Date, ahead: bool) -> i64 {
        let order = self.policy.allocation.order();
        let due = self.claims.partition_point(|claim| claim.due <= day);
        let (past, coming) = self.claims.split_at_mut(due);
        let mut left = amount;
        match self.policy.allocation.across() {
            Across::Instalments => {
                pay_oldest(past, &order, &mut left);
                pay_by_claim(past, &order, &mut left);
            }
            Across::Components => {
                for component in order {
                    pay_by_claim(past, &[component], &mut left);
                }
            }
        }
        if ahead {
            pay_by_claim(coming, &order, &mut left);
        }
        left
    }
}

#[cfg(test)]
mod tests;
