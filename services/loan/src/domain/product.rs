//! Products: what the bank lends by. A product has versions, each from a day on; a loan keeps the
//! version that it was granted under.

use std::collections::BTreeMap;

use florin_kernel::{Currency, Date, Money, Rate, Violations, check_text, parse_date};

use super::{
    allocation::{Across, Allocation, Component},
    book::{PERFORMING_INSTALMENTS, Policy},
    fee::Fees,
    period::{Basis, Spacing, Unit},
    terms::{Grace, MOST_INSTALMENTS, MOST_RATE_UNITS, Method},
};

/// Most characters of a code and of a name.
const MOST_CODE: usize = 32;
const MOST_NAME: usize = 100;
/// Most disbursements of a loan.
const MOST_TRANCHES: i64 = 50;
/// Most days of grace, and before interest is no income any more.
const MOST_DAYS: i64 = 366;

/// A version of a product as it is asked for: texts and numbers as they came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// What it is known by.
    pub code: String,
    /// For people.
    pub name: String,
    /// The first day on which loans are granted by it.
    pub valid_from: String,
    /// ISO 4217.
    pub currency: String,
    /// Least and greatest principal.
    pub principal: (String, String),
    /// Least and greatest yearly rate, percent.
    pub rate: (String, String),
    /// Least and most instalments.
    pub instalments: (i64, i64),
    /// The day count by its name.
    pub day_count: String,
    /// The distance of instalments.
    pub every: i64,
    /// What it is counted in.
    pub unit: Unit,
    /// How principal is repaid.
    pub method: Method,
    /// What the first instalments do without: principal, interest, any interest at all.
    pub grace: (i64, i64, i64),
    /// Percent of each disbursement.
    pub down_payment: String,
    /// Most disbursements.
    pub tranches: i64,
    /// The amount of which instalments are a multiple: at least the minor unit.
    pub multiple: String,
    /// What it costs beside interest.
    pub fees: Fees,
    /// Percent a year on principal past due.
    pub penalty_rate: String,
    /// Days past due without penalty.
    pub penalty_grace_days: i64,
    /// The components in the order in which repayments pay them.
    pub allocation: Vec<Component>,
    /// Which comes first of several instalments.
    pub across: Across,
    /// Days past due after which interest is no income any more.
    pub non_accrual_days: i64,
}

/// A version of a product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    code: String,
    name: String,
    valid_from: Date,
    currency: Currency,
    principal: (i64, i64),
    rate: (Rate, Rate),
    instalments: (u32, u32),
    basis: Basis,
    spacing: Spacing,
    method: Method,
    grace: Grace,
    down_payment: Rate,
    tranches: u32,
    multiple: i64,
    fees: Fees,
    policy: Policy,
}

impl Product {
    /// Checks an offer.
    ///
    /// # Errors
    /// Every field that breaks a rule.
    pub fn new(offer: &Offer) -> Result<Self, Violations> {
        let mut found = Violations::new();
        let product = Self::read(offer, &mut found);
        found.finish(product)
    }

    fn read(offer: &Offer, found: &mut Violations) -> Option<Self> {
        let code = found.check("code", check_text(&offer.code, 1, MOST_CODE));
        let name = found.check("name", check_text(&offer.name, 1, MOST_NAME));
        let valid_from = found.check("valid_from", parse_date(&offer.valid_from));
        let currency = found.check("currency", offer.currency.parse::<Currency>());
        let principal = principal(offer, currency, found);
        let rate = rates(offer, found);
        let instalments = instalments(offer, found);
        let basis = found.check("day_count", offer.day_count.parse::<Basis>());
        let spacing = Spacing::new(offer.every, offer.unit);
        if spacing.is_none() {
            let most = Spacing::most(offer.unit);
            found.add("every", "OUT_OF_RANGE", format!("must be 1 to {most}, a year at most"));
        }
        let grace = grace(offer, found);
        let down_payment = percentage(("down_payment", &offer.down_payment), 90, found);
        let tranches = within(("tranches", offer.tranches), (1, MOST_TRANCHES), found);
        let multiple = multiple(offer, currency, found);
        let multiple = multiple.zip(principal.zip(instalments)).and_then(
            |(multiple, ((least, _), (_, count)))| {
                instalment_of(offer, multiple, (least, count), found)
            },
        );
        offer.fees.check(found);
        let policy = policy(offer, found);
        Some(Self {
            code: code?,
            name: name?,
            valid_from: valid_from?,
            currency: currency?,
            principal: principal?,
            rate: rate?,
            instalments: instalments?,
            basis: basis?,
            spacing: spacing?,
            method: offer.method,
            grace: grace?,
            down_payment: down_payment?,
            tranches: tranches?,
            multiple: multiple?,
            fees: offer.fees,
            policy: policy?,
        })
    }

    /// What it is known by.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.code
    }

    /// Its name for people.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The first day on which loans are granted by it.
    #[must_use]
    pub const fn valid_from(&self) -> Date {
        self.valid_from
    }

    /// Its currency.
    #[must_use]
    pub const fn currency(&self) -> Currency {
        self.currency
    }

    /// Least and greatest principal, minor units.
    #[must_use]
    pub const fn principal(&self) -> (i64, i64) {
        self.principal
    }

    /// Least and greatest rate.
    #[must_use]
    pub const fn rate(&self) -> (Rate, Rate) {
        self.rate
    }

    /// Least and most instalments.
    #[must_use]
    pub const fn instalments(&self) -> (u32, u32) {
        self.instalments
    }

    /// Most disbursements.
    #[must_use]
    pub const fn tranches(&self) -> u32 {
        self.tranches
    }

    /// What it says of loans under way.
    #[must_use]
    pub const fn policy(&self) -> Policy {
        self.policy
    }

    /// The version, where loans that were restructured while their interest was not recognised
    /// perform with another number of instalments than [`PERFORMING_INSTALMENTS`].
    #[must_use]
    pub fn performing_after(mut self, instalments: u16) -> Self {
        self.policy.performing_instalments = instalments;
        self
    }

    /// The terms of a loan with a rate and instalments, not checked.
    #[must_use]
    pub const fn wanted(&self, rate: Rate, instalments: u32) -> super::terms::Wanted {
        super::terms::Wanted {
            currency: self.currency,
            rate,
            basis: self.basis,
            spacing: self.spacing,
            instalments,
            method: self.method,
            grace: self.grace,
            down_payment: self.down_payment,
            multiple: self.multiple,
            fees: self.fees,
        }
    }
}

/// The versions of a product, numbered from one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Versions(BTreeMap<u32, Product>);

impl Versions {
    /// Adds a version and gives its number.
    ///
    /// # Errors
    /// It has another code or currency than those before, or is not valid from a later day.
    pub fn add(&mut self, product: Product) -> Result<u32, Violations> {
        let mut found = Violations::new();
        if let Some(last) = self.0.values().next_back() {
            if last.code != product.code {
                found.add("code", "NOT_AS_ANNOUNCED", format!("must be {}", last.code));
            }
            if last.currency != product.currency {
                found.add("currency", "CURRENCY_MISMATCH", format!("must be {}", last.currency));
            }
            if product.valid_from <= last.valid_from {
                let words = format!("must be after {}", last.valid_from);
                found.add("valid_from", "NOT_LATER", words);
            }
        }
        let number = self.0.keys().next_back().map_or(Some(1), |last| last.checked_add(1));
        let number = found.finish(number)?;
        self.0.insert(number, product);
        Ok(number)
    }

    /// The version by which loans are granted on a day, with its number.
    #[must_use]
    pub fn on(&self, day: Date) -> Option<(u32, &Product)> {
        let valid = self.0.iter().rfind(|(_, product)| product.valid_from <= day);
        valid.map(|(number, product)| (*number, product))
    }

    /// A version by its number.
    #[must_use]
    pub fn get(&self, number: u32) -> Option<&Product> {
        self.0.get(&number)
    }
}

fn within(
    (field, value): (&str, i64),
    (least, most): (i64, i64),
    found: &mut Violations,
) -> Option<u32> {
    if !(least..=most).contains(&value) {
        found.add(field, "OUT_OF_RANGE", format!("must be {least} to {most}, is {value}"));
        return None;
    }
    u32::try_from(value).ok()
}

fn percentage((field, text): (&str, &str), most: i64, found: &mut Violations) -> Option<Rate> {
    let rate = found.check(field, text.parse::<Rate>())?;
    if rate.units() > most.saturating_mul(1_000_000) {
        found.add(field, "OUT_OF_RANGE", format!("must be at most {most} percent, is {rate}"));
        return None;
    }
    Some(rate)
}

/// A least and a greatest, in their order.
fn ordered<T: PartialOrd>(
    least: T,
    most: T,
    field: &str,
    found: &mut Violations,
) -> Option<(T, T)> {
    if least > most {
        found.add(field, "EMPTY_RANGE", "must not be above its greatest");
        return None;
    }
    Some((least, most))
}

fn principal(
    offer: &Offer,
    currency: Option<Currency>,
    found: &mut Violations,
) -> Option<(i64, i64)> {
    let currency = currency?;
    let mut read = |field: &str, text: &str| {
        let money = Money::parse_in(currency, text).and_then(Money::positive);
        found.check(field, money.and_then(Money::movable))
    };
    let least = read("least_principal", &offer.principal.0);
    let most = read("most_principal", &offer.principal.1);
    ordered(least?.minor(), most?.minor(), "least_principal", found)
}

fn rates(offer: &Offer, found: &mut Violations) -> Option<(Rate, Rate)> {
    let most_percent = MOST_RATE_UNITS / 1_000_000;
    let least = percentage(("least_rate", &offer.rate.0), most_percent, found);
    let most = percentage(("most_rate", &offer.rate.1), most_percent, found);
    ordered(least?, most?, "least_rate", found)
}

fn instalments(offer: &Offer, found: &mut Violations) -> Option<(u32, u32)> {
    let range = (1, i64::from(MOST_INSTALMENTS));
    let least = within(("least_instalments", offer.instalments.0), range, found);
    let most = within(("most_instalments", offer.instalments.1), range, found);
    ordered(least?, most?, "least_instalments", found)
}

/// Even the shortest loan has instalments after the grace.
fn grace(offer: &Offer, found: &mut Violations) -> Option<Grace> {
    let most = offer.instalments.0.clamp(1, i64::from(MOST_INSTALMENTS));
    let (principal, interest, free) = offer.grace;
    let principal = within(("grace.principal", principal), (0, most.saturating_sub(1)), found);
    let interest = within(("grace.interest", interest), (0, most.saturating_sub(1)), found);
    let free = within(("grace.free", free), (0, most), found);
    Some(Grace { principal: principal?, interest: interest?, free: free? })
}

fn multiple(offer: &Offer, currency: Option<Currency>, found: &mut Violations) -> Option<i64> {
    let money = Money::parse_in(currency?, &offer.multiple).and_then(Money::positive);
    let minor = found.check("multiple", money)?.minor();
    within(("multiple", minor), (1, 1_000_000), found).map(i64::from)
}

/// The least principal over the most instalments has to come to the multiple, or instalments
/// would be nothing until the last. A bullet's are not rounded.
fn instalment_of(
    offer: &Offer,
    multiple: i64,
    (least, count): (i64, u32),
    found: &mut Violations,
) -> Option<i64> {
    let most = least.checked_div(count.into()).unwrap_or(least).max(1);
    if offer.method != Method::Bullet && multiple > most {
        let words = format!(
            "must be at most {most} minor units: the least principal over the most instalments"
        );
        found.add("multiple", "OUT_OF_RANGE", words);
        return None;
    }
    Some(multiple)
}

fn policy(offer: &Offer, found: &mut Violations) -> Option<Policy> {
    let most_percent = MOST_RATE_UNITS / 1_000_000;
    let penalty_rate = percentage(("penalty_rate", &offer.penalty_rate), most_percent, found);
    let grace = ("penalty_grace_days", offer.penalty_grace_days);
    let grace = within(grace, (0, MOST_DAYS), found);
    let non_accrual = ("non_accrual_days", offer.non_accrual_days);
    let non_accrual = within(non_accrual, (1, MOST_DAYS), found);
    let allocation = Allocation::check(&offer.allocation, offer.across, found);
    Some(Policy {
        allocation: allocation?,
        penalty_rate: penalty_rate?,
        penalty_grace_days: u16::try_from(grace?).ok()?,
        non_accrual_days: u16::try_from(non_accrual?).ok()?,
        performing_instalments: PERFORMING_INSTALMENTS,
    })
}

#[cfg(test)]
pub(crate) mod tests;
