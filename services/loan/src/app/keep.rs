//! Keeping what was decided of a loan: the steps, the projection, the schedule and the events, in
//! one transaction.

use florin_events::Cause;
use florin_kernel::{Date, Person, UnixMicros};
use florin_proto::timestamp;
use florin_rpc::CallContext;
use florin_store::{StoreError, Tx, audit};
use prost::Message as _;

use super::{Lending, events, loaded::Loaded, servicing};
use crate::{
    domain::{book::Book, event::Event, loan::State},
    store::{lines, loans, steps, steps::StoredStep},
    wire::step_of,
};

impl Lending {
    /// Keeps what the domain has decided of a loan that this transaction has locked. It counts by
    /// a business date.
    pub(super) async fn keep(
        &self,
        tx: &Tx,
        loaded: &mut Loaded,
        (decided, on): (Vec<Event>, Date),
        cause: &Cause,
    ) -> Result<(), StoreError> {
        let now = tx.now().await?;
        let (mut stored, mut told) = (Vec::new(), Vec::new());
        for event in decided {
            let before = loaded.loan.state();
            stored.push(take(loaded, &event, on, now)?);
            told.extend(events::of_step(loaded, (before, &event), now, cause)?);
        }
        steps::append(tx, &stored).await?;
        if stored.iter().any(|step| step.reference.is_some())
            && let Some(book) = loaded.loan.book()
        {
            lines::replace(tx, loaded.record.id, book).await?;
            servicing::moved(tx, loaded).await?;
        }
        loans::update(tx, std::slice::from_ref(&loaded.record)).await?;
        self.outbox.append(tx, told).await.map(drop)
    }
}

/// Takes an event in and gives its step.
fn take(
    loaded: &mut Loaded,
    event: &Event,
    on: Date,
    now: UnixMicros,
) -> Result<StoredStep, StoreError> {
    let id = loaded.record.id;
    let applied = loaded.loan.apply(event.clone());
    applied.map_err(|error| StoreError::Corrupt(format!("{id}: {error}")))?;
    loaded.record.version = loaded.record.version.saturating_add(1);
    project(loaded, now);
    loaded.record.endorsed |= matches!(event, Event::Endorsed { .. });
    let mut step = step_of(event, loaded.record.currency, on);
    step.version = loaded.record.version;
    step.at = Some(timestamp(now));
    Ok(StoredStep {
        loan: id,
        version: step.version,
        kind: step.kind.into(),
        on: step.on.clone(),
        reference: Some(step.reference.clone()).filter(|reference| !reference.is_empty()),
        payload: step.encode_to_vec(),
        recorded_at: now,
    })
}

/// The projection of the fold.
fn project(loaded: &mut Loaded, now: UnixMicros) {
    let (loan, record) = (&loaded.loan, &mut loaded.record);
    record.state = loan.state();
    record.approved = loan.approved();
    record.disbursed = loan.book().map_or(0, Book::lent);
    let given_up = loan.state() == State::WrittenOff;
    record.outstanding = loan.book().filter(|_| !given_up).map_or(0, Book::principal);
    let claims = loan.book().filter(|_| !given_up).map(Book::claims).unwrap_or_default();
    let open = claims.iter().find(|claim| claim.open().total() > 0);
    record.next_due = open.map(|claim| claim.due.to_string());
    record.changed_at = record.changed_at.max(now);
}

/// What caused a change that a caller asks for.
pub(super) fn cause_of(ctx: &CallContext, loaded: &Loaded) -> Cause {
    Cause {
        correlation: loaded.record.id.to_string(),
        causation: ctx.request_id.clone(),
        traceparent: ctx.traceparent.clone(),
    }
}

/// Keeps who did it.
pub(super) async fn record_audit(
    tx: &Tx,
    ctx: &CallContext,
    loaded: &Loaded,
    what: &str,
) -> Result<(), StoreError> {
    let for_another = !ctx.principal.is_customer();
    let entry = audit::Entry {
        actor: ctx.principal.scope_key(),
        on_behalf_of: for_another.then(|| loaded.record.customer.to_string()),
        method: ctx.method.to_owned(),
        reference: format!("{}/{what}", loaded.record.id),
        at: tx.now().await?,
    };
    audit::record(tx, entry).await
}

/// The person who asks.
///
/// # Errors
/// `PERSON_REQUIRED` for a program.
pub(super) fn person(ctx: &CallContext) -> Result<Person, florin_rpc::Error> {
    let none = || {
        let text = "it takes a person, and a program asks";
        florin_rpc::Error::new(florin_proto::loan::v1::Reason::PersonRequired, text)
    };
    ctx.principal.person().ok_or_else(none)
}
