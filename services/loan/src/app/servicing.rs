//! What the use cases of servicing share.

use florin_events::Cause;
use florin_kernel::{Date, LoanId};
use florin_proto::loan::v1::Reason;
use florin_rpc::{CallContext, Error};
use florin_runtime::Failure;
use florin_store::{StoreError, Tx};

use super::{
    Lending,
    disburse_loan::Decided,
    events,
    loaded::{Loaded, load},
    refusals,
};
use crate::{
    domain::{
        day::{Earned, Moved, Track},
        event::Event,
        loan::Loan,
        movement::{Movement, MovementKind},
        posting::Leg,
        refusal::Refusal,
        servicing::{self, Other, debited},
    },
    store::{
        loans,
        positions::{self, Group, Position, Standing},
    },
};

/// What is to be moved.
pub(super) struct Wanted {
    /// What it is.
    pub kind: MovementKind,
    /// What happened once it is posted.
    pub event: Event,
    /// The legs of its journal transaction.
    pub legs: Vec<Leg>,
    /// The business date by which it counts.
    pub on: Date,
}

impl Lending {
    /// Opens a movement of a loan that is locked and at rest.
    pub(super) async fn move_money(
        &self,
        tx: &Tx,
        ctx: &CallContext,
        loaded: &mut Loaded,
        wanted: Wanted,
    ) -> Result<Movement, Failure> {
        let Wanted { kind, event, legs, on } = wanted;
        let amount = debited(&legs).filter(|amount| *amount > 0);
        let nothing = || StoreError::Corrupt(format!("{} moves nothing", loaded.record.id));
        let amount = loaded.record.money(amount.ok_or_else(nothing)?);
        let description = loaded.version.product.name().to_owned();
        let decided = Decided { kind, amount, on, event, legs, description };
        self.open_movement(tx, ctx, loaded, decided).await
    }

    /// Tells facts of loans that this transaction has locked.
    pub(super) async fn tell(
        &self,
        tx: &Tx,
        loaded: &mut [Loaded],
        facts: Vec<(LoanId, events::DayFact)>,
    ) -> Result<(), StoreError> {
        let (mut told, mut changed) = (Vec::with_capacity(facts.len()), Vec::new());
        for (loan, fact) in facts {
            let Some(found) = loaded.iter_mut().find(|one| one.record.id == loan) else { continue };
            let cause = Cause { correlation: loan.to_string(), ..Cause::default() };
            told.push(events::of_day(found, &fact, &cause));
            changed.push(loan);
        }
        if told.is_empty() {
            return Ok(());
        }
        let records = loaded.iter().filter(|one| changed.contains(&one.record.id));
        let records: Vec<_> = records.map(|one| one.record.clone()).collect();
        loans::update(tx, &records).await?;
        self.outbox.append(tx, told).await.map(drop)
    }
}

/// Locks loans, by id, and folds them.
pub(super) async fn lock(tx: &Tx, ids: &[LoanId]) -> Result<Vec<Loaded>, StoreError> {
    let records = loans::lock(tx, ids).await?;
    load(tx, records).await
}

/// The reference that the next movement of a loan gets.
pub(super) fn next_reference(loaded: &Loaded, kind: MovementKind) -> String {
    kind.reference(loaded.record.id, loaded.record.movements.saturating_add(1))
}

/// The legs between what was moved before and after an event, against the account of the loan; None
/// where nothing moves.
///
/// # Errors
/// The plan refuses it, or an amount leaves the range.
pub(super) fn legs_of(loaded: &Loaded, event: &Event) -> Result<Option<Vec<Leg>>, Refusal> {
    let then = loaded.loan.after(event)?;
    let moved = |loan: &Loan| loan.book().map_or_else(Moved::default, |book| book.moved());
    let out = || Refusal::Plan(crate::domain::plan::PlanError::OutOfRange);
    let moved = moved(&then).since(&moved(&loaded.loan)).ok_or_else(out)?;
    let other = Other::Account(loaded.record.account);
    let gl = &loaded.version.conditions.gl;
    Ok(servicing::legs(gl, loaded.record.currency, &moved, other))
}

/// The position of a loan whose row is locked, locked; made where it has none yet.
pub(super) async fn position_of(tx: &Tx, loaded: &Loaded) -> Result<Position, StoreError> {
    let id = loaded.record.id;
    if let Some(found) = positions::lock(tx, &[id]).await?.pop() {
        return Ok(found);
    }
    let group = Group {
        product: loaded.record.product.clone(),
        version: loaded.record.product_version,
        currency: loaded.record.currency,
        chunk: 0,
    };
    let made = positions::enrol(tx, &[(id, group)]).await?.pop();
    made.ok_or_else(|| StoreError::Corrupt(format!("{id} has no position")))
}

/// Takes in what happened to a loan, after its step: how it stands is read anew, and the track of days
/// to come is none any more. What was given up earns nothing.
///
/// # Errors
/// Those of the database.
pub(super) async fn moved(tx: &Tx, loaded: &Loaded) -> Result<(), StoreError> {
    let Some(book) = loaded.loan.book() else { return Ok(()) };
    let mut position = position_of(tx, loaded).await?;
    let due_on = position.due_on;
    let last = book.through().yesterday().unwrap_or_else(|_| book.through());
    let day = position.accrued_through.map_or(last, |accrued| accrued.max(last));
    let end = book.day_end(day);
    let end = end.map_err(|error| StoreError::Corrupt(format!("{}: {error}", loaded.record.id)))?;
    position.stands(&end);
    if position.due_on != due_on {
        // The movement that took what was due is none that takes what falls due next.
        position.collecting = None;
        position.attempts = 0;
    }
    position.standing =
        if book.written_off().is_some() { Standing::GivenUp } else { Standing::Running };
    position.moved = book.moved();
    if book.written_off().is_some() {
        // All of it was given up.
        let Earned { interest, fee, penalty } = position.earned;
        let charge = fee.saturating_add(penalty).saturating_neg();
        position.moved = Moved { principal: 0, interest: interest.saturating_neg(), charge };
        position.due_on = None;
    }
    positions::set_tracks(tx, &[(position.loan, Track::default())]).await?;
    positions::update(tx, &[position]).await
}

/// A write-off that ended without its booking leaves the loan as it was: it earns again.
///
/// # Errors
/// Those of the database.
pub(super) async fn not_given_up(tx: &Tx, loaded: &Loaded) -> Result<(), StoreError> {
    moved(tx, loaded).await
}

/// What the domain refuses, as the contract has it.
pub(super) fn refused(loaded: &Loaded, refusal: Refusal) -> Error {
    let money = |minor: i64| loaded.record.money(minor).amount();
    let text = refusal.to_string();
    if let Refusal::AbovePayOff { pay_off, .. } = refusal {
        let text = format!("{} pays the loan off", loaded.record.money(pay_off));
        return Error::new(Reason::AbovePayOff, text).with("pay_off", money(pay_off));
    }
    if matches!(refusal, Refusal::RepaymentNotFound { .. }) {
        return Error::new(Reason::RepaymentNotFound, text);
    }
    if matches!(refusal, Refusal::AlreadyReversed { .. }) {
        return Error::new(Reason::RepaymentReversed, text);
    }
    refusals::told(&loaded.record, refusal)
}
