//! Loans, from the wire.

use florin_kernel::{AccountId, Currency, CustomerId, LoanId, Money, Violations, check_text};
use florin_proto::loan::v1::{
    ApplyForLoanRequest, ListLoansRequest, LoanStatus, QuoteLoanRequest, RejectLoanRequest,
};

use super::checked_page_size;
use crate::domain::{loan::State, request::Asked};

/// Characters of a reason.
const MOST_REASON: usize = 200;
/// Reasons of a rejection.
const MOST_REASONS: usize = 10;
/// Characters of a product's code.
const MOST_CODE: usize = 32;

/// What somebody asks a quote for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuoteDraft {
    /// Code of the product.
    pub product: String,
    /// What is asked for, checked against the product by the domain.
    pub asked: Asked,
}

impl TryFrom<&QuoteLoanRequest> for QuoteDraft {
    type Error = Violations;

    fn try_from(wire: &QuoteLoanRequest) -> Result<Self, Violations> {
        let mut found = Violations::new();
        let asked = Asked {
            principal: wire.principal.clone(),
            rate: wire.rate.clone(),
            instalments: wire.instalments.into(),
            disbursed_on: wire.disbursed_on.clone(),
            first_due: wire.first_due.clone(),
        };
        let product = what(&wire.product, &asked, &mut found);
        found.finish(product.map(|product| Self { product, asked }))
    }
}

/// The product; notes what is absent.
fn what(product: &str, asked: &Asked, found: &mut Violations) -> Option<String> {
    for (field, absent) in [
        ("principal", asked.principal.is_empty()),
        ("rate", asked.rate.is_empty()),
        ("instalments", asked.instalments == 0),
    ] {
        if absent {
            found.add(field, "REQUIRED", "must be given, and not zero");
        }
    }
    found.check("product", check_text(product, 1, MOST_CODE))
}

/// What somebody applies for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplicationDraft {
    /// Who borrows.
    pub customer: CustomerId,
    /// What is paid.
    pub account: AccountId,
    /// What is asked for.
    pub quote: QuoteDraft,
    /// A decimal in the product's currency.
    pub monthly_income: String,
    /// A decimal in the product's currency.
    pub monthly_debts: String,
}

impl TryFrom<&ApplyForLoanRequest> for ApplicationDraft {
    type Error = Violations;

    fn try_from(wire: &ApplyForLoanRequest) -> Result<Self, Violations> {
        let mut found = Violations::new();
        let customer = found.check("customer_id", CustomerId::parse(&wire.customer_id));
        let account = found.check("account_id", AccountId::parse(&wire.account_id));
        let asked = Asked {
            principal: wire.principal.clone(),
            rate: wire.rate.clone(),
            instalments: wire.instalments.into(),
            disbursed_on: wire.disbursed_on.clone(),
            first_due: wire.first_due.clone(),
        };
        let product = what(&wire.product, &asked, &mut found);
        for (field, text) in
            [("monthly_income", &wire.monthly_income), ("monthly_debts", &wire.monthly_debts)]
        {
            if text.is_empty() {
                found.add(field, "REQUIRED", "must be given: a decimal, or 0");
            }
        }
        let draft = match (customer, account, product) {
            (Some(customer), Some(account), Some(product)) => Some(Self {
                customer,
                account,
                quote: QuoteDraft { product, asked },
                monthly_income: wire.monthly_income.clone(),
                monthly_debts: wire.monthly_debts.clone(),
            }),
            _ => None,
        };
        found.finish(draft)
    }
}

impl ApplicationDraft {
    /// Income and debts in the product's currency; notes what is none.
    pub fn means(&self, currency: Currency, found: &mut Violations) -> Option<(i64, i64)> {
        let income = not_negative("monthly_income", &self.monthly_income, currency, found);
        let debts = not_negative("monthly_debts", &self.monthly_debts, currency, found);
        income.zip(debts)
    }
}

fn not_negative(
    field: &str,
    text: &str,
    currency: Currency,
    found: &mut Violations,
) -> Option<i64> {
    let money = Money::parse_in(currency, text).and_then(Money::movable);
    let minor = found.check(field, money)?.minor();
    if minor < 0 {
        found.add(field, "NEGATIVE", "must not be below zero");
        return None;
    }
    Some(minor)
}

/// Reads the id of a loan.
///
/// # Errors
/// The rule that it breaks.
pub fn loan_id(text: &str) -> Result<LoanId, Violations> {
    let mut found = Violations::new();
    let id = found.check("loan_id", LoanId::parse(text));
    found.finish(id)
}

/// Reads an amount in a loan's currency; None where it is empty.
///
/// # Errors
/// The rule that it breaks.
pub fn asked_amount(text: &str, currency: Currency) -> Result<Option<i64>, Violations> {
    if text.is_empty() {
        return Ok(None);
    }
    let mut found = Violations::new();
    let money = Money::parse_in(currency, text).and_then(Money::positive);
    let money = found.check("amount", money.and_then(Money::movable));
    found.finish(money.map(|money| Some(money.minor())))
}

/// Reads a reason of at least so many characters.
///
/// # Errors
/// The rule that it breaks.
pub fn text_of_reason(text: &str, least: usize) -> Result<String, Violations> {
    let mut found = Violations::new();
    let reason = found.check("reason", check_text(text, least, MOST_REASON));
    found.finish(reason)
}

/// Reads the reasons of a rejection.
///
/// # Errors
/// Every rule that they break.
pub fn reasons(wire: &RejectLoanRequest) -> Result<(LoanId, Vec<String>), Violations> {
    let mut found = Violations::new();
    let id = found.check("loan_id", LoanId::parse(&wire.loan_id));
    if wire.reasons.is_empty() {
        found.add("reasons", "REQUIRED", "must be at least one");
    }
    if wire.reasons.len() > MOST_REASONS {
        found.add("reasons", "TOO_MANY", format!("must be at most {MOST_REASONS}"));
    }
    let read = wire.reasons.iter().enumerate().take(MOST_REASONS).map(|(number, text)| {
        found.check(format!("reasons[{number}]"), check_text(text, 1, MOST_REASON))
    });
    let read: Option<Vec<String>> = read.collect::<Vec<_>>().into_iter().collect();
    found.finish(id.zip(read))
}

/// Whose loans, in which state, how many.
pub type LoansQuery = (Option<CustomerId>, Option<State>, u32);

/// Reads which loans are asked for.
///
/// # Errors
/// Every rule that it breaks.
pub fn loans_query(wire: &ListLoansRequest) -> Result<LoansQuery, Violations> {
    let mut found = Violations::new();
    let customer = if wire.customer_id.is_empty() {
        Some(None)
    } else {
        found.check("customer_id", CustomerId::parse(&wire.customer_id)).map(Some)
    };
    let state = match wire.status() {
        LoanStatus::Unspecified => None,
        LoanStatus::Applied => Some(State::Applied),
        LoanStatus::Approved => Some(State::Approved),
        LoanStatus::Rejected => Some(State::Rejected),
        LoanStatus::Accepted => Some(State::Accepted),
        LoanStatus::Cancelled => Some(State::Cancelled),
        LoanStatus::Active => Some(State::Active),
        LoanStatus::Restructured => Some(State::Restructured),
        LoanStatus::Closed => Some(State::Closed),
        LoanStatus::WrittenOff => Some(State::WrittenOff),
    };
    if LoanStatus::try_from(wire.status).is_err() {
        found.add("status", "UNKNOWN_VALUE", "must be a state of loans");
    }
    let size = checked_page_size(wire.page_size, &mut found);
    found.finish(customer.zip(size).map(|(customer, size)| (customer, state, size)))
}
