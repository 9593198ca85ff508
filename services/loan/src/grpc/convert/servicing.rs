//! Servicing, from the wire.

use florin_kernel::{
    ApprovalId, Currency, Date, LoanId, Money, Rate, Violations, check_text, parse_date,
};
use florin_proto::loan::v1::{
    BeyondDue, DecideWriteOffRequest, NewTerms, ProposeWriteOffRequest, QuotePayOffRequest,
    RecoverLoanRequest, RepayLoanRequest, RestructureLoanRequest, ReverseRepaymentRequest,
};

use crate::domain::{
    book::Beyond,
    plan::Effect,
    product::Product,
    terms::{Grace, Terms, Wanted},
};

/// Characters of a reason.
const MOST_REASON: usize = 200;
/// Characters of a page token.
const MOST_TOKEN: usize = 64;
/// Most days from the business date to a new first due date.
const MOST_DAYS: i64 = 366;

/// An amount to be moved, in a loan's currency.
///
/// # Errors
/// The rule that it breaks.
pub fn positive(text: &str, currency: Currency) -> Result<i64, Violations> {
    let mut found = Violations::new();
    let money = Money::parse_in(currency, text).and_then(Money::positive).and_then(Money::movable);
    let money = found.check("amount", money);
    found.finish(money.map(Money::minor))
}

/// Where a page goes on.
///
/// # Errors
/// A token that no page gave.
pub fn after(token: &str, prefix: &str) -> Result<String, Violations> {
    let mut found = Violations::new();
    if !token.is_empty() && (token.len() > MOST_TOKEN || !token.starts_with(prefix)) {
        found.add("page_token", "PAGE_TOKEN_INVALID", "must be one that a page gave");
    }
    found.finish(Some(token.to_owned()))
}

/// A repayment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepaymentDraft {
    /// Of which loan.
    pub loan: LoanId,
    /// How much, in its currency.
    pub amount: String,
    /// What it is for beyond what is due.
    pub beyond: Beyond,
    /// Whether more than pays it off is left on the account.
    pub at_most_pay_off: bool,
}

impl TryFrom<&RepayLoanRequest> for RepaymentDraft {
    type Error = Violations;

    fn try_from(wire: &RepayLoanRequest) -> Result<Self, Violations> {
        let mut found = Violations::new();
        let loan = found.check("loan_id", LoanId::parse(&wire.loan_id));
        let amount = required("amount", &wire.amount, &mut found);
        let beyond = match BeyondDue::try_from(wire.beyond) {
            Ok(BeyondDue::Unspecified | BeyondDue::Ahead) => Some(Beyond::Ahead),
            Ok(BeyondDue::Shorten) => Some(Beyond::Early(Effect::Shorten)),
            Ok(BeyondDue::Lower) => Some(Beyond::Early(Effect::Lower)),
            Err(_) => {
                found.add("beyond", "UNKNOWN_VALUE", "must be one of the contract");
                None
            }
        };
        let all = loan.zip(amount).zip(beyond);
        found.finish(all.map(|((loan, amount), beyond)| Self {
            loan,
            amount,
            beyond,
            at_most_pay_off: wire.at_most_pay_off,
        }))
    }
}

fn required(field: &str, text: &str, found: &mut Violations) -> Option<String> {
    if text.is_empty() {
        found.add(field, "REQUIRED", "must be given");
        return None;
    }
    Some(text.to_owned())
}

/// A reversal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReversalDraft {
    /// Of which loan.
    pub loan: LoanId,
    /// The number of the repayment.
    pub number: i64,
    /// Why.
    pub reason: String,
}

impl TryFrom<&ReverseRepaymentRequest> for ReversalDraft {
    type Error = Violations;

    fn try_from(wire: &ReverseRepaymentRequest) -> Result<Self, Violations> {
        let mut found = Violations::new();
        let loan = found.check("loan_id", LoanId::parse(&wire.loan_id));
        match wire.number {
            0 => found.add("number", "REQUIRED", "must be given"),
            1.. => {}
            ..0 => found.add("number", "OUT_OF_RANGE", "must be 1 or more"),
        }
        let reason = found.check("reason", check_text(&wire.reason, 1, MOST_REASON));
        let all = loan.zip(reason);
        found.finish(all.map(|(loan, reason)| Self { loan, number: wire.number, reason }))
    }
}

/// A recovery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecoveryDraft {
    /// Of which loan.
    pub loan: LoanId,
    /// How much, in its currency.
    pub amount: String,
}

impl TryFrom<&RecoverLoanRequest> for RecoveryDraft {
    type Error = Violations;

    fn try_from(wire: &RecoverLoanRequest) -> Result<Self, Violations> {
        let mut found = Violations::new();
        let loan = found.check("loan_id", LoanId::parse(&wire.loan_id));
        let amount = required("amount", &wire.amount, &mut found);
        found.finish(loan.zip(amount).map(|(loan, amount)| Self { loan, amount }))
    }
}

/// Whose pay-off is asked for, and of which day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PayOffDraft {
    /// Which loan.
    pub loan: LoanId,
    /// The day; None for the business date.
    pub on: Option<Date>,
}

impl TryFrom<&QuotePayOffRequest> for PayOffDraft {
    type Error = Violations;

    fn try_from(wire: &QuotePayOffRequest) -> Result<Self, Violations> {
        let mut found = Violations::new();
        let loan = found.check("loan_id", LoanId::parse(&wire.loan_id));
        let on = match wire.on.as_str() {
            "" => Some(None),
            text => found.check("on", parse_date(text)).map(Some),
        };
        found.finish(loan.zip(on).map(|(loan, on)| Self { loan, on }))
    }
}

/// Other terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestructuringDraft {
    /// Of which loan.
    pub loan: LoanId,
    /// Percent a year.
    rate: Rate,
    /// How many from then on.
    instalments: u32,
    /// What the first do without.
    grace: Grace,
    /// When the first is due.
    pub first_due: Option<Date>,
    /// Why.
    pub reason: String,
}

impl TryFrom<&RestructureLoanRequest> for RestructuringDraft {
    type Error = Violations;

    fn try_from(wire: &RestructureLoanRequest) -> Result<Self, Violations> {
        let mut found = Violations::new();
        let loan = found.check("loan_id", LoanId::parse(&wire.loan_id));
        let reason = found.check("reason", check_text(&wire.reason, 1, MOST_REASON));
        let Some(terms) = &wire.terms else {
            found.add("terms", "REQUIRED", "must be given");
            return found.finish(None);
        };
        let NewTerms { rate, first_due, .. } = terms;
        let rate = found.check("terms.rate", rate.parse::<Rate>());
        let mut count = |field: &str, value: i32| {
            let read = u32::try_from(value).ok();
            if read.is_none() {
                found.add(format!("terms.{field}"), "OUT_OF_RANGE", "must not be negative");
            }
            read
        };
        let instalments = count("instalments", terms.instalments);
        let principal = count("grace_principal", terms.grace_principal);
        let interest = count("grace_interest", terms.grace_interest);
        let free = count("interest_free", terms.interest_free);
        let first_due = match first_due.as_str() {
            "" => Some(None),
            text => found.check("terms.first_due", parse_date(text)).map(Some),
        };
        let read = || {
            let grace = Grace { principal: principal?, interest: interest?, free: free? };
            let (rate, instalments, first_due) = (rate?, instalments?, first_due?);
            Some(Self { loan: loan?, rate, instalments, grace, first_due, reason: reason? })
        };
        let draft = read();
        found.finish(draft)
    }
}

impl RestructuringDraft {
    /// The terms, of a loan by a product, from a business date on.
    ///
    /// # Errors
    /// Every field that breaks a rule.
    pub fn terms(&self, product: &Product, today: Date) -> Result<Terms, Violations> {
        let mut found = Violations::new();
        let latest = jiff::Span::new().try_days(MOST_DAYS).ok();
        let latest = latest.and_then(|span| today.checked_add(span).ok());
        if self.first_due.is_some_and(|due| due <= today) {
            let words = format!("must be after the business date {today}");
            found.add("terms.first_due", "NOT_LATER", words);
        }
        if self.first_due.zip(latest).is_some_and(|(due, latest)| due > latest) {
            let words = format!("must be at most {MOST_DAYS} days after {today}");
            found.add("terms.first_due", "OUT_OF_RANGE", words);
        }
        let wanted = product.wanted(self.rate, self.instalments);
        let terms = match Terms::new(Wanted { grace: self.grace, ..wanted }) {
            Ok(terms) => Some(terms),
            Err(more) => {
                for one in more.into_inner() {
                    found.add(format!("terms.{}", one.field), one.rule, one.description);
                }
                None
            }
        };
        found.finish(terms)
    }
}

/// A write-off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteOffDraft {
    /// Of which loan.
    pub loan: LoanId,
    /// Why.
    pub reason: String,
}

impl TryFrom<&ProposeWriteOffRequest> for WriteOffDraft {
    type Error = Violations;

    fn try_from(wire: &ProposeWriteOffRequest) -> Result<Self, Violations> {
        let mut found = Violations::new();
        let loan = found.check("loan_id", LoanId::parse(&wire.loan_id));
        let reason = found.check("reason", check_text(&wire.reason, 1, MOST_REASON));
        found.finish(loan.zip(reason).map(|(loan, reason)| Self { loan, reason }))
    }
}

/// Which write-off is decided.
///
/// # Errors
/// What is no id.
pub fn decision(wire: &DecideWriteOffRequest) -> Result<ApprovalId, Violations> {
    let mut found = Violations::new();
    let id = found.check("approval_id", ApprovalId::parse(&wire.approval_id));
    found.finish(id)
}
