//! The score of an application: a sum of points, each part of it with what it was made from.
//! It recommends; people decide.

use florin_kernel::Rate;

use super::{
    period::Unit,
    plan::{LineKind, Plan},
    terms::Method,
};

/// Most points of the part of the income that debts take.
const MOST_DEBT_POINTS: i64 = 500;
/// Most points of the amount against a year's income.
const MOST_AMOUNT_POINTS: i64 = 300;
/// Most points of the risk rating.
const MOST_RISK_POINTS: i64 = 200;
/// Points of a medium rating.
const MEDIUM_RISK_POINTS: i64 = 120;
/// So many months' incomes and more have no points of the amount.
const MOST_INCOMES: i128 = 60;

/// How the bank has rated the customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Risk {
    /// Low.
    Low,
    /// Medium.
    Medium,
    /// High.
    High,
}

/// By which rules it is scored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Underwriting {
    /// The greatest part of the income that debts may take.
    pub most_debt: Rate,
    /// From so many points on it recommends to approve.
    pub least_points: i64,
    /// Above this principal two persons approve, minor units.
    pub two_persons_above: Option<i64>,
}

/// What is scored; amounts in minor units, none negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Applicant {
    /// Net income a month.
    pub income: i64,
    /// What debts take of it a month.
    pub debts: i64,
    /// What the loan would take of it.
    pub instalment: i64,
    /// What is asked for.
    pub principal: i64,
    /// The rating.
    pub risk: Risk,
}

/// What the score recommends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recommendation {
    /// To approve.
    Approve,
    /// That two persons look at it.
    Review,
    /// Not to lend.
    Reject,
}

/// A part of the score.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Factor {
    /// Stable name.
    pub name: &'static str,
    /// Its points.
    pub points: i64,
    /// The most that it can have.
    pub most: i64,
    /// What it was made from.
    pub explanation: String,
}

/// A score.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Score {
    /// The sum.
    pub points: i64,
    /// What it recommends.
    pub recommendation: Recommendation,
    /// What it is made of.
    pub factors: Vec<Factor>,
    /// The part of the income that debts and the instalment take; None without income.
    pub debt: Option<Rate>,
}

impl Score {
    /// Scores an applicant.
    #[must_use]
    pub fn of(applicant: &Applicant, rules: &Underwriting) -> Self {
        let debt = debt_part(applicant);
        let affordable = debt.is_some_and(|debt| debt <= rules.most_debt);
        let factors = vec![
            debt_factor(debt, rules.most_debt),
            amount_factor(applicant),
            risk_factor(applicant.risk),
        ];
        let points = factors.iter().map(|factor| factor.points).sum();
        let recommendation = if !affordable {
            Recommendation::Reject
        } else if applicant.risk == Risk::High || points < rules.least_points {
            Recommendation::Review
        } else {
            Recommendation::Approve
        };
        Self { points, recommendation, factors, debt }
    }
}

impl Underwriting {
    /// The principal up to which one person approves: none where the score does not recommend it.
    #[must_use]
    pub fn one_person_up_to(&self, recommendation: Recommendation) -> i64 {
        match recommendation {
            Recommendation::Approve => self.two_persons_above.unwrap_or(i64::MAX),
            Recommendation::Review | Recommendation::Reject => 0,
        }
    }
}

/// What a loan takes a month: a month's share of its greatest instalment with its fee. Of a
/// bullet, whose principal is repaid from other means, interest and fee alone. None beyond 64 bits.
#[must_use]
pub fn monthly(plan: &Plan) -> Option<i64> {
    let terms = plan.terms();
    let schedule = plan.schedule();
    let instalments = schedule.iter().filter(|line| line.kind == LineKind::Instalment);
    let taken = instalments.map(|line| match terms.method {
        Method::Bullet => line.interest.saturating_add(line.fee),
        Method::EqualInstalments | Method::EqualPrincipal | Method::Flat => line.due_amount(),
    });
    let greatest = i128::from(taken.max()?);
    let every = i128::from(terms.spacing.every());
    let (above, below) = match terms.spacing.unit() {
        Unit::Days => (365, 12_i128.checked_mul(every)?),
        Unit::Weeks => (52, 12_i128.checked_mul(every)?),
        Unit::Months => (1, every),
    };
    let share = greatest.checked_mul(above)?.checked_add(below.checked_sub(1)?)?;
    i64::try_from(share.checked_div(below)?).ok()
}

/// In millionths of a percent, rounded up; at most a thousand percent.
fn debt_part(applicant: &Applicant) -> Option<Rate> {
    let taken = i128::from(applicant.debts) + i128::from(applicant.instalment);
    let income = i128::from(applicant.income);
    if income <= 0 {
        return None;
    }
    let units = (taken * 100_000_000 + income - 1) / income;
    let units = i64::try_from(units).unwrap_or(i64::MAX).min(1_000_000_000);
    Rate::from_units(units)
}

/// All points where debts take nothing, half of them at the limit, none above it.
fn debt_factor(debt: Option<Rate>, most: Rate) -> Factor {
    let (points, explanation) = match debt {
        None => (0, "there is no income".to_owned()),
        Some(debt) if debt > most => {
            (0, format!("{debt} percent of the income is above the {most} percent allowed"))
        }
        Some(debt) => {
            let part = i128::from(MOST_DEBT_POINTS / 2) * i128::from(debt.units());
            let part = part / i128::from(most.units().max(1));
            let taken = i64::try_from(part).unwrap_or(MOST_DEBT_POINTS);
            let words = format!("{debt} percent of the income, at most {most} percent is allowed");
            (MOST_DEBT_POINTS.saturating_sub(taken), words)
        }
    };
    Factor { name: "DEBT_TO_INCOME", points, most: MOST_DEBT_POINTS, explanation }
}

/// Fewer points the more months' incomes are asked for.
fn amount_factor(applicant: &Applicant) -> Factor {
    let income = i128::from(applicant.income);
    let (points, explanation) = if income <= 0 {
        (0, "there is no income".to_owned())
    } else {
        let principal = i128::from(applicant.principal);
        let lost = i128::from(MOST_AMOUNT_POINTS) * principal / (income * MOST_INCOMES);
        let lost = i64::try_from(lost).unwrap_or(i64::MAX);
        let tenths = principal * 10 / income;
        let words = format!("{}.{} months' incomes are asked for", tenths / 10, tenths % 10);
        (MOST_AMOUNT_POINTS.saturating_sub(lost).max(0), words)
    };
    Factor { name: "AMOUNT_TO_INCOME", points, most: MOST_AMOUNT_POINTS, explanation }
}

fn risk_factor(risk: Risk) -> Factor {
    let (points, word) = match risk {
        Risk::Low => (MOST_RISK_POINTS, "low"),
        Risk::Medium => (MEDIUM_RISK_POINTS, "medium"),
        Risk::High => (0, "high"),
    };
    let explanation = format!("the customer's risk is rated {word}");
    Factor { name: "RISK_RATING", points, most: MOST_RISK_POINTS, explanation }
}

#[cfg(test)]
mod tests;
