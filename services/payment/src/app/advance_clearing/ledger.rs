//! What the worker asks of the ledger, and what the answers mean.

use std::{collections::BTreeMap, time::Instant};

use florin_events::position;
use florin_kernel::{EventId, Kind, Role, TransactionId, TransferId};
use florin_proto::{
    ErrorReason as _,
    account::v1::{
        Capture, Hold, HoldStatus, PlaceHoldRequest, PostTransactionsRequest, Reason,
        ReferenceToVoid, ReleaseHoldRequest, TransactionRequest, VoidReferencesRequest,
        account_service_client::AccountServiceClient, transaction_result::Outcome,
        void_result::Outcome as VoidOutcome,
    },
    common::v1::{Initiator, Refusal},
    wire_money,
};
use florin_rpc::{CallContext, Error, Retry, worker_context};
use prost::Message as _;

use super::ClearingWorker;
use crate::{
    app::{
        Payment,
        advance_transfers::{failure_for, wire_leg},
    },
    domain::{Failure, Posting},
    store::Record,
};

const PLACE_HOLD: &str = "/florin.account.v1.AccountService/PlaceHold";
const RELEASE_HOLD: &str = "/florin.account.v1.AccountService/ReleaseHold";
const POST_TRANSACTIONS: &str = "/florin.account.v1.AccountService/PostTransactions";
const VOID_REFERENCES: &str = "/florin.account.v1.AccountService/VoidReferences";
const REUSED: &str = "REFERENCE_REUSED";

/// What the ledger has told.
pub(in crate::app) enum Told<T> {
    /// Done, now or in an earlier attempt.
    Done(T),
    /// Decided against; an earlier attempt may have been let through.
    Refused(Failure),
    /// Nobody knows.
    Unclear(String),
    /// The reference stands for other content.
    Reused(String),
    /// It takes no such request: people have to look.
    Stuck(String),
}

/// A journal transaction that stands.
pub(in crate::app) struct Booked {
    /// It.
    pub(in crate::app) transaction: TransactionId,
    /// Its events.
    pub(in crate::app) events: Vec<EventId>,
    captured: Vec<Hold>,
}

impl Booked {
    /// How many holds went into it.
    pub(in crate::app) const fn captures(&self) -> usize {
        self.captured.len()
    }

    /// Whether the hold went into it, so that nothing of it is set aside any more.
    pub(in crate::app) fn has_captured(&self, hold_reference: &str) -> bool {
        let is = |hold: &Hold| hold.reference == hold_reference;
        let hold = self.captured.iter().find(|hold| is(hold));
        hold.is_some_and(|hold| hold.status() == HoldStatus::Captured)
    }
}

impl ClearingWorker {
    /// Sets amount and fee of a transfer aside, without a time at which they would be given back.
    pub(super) async fn place_hold(&self, record: &Record, reference: &str) -> Told<()> {
        let transfer = &record.transfer;
        let Some(total) = transfer.order().total() else {
            return Told::Stuck("its amount and fee leave 64 bits".to_owned());
        };
        let debtor = transfer.order().route().debtor();
        let request = PlaceHoldRequest {
            reference: reference.to_owned(),
            account_id: debtor.map(|id| id.to_string()).unwrap_or_default(),
            amount: Some(wire_money(total)),
            correlation: transfer.id().to_string(),
            initiator: Initiator::decode(record.initiator.as_slice()).ok(),
            ..PlaceHoldRequest::default()
        };
        self.payment.place(request).await
    }

    /// Gives back what is set aside.
    pub(super) async fn release(
        &self,
        id: TransferId,
        reference: &str,
        hold_reference: &str,
    ) -> Told<()> {
        let request = ReleaseHoldRequest {
            reference: reference.to_owned(),
            hold_reference: hold_reference.to_owned(),
            correlation: id.to_string(),
            ..ReleaseHoldRequest::default()
        };
        self.payment.give_back(request).await
    }
}

impl Payment {
    pub(in crate::app) fn ledger_ctx(&self) -> CallContext {
        let deadline = Instant::now().checked_add(self.config.ledger_timeout());
        CallContext { deadline, ..worker_context(Role::Payment) }
    }

    /// Sets an amount aside.
    pub(in crate::app) async fn place(&self, request: PlaceHoldRequest) -> Told<()> {
        let answer = self
            .postings
            .call(&self.ledger_ctx(), PLACE_HOLD, Retry::Never, request, |channel, request| async {
                AccountServiceClient::new(channel).place_hold(request).await
            })
            .await;
        answer.map_or_else(|error| of_error(&error), |_| Told::Done(()))
    }

    /// Gives back what is set aside, or a part of it.
    pub(in crate::app) async fn give_back(&self, request: ReleaseHoldRequest) -> Told<()> {
        let answer = self
            .postings
            .call(
                &self.ledger_ctx(),
                RELEASE_HOLD,
                Retry::Never,
                request,
                |channel, request| async {
                    AccountServiceClient::new(channel).release_hold(request).await
                },
            )
            .await;
        answer.map_or_else(|error| of_error(&error), |_| Told::Done(()))
    }

    /// Posts one journal transaction.
    pub(in crate::app) async fn post(&self, transaction: TransactionRequest) -> Told<Booked> {
        let request = PostTransactionsRequest { transactions: vec![transaction] };
        let answer = self
            .postings
            .call(
                &self.ledger_ctx(),
                POST_TRANSACTIONS,
                Retry::Never,
                request,
                |channel, request| async {
                    AccountServiceClient::new(channel).post_transactions(request).await
                },
            )
            .await;
        let result = match answer {
            Ok(answer) => answer.results.into_iter().next().and_then(|result| result.outcome),
            Err(error) => return of_error(&error),
        };
        match result {
            Some(Outcome::Posted(posted)) => match posted.transaction_id.parse() {
                Ok(transaction) => Told::Done(Booked {
                    transaction,
                    events: position::decode(&posted.position).unwrap_or_default(),
                    captured: posted.captured_holds,
                }),
                Err(error) => {
                    Told::Stuck(format!("transaction {:?} {error}", posted.transaction_id))
                }
            },
            Some(Outcome::Refused(refusal)) => of_refusal(refusal),
            None => Told::Stuck("the ledger answered without an outcome".to_owned()),
        }
    }

    /// Has the ledger take nothing any more under a reference. Refused where it stands for
    /// something that was done.
    pub(in crate::app) async fn void(&self, reference: &str, cause: &str) -> Told<()> {
        match self.void_or_posted(reference, cause).await {
            Told::Done(None) => Told::Done(()),
            Told::Done(Some(posted)) => Told::Refused(done(format!("{posted} was posted"))),
            Told::Refused(failure) => Told::Refused(failure),
            Told::Unclear(cause) => Told::Unclear(cause),
            Told::Reused(cause) => Told::Reused(cause),
            Told::Stuck(cause) => Told::Stuck(cause),
        }
    }

    /// As `void`, but done also where a journal transaction stands under the reference: then
    /// its id.
    pub(in crate::app) async fn void_or_posted(
        &self,
        reference: &str,
        cause: &str,
    ) -> Told<Option<String>> {
        let reference =
            ReferenceToVoid { reference: reference.to_owned(), cause: cause.to_owned() };
        let request = VoidReferencesRequest { references: vec![reference] };
        let answer = self
            .postings
            .call(
                &self.ledger_ctx(),
                VOID_REFERENCES,
                Retry::Never,
                request,
                |channel, request| async {
                    AccountServiceClient::new(channel).void_references(request).await
                },
            )
            .await;
        let result = match answer {
            Ok(answer) => answer.results.into_iter().next().and_then(|result| result.outcome),
            Err(error) => return of_error(&error),
        };
        match result {
            Some(VoidOutcome::Voided(_)) => Told::Done(None),
            Some(VoidOutcome::Posted(posted)) => Told::Done(Some(posted.transaction_id)),
            Some(VoidOutcome::Refused(refusal)) => Told::Refused(done(refusal.message)),
            None => Told::Stuck("the ledger answered without an outcome".to_owned()),
        }
    }
}

/// A reference that cannot be voided: something was done under it.
fn done(message: String) -> Failure {
    let (reason, domain) = (REUSED.to_owned(), "account.florin.bank".to_owned());
    Failure { reason, domain, message, facts: [].into() }
}

/// What a refusal means whose reference an earlier attempt voided and could not write down: the
/// reason is that of the refusal then.
fn voided<T>(reason: &str, facts: &BTreeMap<String, String>) -> Option<Told<T>> {
    let cause = facts.get("cause").filter(|_| reason == Reason::ReferenceVoided.known().name)?;
    Some(Told::Refused(failure_for(cause)))
}

fn of_error<T>(error: &Error) -> Told<T> {
    let text = format!("{}: {}", error.reason(), error.message());
    if error.reason() == REUSED {
        return Told::Reused(text);
    }
    if let Some(told) = voided(error.reason(), error.metadata()) {
        return told;
    }
    match error.kind() {
        Kind::Refused | Kind::NotFound => Told::Refused(Failure {
            reason: error.reason().to_owned(),
            domain: error.domain().to_owned(),
            message: error.message().to_owned(),
            facts: error.metadata().clone(),
        }),
        Kind::Aborted
        | Kind::Exhausted
        | Kind::Deadline
        | Kind::Unavailable
        | Kind::Cancelled
        | Kind::Unimplemented
        | Kind::Unauthenticated
        | Kind::Forbidden
        | Kind::Internal => Told::Unclear(text),
        Kind::Invalid | Kind::Unprocessable | Kind::Conflict | Kind::TooLarge => Told::Stuck(text),
    }
}

fn of_refusal<T>(refusal: Refusal) -> Told<T> {
    let text = format!("{}: {}", refusal.reason, refusal.message);
    if refusal.reason == REUSED {
        return Told::Reused(text);
    }
    let facts: BTreeMap<_, _> = refusal.metadata.into_iter().collect();
    if let Some(told) = voided(&refusal.reason, &facts) {
        return told;
    }
    match florin_proto::reason_kind(&refusal.domain, &refusal.reason) {
        Some(Kind::Refused | Kind::NotFound) => Told::Refused(Failure {
            reason: refusal.reason,
            domain: refusal.domain,
            message: refusal.message,
            facts,
        }),
        Some(
            Kind::Aborted | Kind::Exhausted | Kind::Deadline | Kind::Unavailable | Kind::Cancelled,
        ) => Told::Unclear(text),
        Some(
            Kind::Invalid
            | Kind::Unprocessable
            | Kind::Unauthenticated
            | Kind::Forbidden
            | Kind::Conflict
            | Kind::TooLarge
            | Kind::Unimplemented
            | Kind::Internal,
        )
        | None => Told::Stuck(text),
    }
}

/// A capture of all that a hold has.
pub(in crate::app) fn whole(hold_reference: String) -> Capture {
    Capture { hold_reference, ..Capture::default() }
}

/// The request of a posting for a transfer.
pub(in crate::app) fn request(
    reference: String,
    posting: &Posting,
    record: &Record,
) -> TransactionRequest {
    TransactionRequest {
        reference,
        kind: posting.kind.to_owned(),
        legs: posting.legs.iter().map(wire_leg).collect(),
        description: record.transfer.order().description().to_owned(),
        correlation: record.transfer.id().to_string(),
        initiator: Initiator::decode(record.initiator.as_slice()).ok(),
        ..TransactionRequest::default()
    }
}
