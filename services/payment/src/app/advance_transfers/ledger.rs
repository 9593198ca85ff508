//! The calls of the ledger and what its answers decide.

use std::{collections::BTreeMap, time::Instant};

use florin_events::position;
use florin_kernel::{EventId, Kind, Role, TransactionId};
use florin_proto::{
    ErrorReason as _, KnownReason,
    account::v1::{
        self as wire, PostTransactionsRequest, PostedTransaction, Reason, ReferenceToVoid,
        TransactionRequest, TransactionResult, VoidReferencesRequest, VoidResult,
        account_service_client::AccountServiceClient, leg, transaction_result::Outcome,
        void_result::Outcome as VoidOutcome,
    },
    common::v1::{Direction, Initiator, Reason as Common, Refusal},
    wire_money,
};
use florin_rpc::{CallContext, Error, Retry, worker_context};
use prost::Message;

use super::Worker;
use crate::{
    app::Payment,
    domain::{Failure, Leg, Posting, Side, Target, posting_reference},
    store::Record,
};

const POST_TRANSACTIONS: &str = "/florin.account.v1.AccountService/PostTransactions";
const VOID_REFERENCES: &str = "/florin.account.v1.AccountService/VoidReferences";

/// What the ledger's answer means for a transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Posted, now or in an earlier attempt.
    Posted {
        /// The journal transaction.
        transaction: TransactionId,
        /// Its events.
        events: Vec<EventId>,
    },
    /// Decided against; this call posted nothing, an earlier one may yet: why the reference is
    /// not void.
    Refused(Failure, String),
    /// Decided against, and nothing is ever posted under the reference.
    Void(Failure),
    /// Nobody knows, for this reason: it is tried again under the same reference.
    Undecided(String),
    /// As undecided, but another attempt will not help by itself: a human has to look.
    Stuck(String),
}

/// A transfer and what the ledger's answer means for it.
pub(super) type Judged<'r> = (&'r Record, Verdict);

impl Worker {
    /// One verdict a transfer, in order. A call that is refused as a whole, for something
    /// that another attempt would not change, is split in halves until the transfer at fault
    /// stands alone, and is stuck; an absent ledger leaves all undecided.
    pub(super) async fn post(&self, records: &[Record], deadline: Option<Instant>) -> Vec<Verdict> {
        let mut verdicts = Vec::with_capacity(records.len());
        let mut groups = vec![records];
        while let Some(group) = groups.pop() {
            let ctx = CallContext { deadline, ..worker_context(Role::Payment) };
            match self.call(group, &ctx).await {
                Ok(answers) => verdicts.extend(answers),
                Err(error) if group.len() > 1 && is_about_content(&error) => {
                    let (left, right) = group.split_at(group.len() / 2);
                    groups.push(right);
                    groups.push(left);
                }
                Err(error) => {
                    let cause = cause_of(&error, &ctx);
                    if is_about_content(&error) {
                        verdicts.extend(group.iter().map(|one| alarm(one, cause.clone())));
                        continue;
                    }
                    if let Some(first) = group.first() {
                        not_decided(first, group.len(), &cause);
                    }
                    verdicts.extend(group.iter().map(|_| Verdict::Undecided(cause.clone())));
                }
            }
        }
        verdicts
    }

    async fn call(&self, records: &[Record], ctx: &CallContext) -> Result<Vec<Verdict>, Error> {
        let transactions = records.iter().map(request_of).collect::<Result<Vec<_>, _>>()?;
        let request = PostTransactionsRequest { transactions };
        // The worker itself is the one layer that retries.
        let answer = self
            .payment
            .postings
            .call(ctx, POST_TRANSACTIONS, Retry::Never, request, |channel, request| async {
                AccountServiceClient::new(channel).post_transactions(request).await
            })
            .await?;
        if answer.results.len() != records.len() {
            let got = answer.results.len();
            let text = format!("{got} results of the ledger for {} transfers", records.len());
            return Err(Error::internal(text));
        }
        Ok(records.iter().zip(answer.results).map(|(record, one)| verdict(record, one)).collect())
    }
}

impl Worker {
    /// Has the ledger void the references of those that it refused, with one call; only then is
    /// a refusal the end. Those that an earlier call has posted meanwhile are told as posted.
    /// Without an answer a refusal stays what it was, and says why. A call that fails for what
    /// is in it is split, as one that posts.
    ///
    /// The call has a deadline of its own: a void is right at any time, and what the posting
    /// left of its time may be too little, attempt after attempt.
    pub(super) async fn void_refused<'r>(&self, refused: Vec<Judged<'r>>) -> Vec<Judged<'r>> {
        let deadline = Instant::now().checked_add(self.payment.config.ledger_timeout());
        let mut judged = Vec::with_capacity(refused.len());
        let mut groups = vec![refused];
        while let Some(mut group) = groups.pop() {
            if group.is_empty() {
                continue;
            }
            let ctx = CallContext { deadline, ..worker_context(Role::Payment) };
            match self.void(&group, &ctx).await {
                Ok(results) => {
                    let told = group.into_iter().zip(results);
                    judged.extend(told.map(|((record, verdict), result)| {
                        (record, voided(record, verdict, result))
                    }));
                }
                Err(error) if group.len() > 1 && is_about_content(&error) => {
                    groups.push(group.split_off(group.len() / 2));
                    groups.push(group);
                }
                Err(error) => {
                    let cause = cause_of(&error, &ctx);
                    if !is_about_content(&error)
                        && let Some((first, _)) = group.first()
                    {
                        not_decided(first, group.len(), &cause);
                    }
                    judged.extend(group.into_iter().map(|(record, verdict)| {
                        (record, not_voided(record, verdict, &error, &cause))
                    }));
                }
            }
        }
        judged
    }

    async fn void(
        &self,
        refused: &[Judged<'_>],
        ctx: &CallContext,
    ) -> Result<Vec<VoidResult>, Error> {
        let references = refused.iter().filter_map(|(record, verdict)| {
            let Verdict::Refused(failure, _) = verdict else { return None };
            let reference = posting_reference(record.transfer.id());
            Some(ReferenceToVoid { reference, cause: failure.reason.clone() })
        });
        self.payment.void_references(ctx, references.collect()).await
    }
}

impl Payment {
    /// Asks the ledger to void references: one result each, in order.
    pub(in crate::app) async fn void_references(
        &self,
        ctx: &CallContext,
        references: Vec<ReferenceToVoid>,
    ) -> Result<Vec<VoidResult>, Error> {
        let asked = references.len();
        let request = VoidReferencesRequest { references };
        let answer = self
            .postings
            .call(ctx, VOID_REFERENCES, Retry::Never, request, |channel, request| async {
                AccountServiceClient::new(channel).void_references(request).await
            })
            .await?;
        if answer.results.len() != asked {
            let got = answer.results.len();
            let text = format!("{got} results of the ledger for {asked} references");
            return Err(Error::internal(text));
        }
        Ok(answer.results)
    }
}

/// The verdict on a refused transfer after the ledger was asked to void its reference.
fn voided(record: &Record, refused: Verdict, result: VoidResult) -> Verdict {
    let transfer = record.transfer.id();
    if result.reference != posting_reference(transfer) {
        return alarm(record, format!("the ledger answered about {:?}", result.reference));
    }
    match (result.outcome, refused) {
        // Another worker may have voided it before, for a refusal of its own: that one stands.
        (Some(VoidOutcome::Voided(void)), Verdict::Refused(failure, _)) => {
            let first = void.cause == failure.reason;
            Verdict::Void(if first { failure } else { failure_for(&void.cause) })
        }
        (Some(VoidOutcome::Posted(posted)), _) => posted_by(record, &posted),
        (Some(VoidOutcome::Refused(refusal)), _) => alarm(record, told(&refusal)),
        (Some(VoidOutcome::Voided(_)) | None, _) => {
            alarm(record, "the ledger answered without an outcome".to_owned())
        }
    }
}

/// The verdict on a refused transfer whose reference could not be voided.
fn not_voided(record: &Record, refused: Verdict, error: &Error, cause: &str) -> Verdict {
    match refused {
        Verdict::Refused(failure, _) if is_about_content(error) => {
            alarm(record, format!("{}, and its reference is not void: {cause}", failure.reason))
        }
        Verdict::Refused(failure, _) => Verdict::Refused(failure, cause.to_owned()),
        other @ (Verdict::Posted { .. }
        | Verdict::Void(_)
        | Verdict::Undecided(_)
        | Verdict::Stuck(_)) => other,
    }
}

/// Why a call failed. The ledger's log tells more under the same request id.
fn cause_of(error: &Error, ctx: &CallContext) -> String {
    format!("{}: {} (request {})", error.reason(), error.message(), ctx.request_id)
}

/// Says so of a group whose first comes back for the 1st, 2nd, 4th, 8th time, and so on: a
/// ledger that is away for long fills no log.
fn not_decided(first: &Record, transfers: usize, cause: &str) {
    let (transfer, attempts) = (first.transfer.id(), first.attempts);
    if u64::try_from(attempts).is_ok_and(u64::is_power_of_two) {
        tracing::warn!(transfers, %transfer, attempts, cause, "the ledger decided nothing");
    }
}

/// Whether the call failed for what was in it, so that a smaller one may pass.
const fn is_about_content(error: &Error) -> bool {
    match error.kind() {
        Kind::Invalid
        | Kind::Unprocessable
        | Kind::NotFound
        | Kind::Conflict
        | Kind::Refused
        | Kind::TooLarge
        | Kind::Internal => true,
        Kind::Unauthenticated
        | Kind::Forbidden
        | Kind::Aborted
        | Kind::Exhausted
        | Kind::Deadline
        | Kind::Unavailable
        | Kind::Unimplemented
        | Kind::Cancelled => false,
    }
}

fn request_of(record: &Record) -> Result<TransactionRequest, Error> {
    let transfer = &record.transfer;
    let Posting { kind, legs } = Posting::of(transfer.order());
    let initiator = Initiator::decode(record.initiator.as_slice())
        .map_err(|error| Error::internal(format!("initiator of {}: {error}", transfer.id())))?;
    Ok(TransactionRequest {
        reference: posting_reference(transfer.id()),
        kind: kind.to_owned(),
        legs: legs.iter().map(wire_leg).collect(),
        description: transfer.order().description().to_owned(),
        correlation: transfer.id().to_string(),
        initiator: Some(initiator),
        ..TransactionRequest::default()
    })
}

/// A leg as the ledger takes it.
pub(in crate::app) fn wire_leg(leg: &Leg) -> wire::Leg {
    let target = match &leg.target {
        Target::Account(id) => leg::Target::AccountId(id.to_string()),
        Target::Gl(code) => leg::Target::GlCode(code.clone()),
    };
    let direction = match leg.side {
        Side::Debit => Direction::Debit,
        Side::Credit => Direction::Credit,
    };
    wire::Leg {
        target: Some(target),
        direction: direction.into(),
        amount: Some(wire_money(leg.amount)),
        counterparty: leg.counterparty.clone(),
    }
}

fn verdict(record: &Record, result: TransactionResult) -> Verdict {
    let transfer = record.transfer.id();
    if result.reference != posting_reference(transfer) {
        return alarm(record, format!("the ledger answered about {:?}", result.reference));
    }
    match result.outcome {
        Some(Outcome::Posted(posted)) => posted_by(record, &posted),
        Some(Outcome::Refused(refusal)) => {
            let text = told(&refusal);
            match florin_proto::reason_kind(&refusal.domain, &refusal.reason) {
                Some(Kind::Refused | Kind::NotFound) => refused_for(refusal),
                Some(
                    Kind::Aborted
                    | Kind::Exhausted
                    | Kind::Deadline
                    | Kind::Unavailable
                    | Kind::Cancelled,
                ) => Verdict::Undecided(text),
                // A reused reference may have moved the money; a malformed item is a defect
                // of ours. Neither says that the transfer ended unpaid.
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
                | None => alarm(record, text),
            }
        }
        None => alarm(record, "the ledger answered without an outcome".to_owned()),
    }
}

/// The verdict of a refusal that the ledger has decided.
pub(super) fn refused_for(refusal: Refusal) -> Verdict {
    if is_void(&refusal) {
        let cause = refusal.metadata.get("cause").map_or("", String::as_str);
        return Verdict::Void(failure_for(cause));
    }
    let failure = Failure {
        reason: refusal.reason,
        domain: refusal.domain,
        message: refusal.message,
        facts: refusal.metadata.into_iter().collect(),
    };
    Verdict::Refused(failure, "the ledger was not asked yet".to_owned())
}

fn is_void(refusal: &Refusal) -> bool {
    let void = Reason::ReferenceVoided.known();
    (refusal.reason.as_str(), refusal.domain.as_str()) == (void.name, void.domain)
}

pub(super) fn posted_by(record: &Record, posted: &PostedTransaction) -> Verdict {
    match posted.transaction_id.parse() {
        // A token that is none is left out: it only spares a reader a wait.
        Ok(transaction) => Verdict::Posted {
            transaction,
            events: position::decode(&posted.position).unwrap_or_default(),
        },
        Err(error) => alarm(record, format!("transaction {:?} {error}", posted.transaction_id)),
    }
}

/// Why a transfer failed whose reference another attempt had voided: the reason is that of the
/// refusal then, as the contract knows it; its facts went with the attempt.
pub(in crate::app) fn failure_for(cause: &str) -> Failure {
    let void = Reason::ReferenceVoided.known();
    let known = [void.domain, Common::InvalidRequest.known().domain]
        .into_iter()
        .find_map(|domain| florin_proto::known_reason(domain, cause));
    let facts = match known {
        Some(_) => BTreeMap::new(),
        None => BTreeMap::from([("cause".to_owned(), cause.to_owned())]),
    };
    let KnownReason { name, domain, .. } = *known.unwrap_or(&void);
    let message = "the ledger refused it in an earlier attempt".to_owned();
    Failure { reason: name.to_owned(), domain: domain.to_owned(), message, facts }
}

/// A refusal in words, with the fields at fault.
fn told(refusal: &Refusal) -> String {
    let fields = refusal.violations.iter().map(|one| format!("; {}: {}", one.field, one.rule));
    format!("{}: {}{}", refusal.reason, refusal.message, fields.collect::<String>())
}

/// Undecided, and a human has to look: trying again will not help by itself.
pub(super) fn alarm(record: &Record, cause: String) -> Verdict {
    let (transfer, attempts) = (record.transfer.id(), record.attempts);
    tracing::error!(%transfer, attempts, %cause, "a transfer is stuck in POSTING");
    Verdict::Stuck(cause)
}
