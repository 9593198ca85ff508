//! What loans publish. An event's aggregate is the loan, its version the count of the loan's
//! events.

use florin_events::{Cause, NewEvent};
use florin_kernel::UnixMicros;
use florin_proto::{
    Fact,
    loan::v1::{
        LoanAccepted, LoanApplied, LoanApproved, LoanCancelled, LoanDisbursed, LoanRejected,
        MovementFailed,
    },
    timestamp, wire_money,
};
use florin_store::StoreError;

use super::loaded::Loaded;
use crate::{
    domain::{event::Event, loan::State, movement::Movement},
    wire::{wire_loan, wire_movement},
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
        // Servicing tells of these.
        Event::Repaid { .. }
        | Event::Reversed { .. }
        | Event::Restructured { .. }
        | Event::WrittenOff { .. }
        | Event::Recovered { .. } => Vec::new(),
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
