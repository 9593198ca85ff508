//! The call of the ledger and what its answer decides.

use std::time::Instant;

use florin_events::position;
use florin_kernel::{EventId, Kind, Role, TransactionId};
use florin_proto::{
    account::v1::{
        self as wire, PostTransactionsRequest, TransactionRequest, TransactionResult,
        account_service_client::AccountServiceClient, leg, transaction_result::Outcome,
    },
    common::v1::{Direction, Initiator, Refusal},
    wire_money,
};
use florin_rpc::{CallContext, Error, Retry, worker_context};
use prost::Message;

use super::Worker;
use crate::{
    domain::{Failure, Leg, Posting, Side, Target, posting_reference},
    store::Record,
};

const POST_TRANSACTIONS: &str = "/florin.account.v1.AccountService/PostTransactions";

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
    /// Decided against; nothing was posted.
    Refused(Failure),
    /// The ledger was not asked, for this reason: no call left this process.
    NotAsked(String),
    /// Nobody knows, for this reason: it is tried again under the same reference.
    Undecided(String),
    /// As undecided, but another attempt will not help by itself: a human has to look.
    Stuck(String),
}

impl Worker {
    /// One verdict a transfer, in order. A call that is refused as a whole, for something
    /// that another attempt would not change, is split in halves until the transfer at fault
    /// stands alone, and is stuck; an absent ledger leaves all undecided.
    pub(super) async fn post(&self, records: &[Record], deadline: Option<Instant>) -> Vec<Verdict> {
        let mut verdicts = Vec::with_capacity(records.len());
        // With each group whether it was part of a larger call, which may yet have an effect.
        let mut groups = vec![(records, false)];
        while let Some((group, was_asked)) = groups.pop() {
            let ctx = CallContext { deadline, ..worker_context(Role::Payment) };
            match self.call(group, &ctx).await {
                Ok(answers) => verdicts.extend(answers),
                Err(error) if group.len() > 1 && is_about_content(&error) => {
                    let (left, right) = group.split_at(group.len() / 2);
                    groups.push((right, true));
                    groups.push((left, true));
                }
                Err(error) => {
                    // The ledger's log tells more under the same request id.
                    let (reason, message) = (error.reason(), error.message());
                    let cause = format!("{reason}: {message} (request {})", ctx.request_id);
                    if is_about_content(&error) {
                        verdicts.extend(group.iter().map(|one| alarm(one, cause.clone())));
                        continue;
                    }
                    not_decided(group, &cause);
                    let unasked = !was_asked && self.payment.postings.refused_unasked(&error);
                    let verdict = if unasked { Verdict::NotAsked } else { Verdict::Undecided };
                    verdicts.extend(group.iter().map(|_| verdict(cause.clone())));
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

/// Says so of a group whose first comes back for the 1st, 2nd, 4th, 8th time, and so on: a
/// ledger that is away for long fills no log.
fn not_decided(group: &[Record], cause: &str) {
    let Some(first) = group.first() else { return };
    let (transfer, attempts) = (first.transfer.id(), first.attempts);
    if u64::try_from(attempts).is_ok_and(u64::is_power_of_two) {
        let transfers = group.len();
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

fn wire_leg(leg: &Leg) -> wire::Leg {
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
        Some(Outcome::Posted(posted)) => match posted.transaction_id.parse() {
            // A token that is none is left out: it only spares a reader a wait.
            Ok(transaction) => Verdict::Posted {
                transaction,
                events: position::decode(&posted.position).unwrap_or_default(),
            },
            Err(error) => alarm(record, format!("transaction {:?} {error}", posted.transaction_id)),
        },
        Some(Outcome::Refused(refusal)) => {
            let text = told(&refusal);
            match florin_proto::reason_kind(&refusal.domain, &refusal.reason) {
                Some(Kind::Refused | Kind::NotFound) => Verdict::Refused(Failure {
                    reason: refusal.reason,
                    domain: refusal.domain,
                    message: refusal.message,
                    facts: refusal.metadata.into_iter().collect(),
                }),
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

/// A refusal in words, with the fields at fault.
fn told(refusal: &Refusal) -> String {
    let fields = refusal.violations.iter().map(|one| format!("; {}: {}", one.field, one.rule));
    format!("{}: {}{}", refusal.reason, refusal.message, fields.collect::<String>())
}

/// Undecided, and a human has to look: trying again will not help by itself.
fn alarm(record: &Record, cause: String) -> Verdict {
    let (transfer, attempts) = (record.transfer.id(), record.attempts);
    tracing::error!(%transfer, attempts, %cause, "a transfer is stuck in POSTING");
    Verdict::Stuck(cause)
}
