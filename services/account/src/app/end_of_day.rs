//! The end of a business date: each step is a command of the ledger's committer for each account
//! that it concerns, so that it waits for customers and they for it as for any other command.
//!
//! What guards is the account's own watermark, read and written under the lock of its row, and
//! the reference of its journal transaction. So a step may be done again, by several workers and
//! beside another replica, and be ended at any point.

mod catch_up;
mod seal;
mod worker;

use florin_kernel::Date;

pub use self::worker::{Turn, Worker};
use super::{
    accrue_interest, capitalise_interest, charge_fees,
    command::{Actor, Outcome},
    make_statement, post_transactions,
};
use crate::{
    domain::{
        account::Rules,
        end_of_day::{AccountStep, Step},
        posting::{self, Leg, Legs, UnbalancedLegs},
        refusal::Refusal,
    },
    store::working::{JournalRow, OWN, Working},
};

/// Decides a step over the working set. An account whose figures leave 64 bits is set aside and
/// holds up no other.
///
/// # Errors
/// The domain's refusal; the working set is then as it was.
pub fn decide(
    working: &mut Working,
    step: &AccountStep,
    actor: &Actor,
) -> Result<Outcome, Refusal> {
    let decided = match step.step {
        Step::Accrual => accrue_interest::decide(working, step, actor),
        Step::Capitalisation => capitalise_interest::decide(working, step, actor),
        Step::Fees => charge_fees::decide(working, step, actor),
        Step::Statement => make_statement::decide(working, step),
        // It is of all accounts together and changes none.
        Step::Seal => Ok(Outcome::Passed),
    };
    match decided {
        Err(refusal @ Refusal::OutOfRange { .. }) if !step.settles => {
            working.writes.set_aside.push((step.clone(), refusal.to_string()));
            Ok(Outcome::SetAside)
        }
        other => other,
    }
}

/// The journal transaction of a step.
pub(super) struct Booking {
    /// Kind.
    pub kind: &'static str,
    /// Text for the statement.
    pub description: String,
    /// Legs that sum to zero; none where nothing is due.
    pub legs: Vec<Leg>,
    /// Value date.
    pub value_date: Date,
}

/// Books what a step came to on the date that it ends, as the bank's own doing: on frozen
/// accounts too, and beyond the overdraft limit. Where that date's period has been closed
/// meanwhile, or somebody asked for it, it is booked on the open date.
///
/// # Errors
/// The domain's refusal; the working set is then as it was.
pub(super) fn book(
    working: &mut Working,
    step: &AccountStep,
    booking: Booking,
    actor: &Actor,
) -> Result<Outcome, Refusal> {
    if booking.legs.is_empty() {
        return Ok(Outcome::Passed);
    }
    let legs = Legs::new(booking.legs).map_err(|error| match error {
        UnbalancedLegs::TooLarge(_)
        | UnbalancedLegs::OutOfRange
        | UnbalancedLegs::Count(_)
        | UnbalancedLegs::Zero(_)
        | UnbalancedLegs::Sum { .. } => Refusal::OutOfRange { account: step.account },
    })?;
    let books = working.books;
    let is_closed = |date: Date| books.closed_through.is_some_and(|closed| date <= closed);
    let is_over = step.settles || is_closed(step.day.closed);
    let on = if is_over { books.business_date } else { step.day.closed };
    let value_date = if is_closed(booking.value_date) { on } else { booking.value_date };
    let (accounts, chart) = (&mut working.accounts, &working.chart);
    let decided = posting::decide(&legs, &[], Rules::Import, accounts, chart)?;
    let row = JournalRow {
        id: step.id,
        caller: OWN.to_owned(),
        reference: step.reference(),
        kind: booking.kind.to_owned(),
        description: booking.description,
        booking_date: on,
        value_date,
        reverses: None,
        conversions: Vec::new(),
        correlation: format!("end_of_day/{}", step.day.closed),
        initiator: step.initiator.clone(),
        entries: decided.entries,
    };
    Ok(post_transactions::record(working, row, actor, false))
}
