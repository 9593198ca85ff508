//! Postings, reversals, voids, the chart and the business date.

use florin_kernel::{
    AccountId, Date, Money, MoneyError, TransactionId, Violations, check_text, parse_date,
};
use florin_proto::{
    account::v1 as proto,
    common::v1::{Direction, Money as WireMoney},
    money_of,
};
use florin_rpc::Error;

use super::{REFERENCE, conversions::conversions, holds::captures, optional_date, reference};
use crate::{
    app::{post_transactions::Posting, reverse_transaction::Reversal, void_references::Voiding},
    domain::posting::{GlAccount, Leg, Legs, MOST_CLOSED_DAYS, MOST_LEGS, Target, days_between},
};

/// Most characters of a text for the statement.
const DESCRIPTION: usize = 140;
/// Most transactions of a request.
const MOST_TRANSACTIONS: usize = 500;
/// Most legs of a request.
const MOST_LEGS_TOGETHER: usize = 1_024;

/// The items of a call, each by itself; an error where there are too many or none.
pub(crate) fn postings(
    transactions: &[proto::TransactionRequest],
) -> Result<Vec<Result<Posting, Error>>, Error> {
    let legs: usize = transactions.iter().map(|one| one.legs.len()).sum();
    if !(1..=MOST_TRANSACTIONS).contains(&transactions.len()) || legs > MOST_LEGS_TOGETHER {
        let mut violations = Violations::new();
        let text =
            format!("must be 1 to {MOST_TRANSACTIONS} with at most {MOST_LEGS_TOGETHER} legs");
        violations.add("transactions", "OUT_OF_RANGE", text);
        return Err(violations.into());
    }
    let items = transactions.iter().map(|one| {
        let mut violations = Violations::new();
        let posting = posting(&mut violations, "", one);
        Ok(violations.finish(posting)?)
    });
    Ok(items.collect())
}

/// The items of a call that voids, each by itself; an error where there are too many or none.
pub(crate) fn voids(
    request: &proto::VoidReferencesRequest,
) -> Result<Vec<Result<Voiding, Error>>, Error> {
    if !(1..=MOST_TRANSACTIONS).contains(&request.references.len()) {
        let mut violations = Violations::new();
        let text = format!("must be 1 to {MOST_TRANSACTIONS}");
        violations.add("references", "OUT_OF_RANGE", text);
        return Err(violations.into());
    }
    let items = request.references.iter().map(|one| {
        let mut violations = Violations::new();
        let reference = reference(&mut violations, "reference", &one.reference, 1);
        let is_of_reason =
            |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
        let shape = one.cause.bytes().all(is_of_reason);
        if one.cause.is_empty() || one.cause.len() > 64 || !shape {
            let rule = "must be a reason of 1 to 64 upper-case letters, digits and underscores";
            violations.add("cause", "MALFORMED_REASON", rule);
        }
        let read = reference.map(|reference| Voiding { reference, cause: one.cause.clone() });
        Ok(violations.finish(read)?)
    });
    Ok(items.collect())
}

/// Reads one transaction; `path` leads to its fields.
fn posting(
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
    let correlation = correlation(violations, &at("correlation"), &request.correlation);
    let legs = legs(violations, path, &request.legs);
    let captures = captures(violations, path, &request.captures);
    let conversions = conversions(violations, path, &request.conversions, legs.as_ref());
    if booking_date.is_some() && !request.captures.is_empty() {
        let text = "history is booked as it happened, without holds";
        violations.add(at("captures"), "ONE_OF", text);
    }
    if booking_date.is_some() && request.owed {
        violations.add(at("owed"), "ONE_OF", "history is booked as it happened");
    }
    let reference = reference?;
    let correlation = correlation?;
    Some(Posting {
        kind: kind?,
        legs: legs?,
        captures: captures?,
        conversions: conversions?,
        description: description?,
        value_date,
        booking_date,
        owed: request.owed,
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
        Some(Wire::AccountId(id)) => {
            violations.check(format!("{path}account_id"), AccountId::parse(id)).map(Target::Account)
        }
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
pub(super) fn positive(
    violations: &mut Violations,
    field: &str,
    wire: Option<&WireMoney>,
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
pub(super) fn gl_code(violations: &mut Violations, field: &str, code: &str) -> Option<String> {
    let shape = code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.');
    if code.is_empty() || code.len() > 20 || !shape {
        let text = "must be 1 to 20 letters, digits and points, like 1200.AB";
        violations.add(field, "MALFORMED_GL_CODE", text);
        return None;
    }
    Some(code.to_owned())
}

fn description(violations: &mut Violations, field: &str, text: &str) -> Option<String> {
    violations.check(field, check_text(text, 0, DESCRIPTION))
}

/// What ties together what one request caused.
pub(super) fn correlation(violations: &mut Violations, field: &str, text: &str) -> Option<String> {
    violations.check(field, check_text(text, 0, REFERENCE))
}

/// Transaction, reference and description of a reversal.
type Asked<'r> = (&'r str, &'r str, &'r str);

/// What to reverse.
pub(crate) fn reversal((original, text, description): Asked<'_>) -> Result<Reversal, Error> {
    let mut violations = Violations::new();
    let original = violations.check("transaction_id", TransactionId::parse(original));
    let reference = reference(&mut violations, "reference", text, 1);
    let description = self::description(&mut violations, "description", description);
    let read = original.zip(reference).zip(description);
    let read = read.map(|((original, reference), description)| Reversal {
        original,
        reference,
        description,
    });
    Ok(violations.finish(read)?)
}

/// A GL account to add.
pub(crate) fn gl_account(request: &proto::CreateGlAccountRequest) -> Result<GlAccount, Error> {
    let mut violations = Violations::new();
    let code = gl_code(&mut violations, "code", &request.code);
    let name = violations.check("name", check_text(&request.name, 1, 100));
    if request.class() == proto::GlClass::Unspecified {
        let text = "must be ASSET, LIABILITY, EQUITY, INCOME or EXPENSE";
        violations.add("class", "UNKNOWN_VALUE", text);
    }
    let (class, control) = (request.class, request.control);
    let read = code.zip(name).map(|(code, name)| GlAccount { code, name, class, control });
    Ok(violations.finish(read)?)
}

/// The business date to close and the one to open, None for the calendar's next.
pub(crate) fn dates(
    request: &proto::AdvanceBusinessDateRequest,
) -> Result<(Date, Option<Date>), Error> {
    let mut violations = Violations::new();
    let closing = violations.check("closing", parse_date(&request.closing));
    let opening = optional_date(&mut violations, "opening", &request.opening);
    let dates = closing.zip(opening);
    if dates.is_some_and(|(closing, opening)| opening <= closing) {
        violations.add("opening", "NOT_LATER", "must be later than the closing date");
    }
    if dates.is_some_and(|(closing, opening)| days_between(closing, opening) > MOST_CLOSED_DAYS) {
        let text = format!("must be at most {MOST_CLOSED_DAYS} days after the closing date");
        violations.add("opening", "OUT_OF_RANGE", text);
    }
    Ok(violations.finish(closing.map(|closing| (closing, opening)))?)
}

/// What names a journal transaction.
pub(crate) fn transaction_id(text: &str) -> Result<TransactionId, Error> {
    let mut violations = Violations::new();
    let id = violations.check("transaction_id", TransactionId::parse(text));
    Ok(violations.finish(id)?)
}

#[cfg(test)]
mod tests {
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
