//! Outcomes and refusals as the contract says them: messages, reasons, stored answers.

use std::time::Duration;

use florin_events::position;
use florin_kernel::Kind;
use florin_proto::{
    ErrorReason as _, KnownReason,
    account::v1 as proto,
    account::v1::Reason,
    common::v1::{Reason as CommonReason, Refusal as WireRefusal},
};
use florin_rpc::Error;
use florin_store::idempotency::Answer;
use prost::Message;

use super::{command::Outcome, post_transactions::posted_leg};
use crate::{domain::refusal::Refusal, wire};

/// When another attempt is worth it where the time for it has not come.
pub(super) const LATER: Duration = Duration::from_secs(15);

/// The reason of a refusal in the contract.
#[must_use]
pub fn reason(refusal: &Refusal) -> KnownReason {
    let own = match refusal {
        Refusal::AccountNotFound { .. } => Reason::AccountNotFound,
        Refusal::InsufficientFunds { .. } => Reason::InsufficientFunds,
        Refusal::Frozen { .. } => Reason::AccountFrozen,
        Refusal::Closed { .. } => Reason::AccountClosed,
        Refusal::CurrencyMismatch { .. } => return CommonReason::CurrencyMismatch.known(),
        Refusal::ReferenceReused { .. } => return CommonReason::ReferenceReused.known(),
        Refusal::ReferenceVoided { .. } => Reason::ReferenceVoided,
        Refusal::NotEmpty { .. } => Reason::AccountNotEmpty,
        Refusal::HasHolds { .. } => Reason::AccountHasHolds,
        Refusal::GlNotFound { .. } => Reason::GlAccountNotFound,
        Refusal::GlIsControl { .. } => Reason::GlAccountIsControl,
        Refusal::PeriodClosed { .. } => Reason::PeriodClosed,
        Refusal::BookedAhead { .. } | Refusal::ValuedTooFar { .. } => Reason::DateOutOfBounds,
        Refusal::TransactionNotFound { .. } => Reason::TransactionNotFound,
        Refusal::AlreadyReversed { .. } => Reason::AlreadyReversed,
        Refusal::HoldNotFound { .. } => Reason::HoldNotFound,
        Refusal::HoldNotOpen { .. } => Reason::HoldNotOpen,
        Refusal::HoldExpired { .. } => Reason::HoldExpired,
        Refusal::CaptureExceedsHold { .. } => Reason::CaptureExceedsHold,
        Refusal::CaptureExceedsDebit { .. } => Reason::CaptureExceedsDebit,
        Refusal::EndOfDayOpen { .. } => Reason::EndOfDayOpen,
        Refusal::OutOfRange { .. } => Reason::BalanceOutOfRange,
        Refusal::IsReversal { .. } => Reason::IsReversal,
        Refusal::OfPayment { .. } => Reason::TransactionOfPayment,
        Refusal::IbansUsedUp => Reason::IbansUsedUp,
        Refusal::HolderExists { .. } => Reason::HolderExists,
        Refusal::LastOwner { .. } => Reason::LastOwnerStays,
        Refusal::HolderNotFound { .. } => Reason::HolderNotFound,
    };
    own.known()
}

/// The facts of a refusal: ids, currencies and dates, never an amount of the account, which
/// a stranger who pays into it must not learn.
#[must_use]
pub fn facts(refusal: &Refusal) -> Vec<(&'static str, String)> {
    match refusal {
        Refusal::AccountNotFound { account }
        | Refusal::InsufficientFunds { account, .. }
        | Refusal::Frozen { account }
        | Refusal::Closed { account }
        | Refusal::NotEmpty { account, .. }
        | Refusal::HasHolds { account, .. }
        | Refusal::CaptureExceedsDebit { account, .. }
        | Refusal::OutOfRange { account } => vec![("account_id", account.to_string())],
        Refusal::CurrencyMismatch { account, expected, given } => vec![
            ("account_id", account.to_string()),
            ("account_currency", expected.to_string()),
            ("currency", given.to_string()),
        ],
        Refusal::ReferenceReused { reference } | Refusal::HoldNotFound { reference } => {
            vec![("reference", reference.clone())]
        }
        Refusal::ReferenceVoided { reference, cause } => {
            vec![("reference", reference.clone()), ("cause", cause.clone())]
        }
        Refusal::GlNotFound { code } | Refusal::GlIsControl { code } => {
            vec![("gl_code", code.clone())]
        }
        Refusal::PeriodClosed { date, closed_through } => {
            vec![("date", date.to_string()), ("closed_through", closed_through.to_string())]
        }
        Refusal::BookedAhead { booking, business_date } => vec![
            ("field", "booking_date".to_owned()),
            ("rule", "AFTER_BUSINESS_DATE".to_owned()),
            ("date", booking.to_string()),
            ("business_date", business_date.to_string()),
        ],
        Refusal::ValuedTooFar { value, booking } => vec![
            ("field", "value_date".to_owned()),
            ("rule", "TOO_FAR_FROM_BOOKING_DATE".to_owned()),
            ("date", value.to_string()),
            ("booking_date", booking.to_string()),
        ],
        Refusal::TransactionNotFound { transaction }
        | Refusal::IsReversal { transaction }
        | Refusal::OfPayment { transaction }
        | Refusal::AlreadyReversed { transaction } => {
            vec![("transaction_id", transaction.to_string())]
        }
        Refusal::EndOfDayOpen { day } => vec![("business_date", day.to_string())],
        Refusal::IbansUsedUp => Vec::new(),
        Refusal::HoldNotOpen { hold }
        | Refusal::HoldExpired { hold }
        | Refusal::CaptureExceedsHold { hold, .. } => vec![("hold_id", hold.to_string())],
        Refusal::HolderExists { account, customer }
        | Refusal::HolderNotFound { account, customer }
        | Refusal::LastOwner { account, customer } => {
            vec![("account_id", account.to_string()), ("customer_id", customer.to_string())]
        }
    }
}

/// A sentence without amounts of the account.
fn message(refusal: &Refusal) -> String {
    if let Refusal::InsufficientFunds { account, .. } = refusal {
        return format!("account {account} has not enough available");
    }
    refusal.to_string()
}

/// A refusal as an error of the call.
#[must_use]
pub fn error(refusal: &Refusal) -> Error {
    let error = Error::new(reason(refusal), message(refusal));
    let error =
        facts(refusal).into_iter().fold(error, |error, (key, value)| error.with(key, value));
    if is_decided(refusal) { error } else { error.retry_after(LATER) }
}

/// Whether it holds for a request under the same key. What time alone heals does not: the same
/// request may pass later.
#[must_use]
pub fn is_decided(refusal: &Refusal) -> bool {
    reason(refusal).kind.is_decided()
}

/// What stands in an item's result: what `success` makes of its outcome, or why there is
/// none. Of a defect only the reason is told; the text goes to the log.
///
/// # Errors
/// The refusal, as the contract says it.
pub fn item<T>(
    end: &Result<Outcome, Error>,
    success: impl FnOnce(&Outcome) -> Option<T>,
) -> Result<T, WireRefusal> {
    let error = match end {
        Ok(Outcome::Refused(refusal)) => error(refusal),
        Ok(outcome) => match success(outcome) {
            Some(made) => return Ok(made),
            None => Error::internal("the outcome is not that of the item"),
        },
        Err(error) => error.clone(),
    };
    if error.kind() == Kind::Internal {
        tracing::error!(cause = error.message(), "the ledger failed at an item");
    }
    Err(error.to_refusal())
}

/// The wire form of a posting that was done, now or before; None for other outcomes.
#[must_use]
pub fn wire_posted(outcome: &Outcome) -> Option<proto::PostedTransaction> {
    let Outcome::Posted { transaction, booking_date, replayed, captured, events } = outcome else {
        return None;
    };
    Some(proto::PostedTransaction {
        transaction_id: transaction.to_string(),
        replayed: *replayed,
        position: position::encode(events),
        booking_date: booking_date.to_string(),
        captured_holds: captured.iter().map(wire::hold).collect(),
    })
}

/// What would be posted, as the contract says it; None for other outcomes.
#[must_use]
pub fn wire_preview(outcome: &Outcome) -> Option<proto::TransactionPreview> {
    let Outcome::Previewed(preview) = outcome else { return None };
    let row = &preview.row;
    Some(proto::TransactionPreview {
        legs: row.entries.iter().map(posted_leg).collect(),
        booking_date: row.booking_date.to_string(),
        value_date: row.value_date.to_string(),
        captured_holds: preview.captured.iter().map(wire::hold).collect(),
        conversions: row.conversions.iter().map(wire::conversion).collect(),
    })
}

/// The stored answer of an outcome whose success is the message that `success` makes.
pub fn stored<M: Message>(
    outcome: &Outcome,
    success: impl FnOnce(&Outcome) -> Option<M>,
) -> Answer {
    let refused = match outcome {
        Outcome::Refused(refusal) => error(refusal),
        Outcome::Answered(answer) | Outcome::Decided(answer) => return answer.clone(),
        Outcome::Posted { .. }
        | Outcome::Account { .. }
        | Outcome::Held { .. }
        | Outcome::Passed
        | Outcome::SetAside
        | Outcome::Voided { .. } => match success(outcome) {
            Some(message) => return Answer { code: 0, body: message.encode_to_vec() },
            None => Error::internal("the outcome is not that of the command"),
        },
        Outcome::Previewed(_) | Outcome::Rehearsed(_) => {
            Error::internal("a rehearsal has no answer to store")
        }
        Outcome::KeyReused => Error::internal("a reused key has no answer to store"),
    };
    Answer { code: refused.to_status().code().into(), body: refused.encode() }
}

macro_rules! account_answer {
    ($(#[$doc:meta])* $name:ident, $response:ident) => {
        $(#[$doc])*
        #[must_use]
        pub fn $name(outcome: &Outcome) -> Answer {
            stored(outcome, |outcome| match outcome {
                Outcome::Account { account, holders, events, .. } => Some(proto::$response {
                    account: Some(wire::account(account, holders)),
                    position: position::encode(events),
                }),
                Outcome::Posted { .. }
                | Outcome::Held { .. }
                | Outcome::Passed
                | Outcome::SetAside
                | Outcome::Voided { .. }
                | Outcome::Previewed(_)
                | Outcome::Rehearsed(_)
                | Outcome::Refused(_)
                | Outcome::Decided(_)
                | Outcome::Answered(_)
                | Outcome::KeyReused => None,
            })
        }
    };
}

account_answer!(
    /// The stored answer of `OpenAccount`.
    opened, OpenAccountResponse);
account_answer!(
    /// The stored answer of `FreezeAccount`.
    frozen, FreezeAccountResponse);
account_answer!(
    /// The stored answer of `UnfreezeAccount`.
    unfrozen, UnfreezeAccountResponse);
account_answer!(
    /// The stored answer of `CloseAccount`.
    closed, CloseAccountResponse);
account_answer!(
    /// The stored answer of `AddHolder`.
    holder_added, AddHolderResponse);
account_answer!(
    /// The stored answer of `RemoveHolder`.
    holder_removed, RemoveHolderResponse);

/// The stored answer of `ReverseTransaction`.
#[must_use]
pub fn reversed(outcome: &Outcome) -> Answer {
    stored(outcome, |outcome| {
        let reversal = wire_posted(outcome)?;
        Some(proto::ReverseTransactionResponse { reversal: Some(reversal) })
    })
}
