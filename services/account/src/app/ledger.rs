//! The ledger as its handlers see it: the committer that every command on an account goes
//! through, and the database for reading.

use std::time::Instant;

use florin_events::Outbox;
use florin_kernel::{BankIdentity, Kind};
use florin_proto::common::v1::Initiator;
use florin_rpc::{CallContext, Dependency, Error, Peer};
use florin_runtime::{
    internal,
    keyed::{self, Ended},
};
use florin_store::{
    Database, StoreError, Tx, audit,
    commit::Committer,
    idempotency::{Key, Lookup, look_up},
};
use prost::Message;
use tonic::{Response, Status};

use super::{
    answer,
    batch::LedgerBatch,
    command::{Actor, AnswerOf, Command, Outcome, Work},
};

/// Handles of the ledger; clones share them.
#[derive(Clone)]
pub struct Ledger {
    /// The database of `account`.
    pub db: Database,
    /// Where events go that no batch writes.
    pub outbox: Outbox,
    /// The group commit.
    pub committer: Committer<LedgerBatch>,
    /// Where customers are asked about.
    pub cif: Dependency,
    /// Under which IBANs are issued.
    pub bank: BankIdentity,
}

impl Ledger {
    /// Has commands decided and committed, in their order as far as they share a batch.
    ///
    /// # Errors
    /// Overload, deadline, a database that is away.
    pub async fn submit(
        &self,
        commands: Vec<Command>,
        deadline: Option<Instant>,
    ) -> Result<Vec<Outcome>, Error> {
        let outcomes =
            self.committer.submit_many(commands, deadline).await.map_err(keyed::not_committed)?;
        outcomes.into_iter().map(|outcome| outcome.map_err(keyed::not_committed)).collect()
    }

    /// Has the commands of a call's items decided: what became of each, in its place. An item
    /// that could not be read, or at which the ledger itself fails, does not fail its
    /// neighbours.
    ///
    /// # Errors
    /// Overload, deadline, a database that is away: nothing is known of any item then, and the
    /// same call finds out.
    pub async fn submit_items(
        &self,
        commands: Vec<Result<Command, Error>>,
        deadline: Option<Instant>,
    ) -> Result<Vec<Result<Outcome, Error>>, Error> {
        let mut read = Vec::with_capacity(commands.len());
        let mut ends: Vec<Option<Error>> = Vec::with_capacity(commands.len());
        for command in commands {
            ends.push(command.map(|command| read.push(command)).err());
        }
        let outcomes = match read.is_empty() {
            true => Vec::new(),
            false => {
                self.committer.submit_many(read, deadline).await.map_err(keyed::not_committed)?
            }
        };
        let mut outcomes = outcomes.into_iter();
        let placed = ends.into_iter().map(|unread| {
            if let Some(error) = unread {
                return Ok(Err(error));
            }
            let none = || Error::internal("the committer gave no outcome");
            match outcomes.next().ok_or_else(none)?.map_err(keyed::not_committed) {
                Ok(outcome) => Ok(Ok(outcome)),
                Err(defect) if defect.kind() == Kind::Internal => Ok(Err(defect)),
                Err(error) => Err(error),
            }
        });
        placed.collect()
    }

    /// Runs one command under the client's idempotency key and answers with the stored bytes,
    /// the same for the first call and for every replay.
    ///
    /// # Errors
    /// The refusal, or why there is no outcome.
    pub async fn answer<Req: Message, Res: Message + Default>(
        &self,
        context: &CallContext,
        request: &Req,
        work: Work,
        answer_of: AnswerOf,
    ) -> Result<Response<Res>, Status> {
        let key = keyed::key_of(context, request)?;
        let submit = || self.under_key(context, key.clone(), work, answer_of);
        keyed::joined(&self.db, context, &key, submit).await
    }

    /// The stored answer of a key that was used before, so that a replay depends on nothing
    /// that is read on the way to a first execution.
    ///
    /// # Errors
    /// The stored refusal, or `IDEMPOTENCY_KEY_REUSED`.
    pub async fn replay<Req: Message, Res: Message + Default>(
        &self,
        context: &CallContext,
        request: &Req,
    ) -> Result<Option<Response<Res>>, Status> {
        let key = keyed::key_of(context, request)?;
        match look_up(self.db.read(), &key).await.map_err(internal)? {
            Lookup::New => Ok(None),
            Lookup::Replay(answer) => keyed::response_of(answer).map(Some),
            Lookup::OtherPayload => Err(keyed::other_payload().into()),
        }
    }

    async fn under_key(
        &self,
        context: &CallContext,
        key: Key,
        work: Work,
        answer_of: AnswerOf,
    ) -> Ended {
        let command = Command { work, key: Some((key, answer_of)), actor: actor(context) };
        match self.submit(vec![command], context.deadline).await {
            Err(error) => Ended::Failed(error),
            Ok(mut outcomes) => match outcomes.pop() {
                Some(Outcome::Answered(stored)) => Ended::Replayed(stored),
                Some(Outcome::KeyReused) => Ended::OtherPayload,
                Some(Outcome::Decided(answer)) => Ended::Stored(answer),
                // What time alone heals is not stored.
                Some(Outcome::Refused(refusal)) => Ended::Failed(answer::error(&refusal)),
                Some(_) | None => Ended::Failed(Error::internal("the committer gave no outcome")),
            },
        }
    }
}

/// Whether a service of the mesh calls for itself.
#[must_use]
pub fn is_service(context: &CallContext) -> bool {
    matches!(&context.peer, Peer::Role(role) if role.is_service())
}

/// Who set it going, as JSON for the audit: the one that a service names, else the caller.
/// Whoever came through the gateway or with a client's certificate names nobody else.
#[must_use]
pub fn initiator(context: &CallContext, named: Option<&Initiator>) -> String {
    let own = context.principal.to_initiator();
    let who = named.filter(|_| is_service(context)).unwrap_or(&own);
    serde_json::json!({
        "kind": who.kind().as_str_name(), "issuer": who.issuer, "subject": who.subject,
        "customer_id": who.customer_id, "client": who.client, "token_id": who.token_id,
        "scopes": who.scopes,
    })
    .to_string()
}

/// Records who changed something beside money, in the transaction of the change.
///
/// # Errors
/// Those of the database.
pub async fn record_audit(
    tx: &Tx,
    context: &CallContext,
    reference: &str,
) -> Result<(), StoreError> {
    let entry = audit::Entry {
        actor: context.principal.scope_key(),
        on_behalf_of: None,
        method: context.method.to_owned(),
        reference: reference.to_owned(),
        at: tx.now().await?,
    };
    audit::record(tx, entry).await
}

/// Who asks, for the audit.
#[must_use]
pub fn actor(context: &CallContext) -> Actor {
    Actor {
        principal: context.principal.scope_key(),
        method: context.method,
        request: context.request_id.clone(),
        traceparent: context.traceparent.clone(),
    }
}

/// In whose name a caller's references are unique: the role, or the client of the token.
#[must_use]
pub fn caller(context: &CallContext) -> String {
    context.caller()
}

/// The error of an outcome that is no success.
#[must_use]
pub fn refused(outcome: &Outcome) -> Option<Error> {
    match outcome {
        Outcome::Refused(refusal) => Some(answer::error(refusal)),
        Outcome::KeyReused => Some(keyed::other_payload()),
        Outcome::Posted { .. }
        | Outcome::Held { .. }
        | Outcome::Voided { .. }
        | Outcome::Account { .. }
        | Outcome::Previewed(_)
        | Outcome::Rehearsed(_)
        | Outcome::Passed
        | Outcome::SetAside
        | Outcome::Decided(_)
        | Outcome::Answered(_) => None,
    }
}
