//! The wire to commands: every broken rule of a request is collected before it is refused.

use florin_kernel::{
    AccountId, Currency, CustomerId, Date, Money, MoneyError, Violations, check_text, parse_date,
};
use florin_proto::{account::v1 as proto, common::v1::Direction, money_of};

use crate::{
    app::{open_account::Opening, post_transactions::Posting},
    domain::{
        account::{Holder, HolderRole},
        posting::{Leg, Legs, MOST_LEGS, Target},
    },
};

/// Most characters of a reference.
const REFERENCE: usize = 128;
/// Most characters of a text for the statement.
const DESCRIPTION: usize = 140;

/// A page size within 0 to `most`; 0 asks for the default.
pub fn page_size(violations: &mut Violations, size: i32, most: i32) {
    if !(0..=most).contains(&size) {
        violations.add("page_size", "OUT_OF_RANGE", format!("must be 0 to {most}"));
    }
}

/// A reason of at most 500 characters.
pub fn reason(violations: &mut Violations, text: &str, least: usize) -> Option<String> {
    violations.check("reason", check_text(text, least, 500))
}

/// An optional date.
pub fn optional_date(violations: &mut Violations, field: &str, text: &str) -> Option<Date> {
    if text.is_empty() { None } else { violations.check(field, parse_date(text)) }
}

/// A reference; an empty one only where it is optional.
pub fn reference(
    violations: &mut Violations,
    field: &str,
    text: &str,
    least: usize,
) -> Option<String> {
    violations.check(field, check_text(text, least, REFERENCE))
}

/// A description.
pub fn description(violations: &mut Violations, field: &str, text: &str) -> Option<String> {
    violations.check(field, check_text(text, 0, DESCRIPTION))
}

/// A holder.
pub fn holder(
    violations: &mut Violations,
    path: &str,
    customer: &str,
    role: i32,
) -> Option<Holder> {
    let id = violations.check(format!("{path}customer_id"), CustomerId::parse(customer));
    let known = HolderRole::from_number(i64::from(role));
    if known.is_none() {
        let text = "must be OWNER, AUTHORISED_USER or VIEWER";
        violations.add(format!("{path}role"), "UNKNOWN_VALUE", text);
    }
    Some(Holder { customer: id?.to_string(), role: known? })
}

/// Reads an opening; `path` leads to its fields.
pub fn opening(
    violations: &mut Violations,
    path: &str,
    request: &proto::OpenAccountRequest,
    reference_least: usize,
) -> Option<Opening> {
    let customer =
        violations.check(format!("{path}customer_id"), CustomerId::parse(&request.customer_id));
    let product = violations.check(format!("{path}product"), check_text(&request.product, 1, 40));
    let currency: Option<Currency> =
        violations.check(format!("{path}currency"), request.currency.parse());
    let limit_field = format!("{path}overdraft_limit");
    let limit = match &request.overdraft_limit {
        None => currency.map(Money::zero),
        Some(_) => {
            violations.check(limit_field.clone(), money_of(request.overdraft_limit.as_ref()))
        }
    };
    if let (Some(limit), Some(currency)) = (limit, currency) {
        if limit.currency() != currency {
            let text = "must be in the currency of the account";
            violations.add(limit_field, "CURRENCY_MISMATCH", text);
        } else if limit.minor() < 0 {
            violations.add(limit_field, "NEGATIVE", "must not be negative");
        }
    }
    let field = format!("{path}reference");
    let reference = reference(violations, &field, &request.reference, reference_least);
    Some(Opening {
        customer: customer?.to_string(),
        product: product?,
        overdraft_limit: limit?,
        reference: reference?,
    })
}

/// Reads one transaction; `path` leads to its fields.
pub fn posting(
    violations: &mut Violations,
    path: &str,
    request: &proto::TransactionRequest,
) -> Option<Posting> {
    let at = |field: &str| format!("{path}{field}");
    let reference = reference(violations, &at("reference"), &request.reference, 1);
    let kind = kind(violations, &at("kind"), &request.kind);
    let description = description(violations, &at("description"), &request.description);
    let value_date = optional_date(violations, &at("value_date"), &request.value_date);
    let booking_date = optional_date(violations, &at("booking_date"), &request.booking_date);
    let correlation =
        violations.check(at("correlation"), check_text(&request.correlation, 0, REFERENCE));
    let legs = legs(violations, path, &request.legs);
    let reference = reference?;
    let correlation = correlation?;
    Some(Posting {
        kind: kind?,
        legs: legs?,
        description: description?,
        value_date,
        booking_date,
        correlation: if correlation.is_empty() { reference.clone() } else { correlation },
        initiator: request.initiator.clone(),
        reference,
    })
}

fn kind(violations: &mut Violations, field: &str, text: &str) -> Option<String> {
    let shape = text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    if text.is_empty() || text.len() > 40 || !shape {
        let rule = "must be lower snake case of 1 to 40 characters, like cash_deposit";
        violations.add(field, "MALFORMED_KIND", rule);
        return None;
    }
    Some(text.to_owned())
}

fn legs(violations: &mut Violations, path: &str, wire: &[proto::Leg]) -> Option<Legs> {
    if wire.len() > MOST_LEGS {
        let text = format!("must be 2 to {MOST_LEGS} legs");
        violations.add(format!("{path}legs"), "TOO_MANY", text);
        return None;
    }
    let mut legs = Vec::with_capacity(wire.len());
    for (number, leg) in wire.iter().enumerate() {
        legs.push(self::leg(violations, &format!("{path}legs[{number}]."), leg));
    }
    let legs: Vec<Leg> = legs.into_iter().collect::<Option<_>>()?;
    match Legs::new(legs) {
        Ok(legs) => Some(legs),
        Err(error) => {
            violations.add(format!("{path}legs"), "UNBALANCED", error.to_string());
            None
        }
    }
}

fn leg(violations: &mut Violations, path: &str, leg: &proto::Leg) -> Option<Leg> {
    use proto::leg::Target as Wire;
    let target = match &leg.target {
        Some(Wire::AccountId(id)) => violations
            .check(format!("{path}account_id"), AccountId::parse(id))
            .map(|id| Target::Account(id.to_string())),
        Some(Wire::GlCode(code)) => {
            gl_code(violations, &format!("{path}gl_code"), code).map(Target::Gl)
        }
        None => {
            let text = "exactly one of account_id and gl_code must be set";
            violations.add(format!("{path}account_id"), "REQUIRED", text);
            None
        }
    };
    let money = positive(violations, &format!("{path}amount"), leg.amount.as_ref());
    let amount = match Direction::try_from(leg.direction) {
        Ok(Direction::Credit) => money,
        Ok(Direction::Debit) => money.and_then(|money| money.checked_neg().ok()),
        Ok(Direction::Unspecified) | Err(_) => {
            violations.add(format!("{path}direction"), "UNKNOWN_VALUE", "must be DEBIT or CREDIT");
            None
        }
    };
    let field = format!("{path}counterparty");
    let counterparty = violations.check(field, check_text(&leg.counterparty, 0, DESCRIPTION));
    Some(Leg { target: target?, amount: amount?, counterparty: counterparty? })
}

/// A positive amount of one movement; a violation names the amount or the currency below it.
pub fn positive(
    violations: &mut Violations,
    field: &str,
    wire: Option<&florin_proto::common::v1::Money>,
) -> Option<Money> {
    let money = money_of(wire)
        .and_then(|money| if money.minor() > 0 { Ok(money) } else { Err(MoneyError::NotPositive) })
        .and_then(Money::movable);
    let below = match &money {
        Err(MoneyError::MissingCurrency | MoneyError::UnknownCurrency) => "currency",
        Ok(_) | Err(_) => "amount",
    };
    violations.check(format!("{field}.{below}"), money)
}

/// A GL code: letters, digits and points, 1 to 20.
pub fn gl_code(violations: &mut Violations, field: &str, code: &str) -> Option<String> {
    let shape = code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.');
    if code.is_empty() || code.len() > 20 || !shape {
        let text = "must be 1 to 20 letters, digits and points, like 1200.AB";
        violations.add(field, "MALFORMED_GL_CODE", text);
        return None;
    }
    Some(code.to_owned())
}

#[cfg(test)]
mod tests {
    use florin_proto::common::v1::Money as WireMoney;

    use super::*;

    #[test]
    fn collects_every_violation_of_a_posting() {
        let request = proto::TransactionRequest {
            kind: "Transfer".into(),
            value_date: "2026-02-30".into(),
            description: "a\u{7}b".into(),
            legs: vec![
                proto::Leg {
                    target: Some(proto::leg::Target::AccountId("cus_1".into())),
                    direction: 9,
                    amount: Some(WireMoney { currency: "EUR".into(), amount: "1.234".into() }),
                    counterparty: String::new(),
                },
                proto::Leg::default(),
            ],
            ..proto::TransactionRequest::default()
        };
        let mut violations = Violations::new();
        assert!(posting(&mut violations, "transactions[0].", &request).is_none());
        let found: Vec<_> =
            violations.as_slice().iter().map(|one| (one.field.as_str(), one.rule)).collect();
        assert_eq!(
            found,
            [
                ("transactions[0].reference", "REQUIRED"),
                ("transactions[0].kind", "MALFORMED_KIND"),
                ("transactions[0].description", "CONTROL_CHARACTER"),
                ("transactions[0].value_date", "MALFORMED_DATE"),
                ("transactions[0].legs[0].account_id", "WRONG_ID_PREFIX"),
                ("transactions[0].legs[0].amount.amount", "TOO_MANY_DECIMALS"),
                ("transactions[0].legs[0].direction", "UNKNOWN_VALUE"),
                ("transactions[0].legs[1].account_id", "REQUIRED"),
                ("transactions[0].legs[1].amount.amount", "REQUIRED"),
                ("transactions[0].legs[1].direction", "UNKNOWN_VALUE"),
            ]
        );
    }
}
