//! The acceptance of an order: idempotency key, transfer, event, audit and stored answer in
//! one transaction, which serves many requests at once.
//!
//! Only what is decided in that transaction is stored with the key: the acceptance, and a
//! refusal for the limit. What the reads before it refuse (no such account, another's,
//! another currency, no clearing network) is answered and forgotten, because the next attempt
//! with the same key may find another state.

use std::{collections::HashMap, sync::Arc};

use florin_events::{Outbox, position};
use florin_kernel::{CustomerId, TransferId};
use florin_proto::payment::v1::{CreateTransferResponse, Reason};
use florin_rpc::{CallContext, Error};
use florin_runtime::{
    internal,
    keyed::{self, Ended},
};
use florin_store::{
    StoreError, Tx, audit,
    commit::{Batch, CommitError},
    idempotency::{self, Answer, Key, Lookup},
};
use prost::Message;
use tokio::sync::Notify;
use tonic::{Response, Status};

use super::{App, Patience, events};
use crate::{
    domain::{LimitExceeded, Limits, Order, Transfer},
    grpc::convert::{wire_status, wire_transfer},
    store::{self, Record},
};

/// An order that the reads before have let pass.
pub(super) struct Checked {
    pub(super) order: Order,
    /// Whose account it is, where somebody else acts.
    pub(super) on_behalf_of: Option<CustomerId>,
}

/// One order to accept.
#[derive(Debug, Clone)]
pub struct Acceptance {
    key: Key,
    id: TransferId,
    order: Order,
    initiator: Vec<u8>,
    traceparent: Option<String>,
    request_id: String,
    on_behalf_of: Option<CustomerId>,
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
    outbox: Outbox,
    limits: Limits,
    due: Arc<Notify>,
}

impl Acceptances {
    pub(super) const fn new(outbox: Outbox, limits: Limits, due: Arc<Notify>) -> Self {
        Self { outbox, limits, due }
    }

    /// Writes the accepted transfers and returns their answers in order.
    async fn write(&self, tx: &Tx, accepted: &[&Acceptance]) -> Result<Vec<Answer>, StoreError> {
        if accepted.is_empty() {
            return Ok(Vec::new());
        }
        let now = tx.now().await?;
        let mut records: Vec<_> = accepted
            .iter()
            .map(|one| Record {
                transfer: Transfer::accept(one.id, one.order.clone(), now),
                due_at: Some(now),
                position: String::new(),
                initiator: one.initiator.clone(),
                idempotency_key: one.key.key.clone(),
                traceparent: one.traceparent.clone(),
                attempts: 0,
                unanswered_at: None,
                lease_token: None,
            })
            .collect();
        let told = records
            .iter()
            .zip(accepted)
            .filter_map(|(record, one)| events::event_of(record, &one.request_id))
            .collect();
        let events = self.outbox.append(tx, told).await?;
        for (record, event) in records.iter_mut().zip(&events) {
            record.position = position::encode(&[*event]);
        }
        store::insert(tx, &records).await?;
        let entries = accepted.iter().map(|one| audit::Entry {
            actor: one.key.scope.clone(),
            on_behalf_of: one.on_behalf_of.map(|customer| customer.to_string()),
            method: one.key.method.clone(),
            reference: one.id.to_string(),
            at: now,
        });
        audit::record_many(tx, entries.collect()).await?;
        let due = Arc::clone(&self.due);
        tx.on_commit(move || due.notify_one());
        Ok(records.iter().map(|record| keyed_answer(&response_of(record))).collect())
    }

    /// Decides the orders whose keys are new, in arrival order, and stores the answers.
    async fn decide(
        &self,
        tx: &Tx,
        new: &[&Acceptance],
    ) -> Result<HashMap<TransferId, Answer>, StoreError> {
        let mut answers = HashMap::with_capacity(new.len());
        let mut accepted = Vec::with_capacity(new.len());
        for one in new {
            match self.limits.check(&one.order) {
                Ok(()) => accepted.push(*one),
                Err(exceeded) => {
                    answers.insert(one.id, refused_answer(exceeded));
                }
            }
        }
        let written = self.write(tx, &accepted).await?;
        answers.extend(accepted.iter().map(|one| one.id).zip(written));
        let stored: Vec<_> = new
            .iter()
            .filter_map(|one| Some((one.key.clone(), answers.get(&one.id)?.clone())))
            .collect();
        idempotency::store_many(tx, &stored).await?;
        Ok(answers)
    }
}

impl Batch for Acceptances {
    type Command = Acceptance;
    type Outcome = Outcome;

    fn weight(&self, _: &Acceptance) -> usize {
        1
    }

    async fn apply(&self, tx: &Tx, commands: &[Acceptance]) -> Result<Vec<Outcome>, StoreError> {
        // The first with a key speaks for its duplicates in the batch.
        let mut first: HashMap<(&str, &str, &str), &Acceptance> = HashMap::new();
        let mut distinct = Vec::with_capacity(commands.len());
        for command in commands {
            first.entry(id_of(&command.key)).or_insert_with(|| {
                distinct.push(command);
                command
            });
        }
        let keys: Vec<_> = distinct.iter().map(|command| command.key.clone()).collect();
        let found = idempotency::claim_many(tx, &keys).await?;
        let new: Vec<_> = distinct
            .iter()
            .zip(&found)
            .filter(|(_, lookup)| **lookup == Lookup::New)
            .map(|(command, _)| *command)
            .collect();
        let answers = self.decide(tx, &new).await?;
        let found: HashMap<_, _> =
            distinct.iter().map(|command| id_of(&command.key)).zip(found).collect();
        commands
            .iter()
            .map(|command| {
                let id = id_of(&command.key);
                let (Some(lookup), Some(first)) = (found.get(&id), first.get(&id)) else {
                    return Err(StoreError::Corrupt("a key was not looked up".into()));
                };
                outcome(command, first, lookup, &answers)
            })
            .collect()
    }
}

fn outcome(
    command: &Acceptance,
    first: &Acceptance,
    lookup: &Lookup,
    answers: &HashMap<TransferId, Answer>,
) -> Result<Outcome, StoreError> {
    if command.key.fingerprint != first.key.fingerprint {
        // What the table says is about the first's request. Where that is in doubt the
        // caller asks again and meets the stored row.
        return match lookup {
            Lookup::OtherPayload => Err(StoreError::Locked),
            Lookup::New | Lookup::Replay(_) => Ok(Outcome::OtherPayload),
        };
    }
    match lookup {
        Lookup::OtherPayload => Ok(Outcome::OtherPayload),
        Lookup::Replay(answer) => Ok(Outcome::Replayed(answer.clone())),
        Lookup::New => {
            let answer = answers
                .get(&first.id)
                .cloned()
                .ok_or_else(|| StoreError::Corrupt("an order was not decided".into()))?;
            let own = command.id == first.id;
            Ok(if own { Outcome::Decided(answer) } else { Outcome::Replayed(answer) })
        }
    }
}

fn id_of(key: &Key) -> (&str, &str, &str) {
    (&key.scope, &key.method, &key.key)
}

/// The answer to an order. Deposits and withdrawals have the same fields under the same
/// numbers, so one stored form serves all three.
pub(super) fn response_of(record: &Record) -> CreateTransferResponse {
    CreateTransferResponse {
        transfer_id: record.transfer.id().to_string(),
        status: wire_status(record.transfer.status()).into(),
        transfer: Some(wire_transfer(record)),
    }
}

fn keyed_answer(response: &CreateTransferResponse) -> Answer {
    Answer { code: 0, body: response.encode_to_vec() }
}

fn refused_answer(exceeded: LimitExceeded) -> Answer {
    let error = Error::new(Reason::TransferLimitExceeded, exceeded.to_string())
        .with("limit", exceeded.limit.amount())
        .with("currency", exceeded.limit.currency().code());
    Answer { code: i32::from(florin_rpc::grpc_code(error.kind())), body: error.encode() }
}

impl App {
    /// Accepts an order once per idempotency key and, where the client has patience, waits
    /// for its end. `check` does the reads before the acceptance; a replay needs none.
    ///
    /// The stored answer of a key is always the acceptance, PROCESSING. A replay without
    /// patience is identical to it. With patience, first answer and replay alike tell the
    /// state that the transfer has come to by then: a client that waited, lost the answer and
    /// asks again wants the end, and the end of a transfer never changes.
    pub(super) async fn accept(
        &self,
        ctx: &CallContext,
        request: &impl Message,
        patience: Patience,
        check: impl AsyncFnOnce() -> Result<Checked, Error>,
    ) -> Result<Response<CreateTransferResponse>, Status> {
        let key = keyed::key_of(ctx, request)?;
        let accepted =
            keyed::joined(&self.db, ctx, &key, || self.accept_keyed(ctx, &key, check)).await?;
        self.await_end(ctx, accepted, patience).await
    }

    async fn accept_keyed(
        &self,
        ctx: &CallContext,
        key: &Key,
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
            Err(error) => return Ended::Failed(error),
        };
        let (millis, random) = florin_store::id_parts();
        let acceptance = Acceptance {
            key: key.clone(),
            id: TransferId::from_parts(millis, random),
            order,
            initiator: ctx.principal.to_initiator().encode_to_vec(),
            traceparent: ctx.traceparent.clone(),
            request_id: ctx.request_id.clone(),
            on_behalf_of,
        };
        match self.acceptances.submit(acceptance, ctx.deadline).await {
            Ok(Outcome::Decided(answer)) => Ended::Stored(answer),
            Ok(Outcome::Replayed(answer)) => Ended::Replayed(answer),
            Ok(Outcome::OtherPayload) => Ended::OtherPayload,
            Err(error) => Ended::Failed(not_committed(error)),
        }
    }
}

fn not_committed(error: CommitError) -> Error {
    use florin_proto::common::v1::Reason as Common;
    match error {
        CommitError::Expired => {
            Error::new(Common::DeadlineExceeded, "the deadline passed before the order's turn")
        }
        CommitError::QueueFull => Error::new(Common::Overloaded, "too many orders wait")
            .with("layer", "committer")
            .with("cause", "queue"),
        CommitError::Stopped => Error::new(Common::Unavailable, "this replica is stopping")
            .with("layer", "committer")
            .with("cause", "shutdown"),
        CommitError::Failed(StoreError::Locked) => keyed::in_use(),
        CommitError::Failed(error) => internal(error),
    }
}
