//! What an applicant asks for, checked against a product.

use florin_kernel::{Date, Money, Rate, Violations, parse_date};

use super::{
    period::Period,
    plan::{Plan, PlanError},
    product::Product,
    terms::{Grace, Terms, Wanted},
};

/// A loan as it is asked for: texts and numbers as they came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// A decimal in the product's currency; with tranches their sum at most.
    pub principal: String,
    /// Percent a year.
    pub rate: String,
    /// How many.
    pub instalments: i64,
    /// When money is expected to be disbursed first.
    pub disbursed_on: String,
    /// When the first instalment is due; empty for one distance later.
    pub first_due: String,
}

/// What is asked for, within what a product allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    principal: i64,
    terms: Terms,
    disbursed_on: Date,
    first_due: Option<Date>,
}

impl Request {
    /// Checks what is asked for on a business date.
    ///
    /// # Errors
    /// Every field that breaks a rule.
    pub fn new(asked: &Asked, product: &Product, today: Date) -> Result<Self, Violations> {
        let mut found = Violations::new();
        let request = Self::read(asked, product, today, &mut found);
        found.finish(request)
    }

    fn read(asked: &Asked, product: &Product, today: Date, found: &mut Violations) -> Option<Self> {
        let principal = principal(asked, product, found);
        let rate = rate(asked, product, found);
        let instalments = instalments(asked, product, found);
        let dates = dates(asked, today, found);
        let (principal, rate, instalments) = (principal?, rate?, instalments?);
        let (disbursed_on, first_due) = dates?;
        let terms = match Terms::new(product.wanted(rate, instalments)) {
            Ok(terms) => terms,
            Err(more) => {
                for one in more.into_inner() {
                    found.add(one.field, one.rule, one.description);
                }
                return None;
            }
        };
        let first = (disbursed_on, first_due);
        let count = (instalments, terms.grace.free);
        if Period::all(first, (terms.spacing, terms.basis), count).is_none() {
            let words = "the last instalment would be due after the year 9999";
            found.add("instalments", "OUT_OF_RANGE", words);
            return None;
        }
        Some(Self { principal, terms, disbursed_on, first_due })
    }

    /// The principal, minor units.
    #[must_use]
    pub const fn principal(&self) -> i64 {
        self.principal
    }

    /// The terms.
    #[must_use]
    pub const fn terms(&self) -> &Terms {
        &self.terms
    }

    /// When money is expected to be disbursed first.
    #[must_use]
    pub const fn disbursed_on(&self) -> Date {
        self.disbursed_on
    }

    /// When the first instalment is due, where it is not one distance later.
    #[must_use]
    pub const fn first_due(&self) -> Option<Date> {
        self.first_due
    }

    /// The plan if all is disbursed on the day that is expected: a quote, by what grants.
    ///
    /// # Errors
    /// An amount leaves the range.
    pub fn plan(&self) -> Result<Plan, PlanError> {
        let mut plan = Plan::new(self.terms, self.disbursed_on, self.first_due)?;
        plan.disburse(self.disbursed_on, self.principal)?;
        Ok(plan)
    }
}

/// Terms that take the place of those of a loan from a day on: its product's, with another rate,
/// other instalments, another grace and the first due date that is asked for. Fields are named as
/// those of an application. What was lent before is not paid down again.
///
/// # Errors
/// Every field that breaks a rule.
pub fn new_terms(
    (rate, instalments): (Rate, u32),
    grace: Grace,
    first_due: Option<Date>,
    product: &Product,
    on: Date,
) -> Result<Terms, Violations> {
    let mut found = Violations::new();
    rate_of(rate, product, &mut found);
    instalments_of(instalments.into(), product, &mut found);
    if let Some(first_due) = first_due {
        first_due_of(first_due, on, &mut found);
    }
    match Terms::new(Wanted { grace, ..product.wanted(rate, instalments) }) {
        Ok(terms) => found.finish(Some(terms.without_down_payment())),
        Err(more) => {
            for one in more.into_inner() {
                found.add(one.field, one.rule, one.description);
            }
            found.finish(None)
        }
    }
}

fn principal(asked: &Asked, product: &Product, found: &mut Violations) -> Option<i64> {
    let money = Money::parse_in(product.currency(), &asked.principal).and_then(Money::positive);
    let minor = found.check("principal", money)?.minor();
    let (least, most) = product.principal();
    if !(least..=most).contains(&minor) {
        let shown = |minor| Money::new(minor, product.currency());
        let words = format!("must be {} to {}", shown(least), shown(most));
        found.add("principal", "NOT_ALLOWED_BY_PRODUCT", words);
        return None;
    }
    Some(minor)
}

fn rate(asked: &Asked, product: &Product, found: &mut Violations) -> Option<Rate> {
    rate_of(found.check("rate", asked.rate.parse::<Rate>())?, product, found)
}

fn rate_of(rate: Rate, product: &Product, found: &mut Violations) -> Option<Rate> {
    let (least, most) = product.rate();
    if !(least..=most).contains(&rate) {
        let words = format!("must be {least} to {most} percent, is {rate}");
        found.add("rate", "NOT_ALLOWED_BY_PRODUCT", words);
        return None;
    }
    Some(rate)
}

fn instalments(asked: &Asked, product: &Product, found: &mut Violations) -> Option<u32> {
    instalments_of(asked.instalments, product, found)
}

fn instalments_of(asked: i64, product: &Product, found: &mut Violations) -> Option<u32> {
    let (least, most) = product.instalments();
    let count = u32::try_from(asked).ok();
    let count = count.filter(|count| (least..=most).contains(count));
    if count.is_none() {
        let words = format!("must be {least} to {most}, is {asked}");
        found.add("instalments", "NOT_ALLOWED_BY_PRODUCT", words);
    }
    count
}

fn dates(asked: &Asked, today: Date, found: &mut Violations) -> Option<(Date, Option<Date>)> {
    let disbursed_on = found.check("disbursed_on", parse_date(&asked.disbursed_on));
    if disbursed_on.is_some_and(|day| day < today) {
        let words = format!("must not be before the business date {today}");
        found.add("disbursed_on", "NOT_LATER", words);
    }
    if asked.first_due.is_empty() {
        return Some((disbursed_on?, None));
    }
    let first_due = found.check("first_due", parse_date(&asked.first_due))?;
    let first_due = first_due_of(first_due, disbursed_on.unwrap_or(today).max(today), found)?;
    Some((disbursed_on?, Some(first_due)))
}

/// After a day, and at most a year of it.
fn first_due_of(first_due: Date, least: Date, found: &mut Violations) -> Option<Date> {
    if first_due <= least {
        found.add("first_due", "NOT_LATER", format!("must be after {least}"));
        return None;
    }
    if florin_kernel::DayCount::Act360
        .year_fraction(least, first_due)
        .is_ok_and(|part| part.numerator > 366)
    {
        let words = format!("must be at most 366 days after {least}");
        found.add("first_due", "OUT_OF_RANGE", words);
        return None;
    }
    Some(first_due)
}

#[cfg(test)]
pub(crate) mod tests;
