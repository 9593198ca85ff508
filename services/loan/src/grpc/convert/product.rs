//! Products, from the wire and from what is stored of them.

use florin_kernel::{Currency, Money, Rate, Violations, check_text};
use florin_proto::loan::v1::{
    AllocationAcross, Component as WireComponent, Grace, LoanFees, LoanGlCodes, LoanProduct, Price,
    RepaymentMethod, SpacingUnit, Underwriting as WireUnderwriting,
};

use crate::domain::{
    allocation::{Across, Component},
    conditions::Conditions,
    fee::{self, Fees},
    gl::GlCodes,
    loan::Overpayment,
    period::Unit,
    product::{Offer, Product},
    score::Underwriting,
    terms::Method,
};

/// Characters of a product's code.
const MOST_CODE: usize = 32;
/// Most days before a due date on which an instalment is told of.
const MOST_REMIND_DAYS: i32 = 60;
/// Points of the greatest score.
const MOST_POINTS: i32 = 1_000;
/// Where the offer says nothing.
const DEBT_PERCENT: &str = "40";
const LEAST_POINTS: i32 = 500;
const NON_ACCRUAL_DAYS: i32 = 90;

/// A product with its conditions, and the message with its defaults filled in.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadProduct {
    /// The terms.
    pub product: Product,
    /// The conditions.
    pub conditions: Conditions,
    /// The message.
    pub wire: LoanProduct,
}

/// Reads the code of a product.
///
/// # Errors
/// The rule that it breaks.
pub fn product_code(field: &str, text: &str) -> Result<String, Violations> {
    let mut violations = Violations::new();
    let code = violations.check(field, check_text(text, 1, MOST_CODE));
    violations.finish(code)
}

/// Reads a product.
///
/// # Errors
/// Every field that breaks a rule, below `prefix`.
pub fn read_product(wire: &LoanProduct, prefix: &str) -> Result<ReadProduct, Violations> {
    let mut found = Violations::new();
    let wire = filled(wire);
    let currency = wire.currency.parse::<Currency>().ok();
    let conditions = conditions(&wire, currency, &mut found);
    let offer = offer(&wire, currency, &mut found);
    let product = match Product::new(&offer) {
        Ok(product) => Some(product),
        Err(more) => {
            for one in more.into_inner() {
                found.add(one.field, one.rule, one.description);
            }
            None
        }
    };
    let read = product.zip(conditions);
    let read = read.map(|(product, conditions)| ReadProduct { product, conditions, wire });
    found.finish(read).map_err(|found| below(prefix, found))
}

/// The violations of a message that stands in another.
fn below(prefix: &str, found: Violations) -> Violations {
    let mut all = Violations::new();
    for one in found.into_inner() {
        all.add(format!("{prefix}{}", one.field), one.rule, one.description);
    }
    all
}

/// The message with what it leaves to the default.
fn filled(wire: &LoanProduct) -> LoanProduct {
    let mut wire = wire.clone();
    let or = |text: &mut String, default: &str| {
        if text.is_empty() {
            default.clone_into(text);
        }
    };
    or(&mut wire.down_payment, "0");
    or(&mut wire.penalty_rate, "0");
    if wire.tranches == 0 {
        wire.tranches = 1;
    }
    if wire.non_accrual_days == 0 {
        wire.non_accrual_days = NON_ACCRUAL_DAYS;
    }
    if let (true, Ok(currency)) = (wire.multiple.is_empty(), wire.currency.parse::<Currency>()) {
        wire.multiple = Money::new(1, currency).amount();
    }
    if wire.allocation.is_empty() {
        wire.allocation = [
            WireComponent::Penalty,
            WireComponent::Fee,
            WireComponent::Interest,
            WireComponent::Principal,
        ]
        .map(Into::into)
        .to_vec();
    }
    if wire.across() == AllocationAcross::Unspecified {
        wire.set_across(AllocationAcross::Instalments);
    }
    let under = wire.underwriting.get_or_insert_default();
    or(&mut under.most_debt_percent, DEBT_PERCENT);
    under.least_points.get_or_insert(LEAST_POINTS);
    let (gl, codes) = (wire.gl.get_or_insert_default(), GlCodes::default());
    or(&mut gl.principal, &codes.principal);
    or(&mut gl.interest_receivable, &codes.interest_receivable);
    or(&mut gl.charge_receivable, &codes.charge_receivable);
    or(&mut gl.interest_income, &codes.interest_income);
    or(&mut gl.fee_income, &codes.fee_income);
    or(&mut gl.penalty_income, &codes.penalty_income);
    or(&mut gl.recovery_income, &codes.recovery_income);
    or(&mut gl.write_off_expense, &codes.write_off_expense);
    wire
}

/// What is absent is noted, and something in its place, so that the rest is checked at once.
fn offer(wire: &LoanProduct, currency: Option<Currency>, found: &mut Violations) -> Offer {
    let unit = match wire.unit() {
        SpacingUnit::Unspecified => required("unit", found),
        SpacingUnit::Days => Some(Unit::Days),
        SpacingUnit::Weeks => Some(Unit::Weeks),
        SpacingUnit::Months => Some(Unit::Months),
    };
    let method = match wire.method() {
        RepaymentMethod::Unspecified => required("method", found),
        RepaymentMethod::EqualInstalments => Some(Method::EqualInstalments),
        RepaymentMethod::EqualPrincipal => Some(Method::EqualPrincipal),
        RepaymentMethod::Flat => Some(Method::Flat),
        RepaymentMethod::Bullet => Some(Method::Bullet),
    };
    note_absent(wire, currency, found);
    let grace = wire.grace.unwrap_or_default();
    let Grace { principal, interest, free } = grace;
    let fees = fees(wire.fees.as_ref(), currency, found);
    let allocation = wire.allocation().filter_map(component).collect();
    let given = |number: i32| if number == 0 { 1 } else { i64::from(number) };
    let text = |text: &str| text.to_owned();
    let or = |text: &str, given: &str| if text.is_empty() { given } else { text }.to_owned();
    Offer {
        code: text(&wire.code),
        name: text(&wire.name),
        valid_from: text(&wire.valid_from),
        currency: text(&wire.currency),
        principal: (text(&wire.least_principal), text(&wire.most_principal)),
        rate: (or(&wire.least_rate, "0"), or(&wire.most_rate, "0")),
        instalments: (given(wire.least_instalments), given(wire.most_instalments)),
        day_count: or(&wire.day_count, "30/360"),
        every: given(wire.every),
        unit: unit.unwrap_or(Unit::Months),
        method: method.unwrap_or(Method::EqualInstalments),
        grace: (principal.into(), interest.into(), free.into()),
        down_payment: text(&wire.down_payment),
        tranches: wire.tranches.into(),
        multiple: text(&wire.multiple),
        fees: fees.unwrap_or_default(),
        penalty_rate: text(&wire.penalty_rate),
        penalty_grace_days: wire.penalty_grace_days.into(),
        allocation,
        across: match wire.across() {
            AllocationAcross::Components => Across::Components,
            AllocationAcross::Instalments | AllocationAcross::Unspecified => Across::Instalments,
        },
        non_accrual_days: wire.non_accrual_days.into(),
    }
}

/// Notes what must be given and is not, where the domain would call it malformed.
fn note_absent(wire: &LoanProduct, currency: Option<Currency>, found: &mut Violations) {
    // Without a currency the amounts are not read.
    let unread = |text: &str| currency.is_none() && text.is_empty();
    for (field, absent) in [
        ("least_instalments", wire.least_instalments == 0),
        ("most_instalments", wire.most_instalments == 0),
        ("every", wire.every == 0),
        ("least_rate", wire.least_rate.is_empty()),
        ("most_rate", wire.most_rate.is_empty()),
        ("least_principal", unread(&wire.least_principal)),
        ("most_principal", unread(&wire.most_principal)),
        ("day_count", wire.day_count.is_empty()),
    ] {
        if absent {
            let _: Option<()> = required(field, found);
        }
    }
}

fn required<T>(field: &str, found: &mut Violations) -> Option<T> {
    found.add(field, "REQUIRED", "must be given");
    None
}

const fn component(wire: WireComponent) -> Option<Component> {
    match wire {
        WireComponent::Unspecified => None,
        WireComponent::Penalty => Some(Component::Penalty),
        WireComponent::Fee => Some(Component::Fee),
        WireComponent::Interest => Some(Component::Interest),
        WireComponent::Principal => Some(Component::Principal),
    }
}

fn fees(
    wire: Option<&LoanFees>,
    currency: Option<Currency>,
    found: &mut Violations,
) -> Option<Fees> {
    let Some(wire) = wire else { return Some(Fees::default()) };
    let mut read = |field: &str, price: Option<&Price>| self::price(field, price, currency, found);
    let upfront = read("fees.upfront", wire.upfront.as_ref());
    let instalment = read("fees.instalment", wire.instalment.as_ref());
    let late = read("fees.late", wire.late.as_ref());
    let early = read("fees.early", wire.early.as_ref());
    Some(Fees { upfront: upfront?, instalment: instalment?, late: late?, early: early? })
}

fn price(
    field: &str,
    wire: Option<&Price>,
    currency: Option<Currency>,
    found: &mut Violations,
) -> Option<fee::Price> {
    let Some(wire) = wire else { return Some(fee::Price::default()) };
    match (wire.amount.as_str(), wire.percent.as_str()) {
        ("", "") => Some(fee::Price::default()),
        ("", percent) => {
            found.check(format!("{field}.percent"), percent.parse::<Rate>()).map(fee::Price::Part)
        }
        (amount, "") => {
            let money = Money::parse_in(currency?, amount);
            let money = found.check(format!("{field}.amount"), money)?;
            Some(fee::Price::Flat(money.minor()))
        }
        (_, _) => {
            found.add(format!("{field}.percent"), "ONE_OF", "excludes an amount");
            None
        }
    }
}

fn conditions(
    wire: &LoanProduct,
    currency: Option<Currency>,
    found: &mut Violations,
) -> Option<Conditions> {
    let underwriting = wire.underwriting.clone().unwrap_or_default();
    let underwriting = read_underwriting(&underwriting, currency, found);
    if !(0..=MOST_REMIND_DAYS).contains(&wire.remind_days) {
        let words = format!("must be 0 to {MOST_REMIND_DAYS}");
        found.add("remind_days", "OUT_OF_RANGE", words);
    }
    let gl = codes(wire.gl.clone().unwrap_or_default());
    gl.check(found);
    let overpayment =
        if wire.refuse_overpayment { Overpayment::Refused } else { Overpayment::Returned };
    let remind_days = u16::try_from(wire.remind_days).ok();
    Some(Conditions { underwriting: underwriting?, overpayment, remind_days: remind_days?, gl })
}

fn read_underwriting(
    wire: &WireUnderwriting,
    currency: Option<Currency>,
    found: &mut Violations,
) -> Option<Underwriting> {
    let field = "underwriting.most_debt_percent";
    let most_debt = found.check(field, wire.most_debt_percent.parse::<Rate>());
    if most_debt.is_some_and(|rate| !(1_000_000..=100_000_000).contains(&rate.units())) {
        found.add(field, "OUT_OF_RANGE", "must be 1 to 100 percent");
    }
    let least_points = wire.least_points.unwrap_or(LEAST_POINTS);
    if !(0..=MOST_POINTS).contains(&least_points) {
        let words = format!("must be 0 to {MOST_POINTS}");
        found.add("underwriting.least_points", "OUT_OF_RANGE", words);
    }
    let two_persons_above = if wire.two_persons_above.is_empty() {
        None
    } else {
        let money = Money::parse_in(currency?, &wire.two_persons_above);
        let money = found.check("underwriting.two_persons_above", money)?;
        if money.minor() < 0 {
            found.add("underwriting.two_persons_above", "NEGATIVE", "must not be below zero");
        }
        Some(money.minor())
    };
    Some(Underwriting {
        most_debt: most_debt?,
        least_points: least_points.into(),
        two_persons_above,
    })
}

fn codes(wire: LoanGlCodes) -> GlCodes {
    GlCodes {
        principal: wire.principal,
        interest_receivable: wire.interest_receivable,
        charge_receivable: wire.charge_receivable,
        interest_income: wire.interest_income,
        fee_income: wire.fee_income,
        penalty_income: wire.penalty_income,
        recovery_income: wire.recovery_income,
        write_off_expense: wire.write_off_expense,
    }
}
