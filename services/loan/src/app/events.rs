//! What loans publish. An event's aggregate is the loan, its version the count of the loan's
//! events.

use florin_events::{Cause, NewEvent};
use florin_kernel::{Date, UnixMicros};
use florin_proto::{
    Fact,
    loan::v1::{
        InstalmentDue, LoanAccepted, LoanApplied, LoanApproved, LoanCancelled, LoanClosed,
        LoanDayEnded, LoanDisbursed, LoanOverdue, LoanRecovered, LoanRejected, LoanRepaid,
        LoanRestructured, LoanWrittenOff, MovementFailed, RepaymentReversed,
    },
    timestamp, wire_money,
};
use florin_store::StoreError;

use super::loaded::Loaded;
use crate::{
    domain::{allocation::Amounts, book::Bucket, event::Event, loan::State, movement::Movement},
    wire::{
        servicing::{wire_amounts, wire_bucket},
        wire_loan, wire_movement,
    },
};

/// The event of an application.
///
/// # Errors
/// `Corrupt` where the loan cannot be told.
pub(super) fn applied(
    loaded: &mut Loaded,
    at: UnixMicros,
    cause: &Cause,
) -> Result<NewEvent, StoreError> {
    let loan = Some(wire_loan(&loaded.record, loaded.loan.reasons())?);
    Ok(next(loaded, &LoanApplied { loan, at: Some(timestamp(at)) }, cause))
}

/// The events of a step that was taken, from the state before it.
///
/// # Errors
/// `Corrupt` where the loan cannot be told.
pub(super) fn of_step(
    loaded: &mut Loaded,
    (_, event): (State, &Event),
    at: UnixMicros,
    cause: &Cause,
) -> Result<Vec<NewEvent>, StoreError> {
    let loan = Some(wire_loan(&loaded.record, loaded.loan.reasons())?);
    let at = Some(timestamp(at));
    Ok(match event {
        Event::Endorsed { .. } => Vec::new(),
        Event::Approved { .. } => vec![next(loaded, &LoanApproved { loan, at }, cause)],
        Event::Rejected { .. } => vec![next(loaded, &LoanRejected { loan, at }, cause)],
        Event::Accepted => vec![next(loaded, &LoanAccepted { loan, at }, cause)],
        Event::Cancelled { .. } => vec![next(loaded, &LoanCancelled { loan, at }, cause)],
        Event::Disbursed { reference, amount, .. } => {
            let amount = Some(wire_money(loaded.record.money(*amount)));
            let fact = LoanDisbursed { loan, amount, reference: reference.clone(), at };
            vec![next(loaded, &fact, cause)]
        }
        Event::Repaid { reference, amount, returned, .. } => {
            let amount = Some(wire_money(loaded.record.money(amount.saturating_sub(*returned))));
            let reference = reference.clone();
            let fact = LoanRepaid { loan: loan.clone(), amount, reference, at };
            let mut told = vec![next(loaded, &fact, cause)];
            if loaded.loan.state() == State::Closed {
                told.push(next(loaded, &LoanClosed { loan, at }, cause));
            }
            told
        }
        Event::Reversed { reference, repayment } => {
            let (reference, repayment) = (reference.clone(), repayment.clone());
            vec![next(loaded, &RepaymentReversed { loan, repayment, reference, at }, cause)]
        }
        Event::Restructured { .. } => {
            vec![next(loaded, &LoanRestructured { loan, at }, cause)]
        }
        Event::WrittenOff { reference, .. } => {
            let reference = reference.clone();
            vec![next(loaded, &LoanWrittenOff { loan, reference, at }, cause)]
        }
        Event::Recovered { reference, amount, .. } => {
            let amount = Some(wire_money(loaded.record.money(*amount)));
            let reference = reference.clone();
            vec![next(loaded, &LoanRecovered { loan, amount, reference, at }, cause)]
        }
    })
}

/// The event of a movement that ended without its money.
///
/// # Errors
/// `Corrupt` where the loan cannot be told.
pub(super) fn movement_failed(
    loaded: &mut Loaded,
    movement: &Movement,
    at: UnixMicros,
    cause: &Cause,
) -> Result<NewEvent, StoreError> {
    let loan = Some(wire_loan(&loaded.record, loaded.loan.reasons())?);
    let movement = Some(wire_movement(movement));
    Ok(next(loaded, &MovementFailed { loan, movement, at: Some(timestamp(at)) }, cause))
}

/// The next event of a loan.
fn next<F: Fact>(loaded: &mut Loaded, fact: &F, cause: &Cause) -> NewEvent {
    loaded.record.told = loaded.record.told.saturating_add(1);
    NewEvent::of(fact, &loaded.record.id, loaded.record.told, cause.clone())
}

/// What the end of a day finds out about a loan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DayFact {
    /// An instalment falls due in some days.
    Due {
        /// When.
        due_on: Date,
        /// What is unpaid of that day.
        due: Amounts,
        /// The day.
        on: Date,
    },
    /// It has come into a worse bucket.
    Overdue {
        /// The bucket.
        bucket: Bucket,
        /// Days past due.
        days: i64,
        /// What is past due.
        overdue: Amounts,
        /// The day.
        on: Date,
    },
}

/// The event of what the end of a day found out.
pub(super) fn of_day(loaded: &mut Loaded, fact: &DayFact, cause: &Cause) -> NewEvent {
    let (loan_id, customer_id) = (loaded.record.id.to_string(), loaded.record.customer.to_string());
    match fact {
        DayFact::Due { due_on, due, on } => {
            let amount = Some(wire_money(loaded.record.money(due.total())));
            let (due_on, on) = (due_on.to_string(), on.to_string());
            next(loaded, &InstalmentDue { loan_id, customer_id, due_on, amount, on }, cause)
        }
        DayFact::Overdue { bucket, days, overdue, on } => {
            let fact = LoanOverdue {
                loan_id,
                customer_id,
                bucket: wire_bucket(*bucket).into(),
                days_past_due: i32::try_from(*days).unwrap_or(i32::MAX),
                overdue: Some(wire_amounts(loaded.record.currency, overdue)),
                on: on.to_string(),
            };
            next(loaded, &fact, cause)
        }
    }
}

/// The event of a day whose end is done.
pub(super) fn day_ended(closed: Date, at: UnixMicros) -> NewEvent {
    let fact = LoanDayEnded { closed: closed.to_string(), at: Some(timestamp(at)) };
    let days = closed.since(Date::constant(1970, 1, 1)).map_or(0, |span| span.get_days());
    NewEvent::of(&fact, &"business_date", i64::from(days), Cause::default())
}
