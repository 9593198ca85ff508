//! Refusals of the domain as callers are told them.

use florin_kernel::{Money, Violations};
use florin_proto::{common::v1::Reason as Common, loan::v1::Reason};
use florin_rpc::Error;

use crate::{domain::refusal::Refusal, store::loans::Record, wire::wire_state};

/// Tells a refusal of a loan.
pub(super) fn told(record: &Record, refusal: Refusal) -> Error {
    let text = refusal.to_string();
    let amount = |minor: i64| record.money(minor).amount();
    let said = |reason: Reason, text: String| Error::new(reason, text);
    match refusal {
        Refusal::NotAllowed { state, .. } => {
            said(Reason::LoanState, text).with("status", wire_state(state).as_str_name())
        }
        Refusal::SamePerson { .. } => {
            let text = "another person than those who acted on it before is asked for";
            said(Reason::SamePerson, text.to_owned())
        }
        Refusal::OtherAmount { endorsed, .. } => {
            let text = format!("the first approval is for {}", record.money(endorsed));
            said(Reason::OtherAmountEndorsed, text).with("endorsed", amount(endorsed))
        }
        Refusal::AboveRequest { requested, .. } => {
            let text = format!("{} was applied for", record.money(requested));
            said(Reason::AmountAboveRequest, text).with("requested", amount(requested))
        }
        Refusal::NoReason => {
            let mut found = Violations::new();
            found.add("reasons", "REQUIRED", text);
            Error::invalid(found)
        }
        Refusal::AboveApproval { left, .. } => {
            let text = format!("{} is left of the approval", record.money(left));
            said(Reason::AmountAboveApproval, text).with("left", amount(left))
        }
        Refusal::NoTrancheLeft { most } => {
            said(Reason::NoTrancheLeft, text).with("most", most.to_string())
        }
        Refusal::FirstDuePassed { on, first_due } => said(Reason::FirstDuePassed, text)
            .with("first_due", first_due.to_string())
            .with("business_date", on.to_string()),
        Refusal::Backdated { last, .. } => {
            said(Reason::Backdated, text).with("last", last.to_string())
        }
        Refusal::ReferenceReused { .. } => Error::new(Common::ReferenceReused, text),
        Refusal::Plan(_) => said(Reason::NoSchedule, text),
        // Of servicing, which tells them itself.
        Refusal::AbovePayOff { amount, pay_off } => {
            let money = |minor: i64| Money::new(minor, record.currency);
            Error::internal(format!("{} above the pay-off {}", money(amount), money(pay_off)))
        }
        Refusal::CurrencyMismatch { .. }
        | Refusal::RepaymentNotFound { .. }
        | Refusal::AlreadyReversed { .. } => Error::internal(text),
    }
}
