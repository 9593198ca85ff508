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
    StoreError, Tx,
    commit::Batch,
    idempotency::{self, Answer, Key, Lookup},
};
use prost::Message;
use tonic::{Response, Status};

use super::{
    Payment,
    intake::{Intake, Intakes},
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

    /// Decides the orders whose keys are new, in arrival order, and stores the answers, which
    /// it returns in that order.
    async fn decide(&self, tx: &Tx, new: &[&Acceptance]) -> Result<Vec<Answer>, StoreError> {
        let intakes: Vec<_> = new.iter().map(|one| &one.intake).collect();
        let decided = self.intakes.take(tx, &intakes).await?.into_iter().zip(new);
        let answers = decided.map(|(decided, one)| match decided {
            Ok(transfer) => Ok(accepted_answer(transfer, one.viewer)),
            Err(refused) => keyed::answer_of::<CreateTransferResponse>(&Err(refused.into()))
                .ok_or_else(|| StoreError::Corrupt("a refusal that no key stores".into())),
        });
        let answers: Vec<Answer> = answers.collect::<Result<_, StoreError>>()?;
        let stored: Vec<_> = new
            .iter()
            .zip(&answers)
            .map(|(one, answer)| (one.key.clone(), answer.clone()))
            .collect();
        idempotency::store_many(tx, &stored).await?;
        Ok(answers)
    }

    /// What transfers say of keys that are new to the table: their own answers, by id of the
    /// command. The claims of those are given back, so that a request with other content does
    /// not take the key over.
    async fn answered_before(
        &self,
        tx: &Tx,
        new: &[&Acceptance],
    ) -> Result<HashMap<TransferId, Outcome>, StoreError> {
        let keys: Vec<_> = new.iter().flat_map(|one| guarded(&one.intake)).collect();
        let records = store::of_keys(tx, &keys).await?;
        let mut outcomes = HashMap::new();
        let mut claims = Vec::new();
        for one in new {
            let of_this = |record: &&Record| guarded(&one.intake).any(|key| is_of(record, key));
            if let Some(record) = records.iter().find(of_this) {
                outcomes.insert(one.intake.id, answered_by(record, &one.key));
                claims.push(&one.key);
            }
        }
        idempotency::give_back_many(tx, &claims).await?;
        Ok(outcomes)
    }
}

impl Batch for Acceptances {
    type Command = Acceptance;
    type Outcome = Outcome;

    fn weight(&self, _: &Acceptance) -> usize {
        1
    }

    /// No key is twice in a batch: `keyed::joined` lets one request a key through, and a batch
    /// is of one process. The claim fails as `Corrupt` where that is not so.
    async fn apply(&self, tx: &Tx, commands: &[Acceptance]) -> Result<Vec<Outcome>, StoreError> {
        let keys: Vec<_> = commands.iter().map(|command| command.key.clone()).collect();
        let found = idempotency::claim_many(tx, &keys).await?;
        let claimed: Vec<_> = commands
            .iter()
            .zip(&found)
            .filter(|(_, lookup)| **lookup == Lookup::New)
            .map(|(command, _)| command)
            .collect();
        let mut before = self.answered_before(tx, &claimed).await?;
        let new: Vec<_> = claimed
            .into_iter()
            .filter(|command| !before.contains_key(&command.intake.id))
            .collect();
        let mut decided = self.decide(tx, &new).await?.into_iter();
        commands
            .iter()
            .zip(found)
            .map(|(command, lookup)| match lookup {
                Lookup::OtherPayload => Ok(Outcome::OtherPayload),
                Lookup::Replay(answer) => Ok(Outcome::Replayed(answer)),
                Lookup::New => before
                    .remove(&command.intake.id)
                    .or_else(|| decided.next().map(Outcome::Decided))
                    .ok_or_else(|| StoreError::Corrupt("an order was not decided".into())),
            })
            .collect()
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
        match idempotency::look_up(self.db.read(), key).await {
            Ok(Lookup::New) => {}
            Ok(Lookup::Replay(answer)) => return Ended::Replayed(answer),
            Ok(Lookup::OtherPayload) => return Ended::OtherPayload,
            Err(error) => return Ended::Failed(internal(error)),
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
