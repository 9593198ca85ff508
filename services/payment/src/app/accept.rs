//! The acceptance of a client's order: idempotency key, what [`super::intake`] writes and stored
//! answer in one transaction, which serves many requests at once.
//!
//! Only what is decided in that transaction is stored with the key: the acceptance, and a
//! refusal for a limit or for what a refund or reversal returns. What the reads before it refuse (no such account, another's,
//! another currency, no clearing network) is answered and forgotten, because the next attempt
//! with the same key may find another state.
//!
//! A key guards its transfer for ever, beyond the row that answers it: that one is pruned by a
//! clock, which may be wrong, and clients may be away for longer. A key that is new to the
//! table and not to `transfers` is answered from there.

use std::collections::HashMap;

use florin_kernel::{CustomerId, TransferId};
use florin_proto::{
    common::v1::{Initiator, PrincipalKind},
    payment::v1::{self as wire, CreateTransferResponse},
};
use florin_rpc::{CallContext, Error};
use florin_runtime::{
    internal,
    keyed::{self, Ended},
};
use florin_store::{
    Database, StoreError, Tx,
    commit::Batch,
    idempotency::{self, Answer, Key, Lookup},
};
use prost::Message;
use tonic::{Response, Status};

use super::{
    Payment,
    gather::Gather,
    intake::{Basis, Decided, Intake, Intakes},
};
use crate::{
    domain::{Kind, Order, Ordering, Relation, Transfer},
    store::{self, ClientKey, Guarded, Record},
    wire::{Viewer, seen_by, wire_of, wire_status, wire_transfer},
};

/// An order that the reads before have let pass.
pub(super) struct Checked {
    pub(super) order: Order,
    /// Whose account it is, where somebody else acts.
    pub(super) on_behalf_of: Option<CustomerId>,
}

/// What a client's key is for. It guards its transfer by the sort of payment that it made, and
/// by what was asked for where that says less.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// A payment of this sort.
    Payment(Kind),
    /// A refund or a reversal.
    Return(Relation),
}

impl Asked {
    /// The sorts of payment that it may make.
    const fn kinds(self) -> &'static [Kind] {
        match self {
            Self::Payment(Kind::Transfer) | Self::Return(Relation::Refund) => &[Kind::Transfer],
            Self::Payment(Kind::CashDeposit) => &[Kind::CashDeposit],
            Self::Payment(Kind::CashWithdrawal) => &[Kind::CashWithdrawal],
            Self::Return(Relation::Reversal) => Kind::ALL,
        }
    }

    /// Whose the key is, as it is kept with the transfer: a bar stands in no issuer, client or
    /// subject, which escape it.
    fn scope(self, key: &Key) -> String {
        match self {
            Self::Payment(_) => key.scope.clone(),
            Self::Return(Relation::Refund) => format!("{}|refund", key.scope),
            Self::Return(Relation::Reversal) => format!("{}|reversal", key.scope),
        }
    }
}

/// One order to accept.
#[derive(Debug, Clone)]
pub struct Acceptance {
    key: Key,
    intake: Intake,
    viewer: Viewer,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Decided now; the answer is stored.
    Decided(Answer),
    /// Decided before.
    Replayed(Answer),
    /// The key belongs to another request.
    OtherPayload,
}

/// The group commit of acceptances.
pub struct Acceptances {
    intakes: Intakes,
}

impl Acceptances {
    pub(super) const fn new(intakes: Intakes) -> Self {
        Self { intakes }
    }

    /// Decides the orders in arrival order and stores each answer with its key, which nobody has
    /// used; then writes those that are taken on.
    async fn decide(&self, tx: &Tx, open: &[&Acceptance]) -> Result<Vec<Outcome>, StoreError> {
        let orders = orders_of(open);
        let basis = Basis::lock(tx, &orders).await?;
        let decided = self.intakes.decide(&orders, &basis);
        let answers = answers(open, &decided)?;
        let found = idempotency::answer_many(tx, &answers).await?;
        if found.iter().all(|lookup| *lookup == Lookup::New) {
            self.intakes.write(tx, &orders, decided).await?;
            return Ok(answers.into_iter().map(|(_, answer)| Outcome::Decided(answer)).collect());
        }
        // Another replica has used some of the keys meanwhile: the others are decided again,
        // without the orders of those.
        let new = open.iter().zip(&found).filter(|(_, lookup)| **lookup == Lookup::New);
        let ours: Vec<_> = new.map(|(one, _)| *one).collect();
        let orders = orders_of(&ours);
        let decided = self.intakes.decide(&orders, &basis);
        let again = self::answers(&ours, &decided)?;
        let others: Vec<_> = again.iter().filter(|one| !answers.contains(one)).cloned().collect();
        idempotency::store_many(tx, &others).await?;
        self.intakes.write(tx, &orders, decided).await?;
        let mut again = again.into_iter();
        let outcomes = found.into_iter().map(|lookup| match lookup {
            Lookup::Replay(answer) => Ok(Outcome::Replayed(answer)),
            Lookup::OtherPayload => Ok(Outcome::OtherPayload),
            Lookup::New => {
                let lost = || StoreError::Corrupt("an order was not decided again".into());
                again.next().map(|(_, answer)| Outcome::Decided(answer)).ok_or_else(lost)
            }
        });
        outcomes.collect()
    }

    /// What transfers say of keys that may be new to the table: their own answers, by id of the
    /// command.
    async fn answered_before(
        &self,
        tx: &Tx,
        commands: &[Acceptance],
    ) -> Result<HashMap<TransferId, Outcome>, StoreError> {
        let keys: Vec<_> = commands.iter().flat_map(|one| guarded(&one.intake)).collect();
        let records = store::of_keys(tx, &keys).await?;
        let answered = |one: &Acceptance| {
            let of_this = |record: &&Record| guarded(&one.intake).any(|key| is_of(record, key));
            let record = records.iter().find(of_this)?;
            Some((one.intake.id, answered_by(record, &one.key)))
        };
        Ok(commands.iter().filter_map(answered).collect())
    }
}

fn orders_of<'c>(commands: &[&'c Acceptance]) -> Vec<&'c Intake> {
    commands.iter().map(|one| &one.intake).collect()
}

/// The answers to what was decided.
fn answers(open: &[&Acceptance], decided: &Decided) -> Result<Vec<(Key, Answer)>, StoreError> {
    let answers = open.iter().zip(&decided.ends).map(|(one, end)| {
        let answer = match end {
            Ok(transfer) => accepted_answer(transfer.clone(), one.viewer),
            Err(refused) => {
                let refused = Err(Error::from(refused.clone()));
                keyed::answer_of::<CreateTransferResponse>(&refused)
                    .ok_or_else(|| StoreError::Corrupt("a refusal that no key stores".into()))?
            }
        };
        Ok((one.key.clone(), answer))
    });
    answers.collect()
}

impl Batch for Acceptances {
    type Command = Acceptance;
    type Outcome = Outcome;

    fn weight(&self, _: &Acceptance) -> usize {
        1
    }

    /// No key is twice in a batch: `keyed::joined` lets one request a key through, and a batch
    /// is of one process. The answers fail as `Corrupt` where that is not so.
    ///
    /// A key whose row is gone has its transfer, which nobody takes away; one that is used while
    /// this runs is met when its answer is stored.
    async fn apply(&self, tx: &Tx, commands: &[Acceptance]) -> Result<Vec<Outcome>, StoreError> {
        let mut before = self.answered_before(tx, commands).await?;
        let is_open = |command: &&Acceptance| !before.contains_key(&command.intake.id);
        let open: Vec<_> = commands.iter().filter(is_open).collect();
        let mut decided = self.decide(tx, &open).await?.into_iter();
        let outcome = |command: &Acceptance| {
            let before = before.remove(&command.intake.id);
            let lost = || StoreError::Corrupt("an order was not decided".into());
            before.or_else(|| decided.next()).ok_or_else(lost)
        };
        commands.iter().map(outcome).collect()
    }
}

/// The keys under which a transfer of the order's key may be kept: a reversal has the kind of
/// what it reverses, and the key may have reversed something else before.
fn guarded(intake: &Intake) -> impl Iterator<Item = Guarded<'_>> {
    let scope = intake.key.scope.as_deref().unwrap_or_default();
    let own = intake.order.route().kind();
    let reverses = intake.order.link().is_some_and(|link| link.relation == Relation::Reversal);
    let kinds = Kind::ALL.iter().copied().filter(move |kind| reverses || *kind == own);
    kinds.map(move |kind| (scope, kind, intake.key.key.as_str()))
}

fn is_of(record: &Record, (scope, kind, key): Guarded<'_>) -> bool {
    record.key.scope.as_deref() == Some(scope)
        && record.key.key == key
        && record.transfer.order().route().kind() == kind
}

/// What the transfer of a key answers to a request with it. Where the content of the first
/// request is not known, none is the same: never a second payment.
fn answered_by(record: &Record, key: &Key) -> Outcome {
    if record.key.request_hash.as_deref() == Some(&key.fingerprint) {
        let order = record.transfer.order().clone();
        let created_at = record.transfer.created_at();
        let accepted = Transfer::accept(record.transfer.id(), order, created_at);
        Outcome::Replayed(accepted_answer(wire_of(&accepted), viewer_of(record)))
    } else {
        Outcome::OtherPayload
    }
}

/// As what somebody sees a transfer that it creates or cancels: a customer pays by it.
pub(super) fn payer(ctx: &CallContext) -> Viewer {
    if ctx.principal.is_customer() { Viewer::Debtor } else { Viewer::Bank }
}

/// As what its creator saw it; who that was is kept with it.
fn viewer_of(record: &Record) -> Viewer {
    let kind = Initiator::decode(record.initiator.as_slice()).map(|initiator| initiator.kind());
    match kind {
        Ok(PrincipalKind::Staff | PrincipalKind::Client | PrincipalKind::Service) => Viewer::Bank,
        // Where it is not known, less is told.
        Ok(PrincipalKind::Customer | PrincipalKind::Unspecified) | Err(_) => Viewer::Debtor,
    }
}

/// The answer to an order. Deposits and withdrawals have the same fields under the same
/// numbers, so one stored form serves all three.
pub(super) fn response_of(record: &Record, viewer: Viewer) -> CreateTransferResponse {
    CreateTransferResponse {
        transfer_id: record.transfer.id().to_string(),
        status: wire_status(record.transfer.status()).into(),
        transfer: Some(wire_transfer(record, viewer)),
    }
}

/// The stored answer of an acceptance: a function of order, id, instant and creator alone.
fn accepted_answer(accepted: wire::Transfer, viewer: Viewer) -> Answer {
    let response = CreateTransferResponse {
        transfer_id: accepted.transfer_id.clone(),
        status: accepted.status,
        transfer: Some(seen_by(accepted, viewer)),
    };
    Answer { code: 0, body: response.encode_to_vec() }
}

/// How keys are looked up: what is asked at the same time by one statement.
pub(super) fn keys(db: &Database) -> Gather<Key, Lookup> {
    let db = db.clone();
    Gather::by(move |keys: Vec<Key>| {
        let db = db.clone();
        async move {
            let found = idempotency::look_up_many(db.read(), &keys).await.map_err(internal)?;
            Ok(keys.into_iter().zip(found).collect())
        }
    })
}

impl Payment {
    /// Accepts an order once per idempotency key and, where the caller asks for it
    /// (`Prefer: wait`), waits for its end. `check` does the reads before the acceptance; a
    /// replay needs none.
    ///
    /// The stored answer of a key is always the acceptance, PROCESSING. A replay without a wait
    /// is identical to it. With one, first answer and replay alike tell the state that the
    /// transfer has come to by then: a client that waited, lost the answer and asks again
    /// wants the end, and the end of a transfer never changes.
    pub(super) async fn accept(
        &self,
        ctx: &CallContext,
        request: &impl Message,
        asked: Asked,
        check: impl AsyncFnOnce() -> Result<Checked, Error>,
    ) -> Result<Response<CreateTransferResponse>, Status> {
        let key = keyed::key_of(ctx, request)?;
        let accepted =
            keyed::joined(&self.db, ctx, &key, || self.accept_keyed(ctx, &key, asked, check))
                .await?;
        self.await_end(ctx, accepted).await
    }

    async fn accept_keyed(
        &self,
        ctx: &CallContext,
        key: &Key,
        asked: Asked,
        check: impl AsyncFnOnce() -> Result<Checked, Error>,
    ) -> Ended {
        match self.keys.get(key.clone()).await {
            Ok(None | Some(Lookup::New)) => {}
            Ok(Some(Lookup::Replay(answer))) => return Ended::Replayed(answer),
            Ok(Some(Lookup::OtherPayload)) => return Ended::OtherPayload,
            Err(error) => return Ended::Failed(error),
        }
        let Checked { order, on_behalf_of } = match check().await {
            Ok(checked) => checked,
            // What is no order today may have been one when the key was used.
            Err(error) => return self.created_before(key, asked, error).await,
        };
        let date = match self.books.today(ctx).await {
            Ok(date) => date,
            Err(error) => return Ended::Failed(error),
        };
        let (millis, random) = florin_store::id_parts();
        let customer = ctx.principal.customer.or(on_behalf_of);
        let intake = Intake {
            id: TransferId::from_parts(millis, random),
            order,
            ordering: Ordering { customer, channel: ctx.principal.client.clone(), date },
            initiator: ctx.principal.to_initiator().encode_to_vec(),
            key: ClientKey {
                scope: Some(asked.scope(key)),
                key: key.key.clone(),
                request_hash: Some(key.fingerprint.to_vec()),
            },
            traceparent: ctx.traceparent.clone(),
            cause: ctx.request_id.clone(),
            actor: key.scope.clone(),
            method: key.method.clone(),
            on_behalf_of,
        };
        let acceptance = Acceptance { key: key.clone(), intake, viewer: payer(ctx) };
        match self.acceptances.submit(acceptance, ctx.deadline).await {
            Ok(outcome) => outcome.into(),
            Err(error) => Ended::Failed(keyed::not_committed(error)),
        }
    }

    /// The transfer of a key whose own row is gone, else the refusal.
    async fn created_before(&self, key: &Key, asked: Asked, refusal: Error) -> Ended {
        let scope = asked.scope(key);
        let of_kind = |kind: &Kind| (scope.as_str(), *kind, key.key.as_str());
        let keys: Vec<_> = asked.kinds().iter().map(of_kind).collect();
        match store::of_keys(self.db.read(), &keys).await {
            Ok(records) => match records.first() {
                Some(record) => answered_by(record, key).into(),
                None => Ended::Failed(refusal),
            },
            Err(error) => Ended::Failed(internal(error)),
        }
    }
}

impl From<Outcome> for Ended {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Decided(answer) => Self::Stored(answer),
            Outcome::Replayed(answer) => Self::Replayed(answer),
            Outcome::OtherPayload => Self::OtherPayload,
        }
    }
}

#[cfg(test)]
mod tests;
