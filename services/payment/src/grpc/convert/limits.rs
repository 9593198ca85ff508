//! Limits, read from requests.

use florin_kernel::{AccountId, Currency, CustomerId, Money, MoneyError, Violations, check_text};
use florin_proto::payment::v1::{
    LimitPeriod, LimitScope, ListLimitsRequest, RemoveLimitRequest, SetLimitRequest,
};

use crate::domain::{Limit, Period, Subject};

/// Characters in the name of a channel.
const MOST_CHANNEL: usize = 100;

/// Whose limits are listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitsQuery {
    /// A customer's.
    pub customer: Option<CustomerId>,
    /// An account's.
    pub account: Option<AccountId>,
    /// A channel's.
    pub channel: Option<String>,
}

impl TryFrom<&ListLimitsRequest> for LimitsQuery {
    type Error = Violations;

    fn try_from(wire: &ListLimitsRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let customer = match wire.customer_id.as_str() {
            "" => None,
            id => violations.check("customer_id", CustomerId::parse(id)),
        };
        let account = match wire.account_id.as_str() {
            "" => None,
            id => violations.check("account_id", AccountId::parse(id)),
        };
        let channel = match wire.channel.as_str() {
            "" => None,
            name => violations.check("channel", check_text(name, 1, MOST_CHANNEL)),
        };
        violations.finish(Some(Self { customer, account, channel }))
    }
}

/// Reads a limit to set.
///
/// # Errors
/// The rules that it breaks.
pub fn limit(wire: &SetLimitRequest) -> Result<Limit, Violations> {
    let mut violations = Violations::new();
    let subject = subject(&mut violations, wire.scope, &wire.subject);
    let period = period(&mut violations, wire.period);
    let maximum = maximum(&mut violations, &wire.currency, &wire.amount);
    let limit = match (subject, period, maximum) {
        (Some(subject), Some(period), Some(maximum)) => Some(Limit { subject, period, maximum }),
        _ => None,
    };
    violations.finish(limit)
}

/// Reads what names a limit.
///
/// # Errors
/// The rules that it breaks.
pub fn limit_name(wire: &RemoveLimitRequest) -> Result<(Subject, Period, Currency), Violations> {
    let mut violations = Violations::new();
    let subject = subject(&mut violations, wire.scope, &wire.subject);
    let period = period(&mut violations, wire.period);
    let currency = violations.check("currency", wire.currency.parse::<Currency>());
    let name = match (subject, period, currency) {
        (Some(subject), Some(period), Some(currency)) => Some((subject, period, currency)),
        _ => None,
    };
    violations.finish(name)
}

fn subject(violations: &mut Violations, scope: i32, subject: &str) -> Option<Subject> {
    let field = "subject";
    match LimitScope::try_from(scope) {
        Ok(LimitScope::Customer) => {
            violations.check(field, CustomerId::parse(subject)).map(Subject::Customer)
        }
        Ok(LimitScope::Account) => {
            violations.check(field, AccountId::parse(subject)).map(Subject::Account)
        }
        Ok(LimitScope::Channel) => {
            violations.check(field, check_text(subject, 1, MOST_CHANNEL)).map(Subject::Channel)
        }
        Ok(LimitScope::Unspecified) | Err(_) => {
            let rule = if scope == 0 { "REQUIRED" } else { "UNKNOWN_VALUE" };
            violations.add("scope", rule, "must be CUSTOMER, ACCOUNT or CHANNEL");
            if subject.is_empty() {
                violations.add(field, "REQUIRED", "must not be empty");
            }
            None
        }
    }
}

fn period(violations: &mut Violations, period: i32) -> Option<Period> {
    match LimitPeriod::try_from(period) {
        Ok(LimitPeriod::Transfer) => Some(Period::Transfer),
        Ok(LimitPeriod::Day) => Some(Period::Day),
        Ok(LimitPeriod::Month) => Some(Period::Month),
        Ok(LimitPeriod::Unspecified) | Err(_) => {
            let rule = if period == 0 { "REQUIRED" } else { "UNKNOWN_VALUE" };
            violations.add("period", rule, "must be TRANSFER, DAY or MONTH");
            None
        }
    }
}

fn maximum(violations: &mut Violations, currency: &str, amount: &str) -> Option<Money> {
    let known = violations.check("currency", currency.parse::<Currency>());
    if amount.is_empty() {
        violations.check::<(), _>("amount", Err(MoneyError::MissingAmount));
        return None;
    }
    let maximum = violations.check("amount", Money::parse_in(known?, amount))?;
    if maximum.minor() < 0 {
        violations.add("amount", "NEGATIVE", "must not be negative");
        return None;
    }
    Some(maximum)
}
