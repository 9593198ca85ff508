//! Holds and their captures.

use florin_kernel::{AccountId, Violations};
use florin_proto::account::v1 as proto;
use florin_rpc::Error;

use super::{
    journal::{correlation, positive},
    reference,
};
use crate::app::{command::Capture, place_hold::Holding, release_hold::Releasing};

/// Most captures of a transaction.
const MOST_CAPTURES: usize = 8;
/// 400 days.
const LONGEST_HOLD_SECONDS: i64 = 400 * 86_400;

/// What to set aside.
pub(crate) fn hold(request: &proto::PlaceHoldRequest) -> Result<Holding, Error> {
    let mut violations = Violations::new();
    let reference = reference(&mut violations, "reference", &request.reference, 1);
    let account = violations.check("account_id", AccountId::parse(&request.account_id));
    let amount = positive(&mut violations, "amount", request.amount.as_ref());
    let correlation = correlation(&mut violations, "correlation", &request.correlation);
    let expiry = request.expires_after.map(|after| (after.seconds, after.nanos));
    let expiry = expires_after(&mut violations, expiry);
    let read = reference.zip(account).zip(amount.zip(correlation)).zip(expiry);
    let read = read.map(|(((reference, account), (amount, correlation)), expires_after)| Holding {
        reference,
        account,
        amount,
        expires_after,
        correlation,
    });
    Ok(violations.finish(read)?)
}

/// What to give back.
pub(crate) fn release(request: &proto::ReleaseHoldRequest) -> Result<Releasing, Error> {
    let mut violations = Violations::new();
    let text = reference(&mut violations, "reference", &request.reference, 1);
    let hold = reference(&mut violations, "hold_reference", &request.hold_reference, 1);
    let correlation = correlation(&mut violations, "correlation", &request.correlation);
    let amount = match &request.amount {
        None => Some(None),
        some => positive(&mut violations, "amount", some.as_ref()).map(Some),
    };
    let read = text.zip(hold).zip(correlation.zip(amount));
    let read = read.map(|((reference, hold_reference), (correlation, amount))| Releasing {
        reference,
        hold_reference,
        amount,
        correlation,
    });
    Ok(violations.finish(read)?)
}

/// The holds that pay for debits of a transaction.
pub(super) fn captures(
    violations: &mut Violations,
    path: &str,
    wire: &[proto::Capture],
) -> Option<Vec<Capture>> {
    if wire.len() > MOST_CAPTURES {
        violations.add(
            format!("{path}captures"),
            "TOO_MANY",
            format!("must be at most {MOST_CAPTURES}"),
        );
        return None;
    }
    let mut captures: Vec<Option<Capture>> = Vec::with_capacity(wire.len());
    for (number, one) in wire.iter().enumerate() {
        let field = format!("{path}captures[{number}].");
        let hold_field = format!("{field}hold_reference");
        let hold = reference(violations, &hold_field, &one.hold_reference, 1);
        if wire.iter().take(number).any(|other| other.hold_reference == one.hold_reference) {
            violations.add(hold_field, "DUPLICATE", "a hold is captured once in a transaction");
        }
        let amount = match &one.amount {
            None => Some(None),
            Some(_) => {
                positive(violations, &format!("{field}amount"), one.amount.as_ref()).map(Some)
            }
        };
        let keep_rest = one.keep_rest;
        captures.push(hold.zip(amount).map(|(hold_reference, amount)| Capture {
            hold_reference,
            amount,
            keep_rest,
        }));
    }
    captures.into_iter().collect()
}

/// Whole seconds until a hold is given back by time; None within for never.
fn expires_after(violations: &mut Violations, wire: Option<(i64, i32)>) -> Option<Option<i64>> {
    let Some((seconds, nanos)) = wire else { return Some(None) };
    if (1..=LONGEST_HOLD_SECONDS).contains(&seconds) && nanos == 0 {
        return Some(Some(seconds));
    }
    violations.add(
        "expires_after",
        "OUT_OF_RANGE",
        "must be whole seconds, at least one and at most 400 days",
    );
    None
}
