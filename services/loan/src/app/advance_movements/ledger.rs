//! The calls of the ledger and what its answers decide.

use std::{collections::BTreeMap, time::Instant};

use florin_kernel::{Kind, Role, TransactionId};
use florin_proto::{
    ErrorReason as _, KnownReason,
    account::v1::{
        PostTransactionsRequest, PostedTransaction, Reason, ReferenceToVoid, TransactionRequest,
        TransactionResult, VoidReferencesRequest, VoidResult,
        account_service_client::AccountServiceClient, transaction_result::Outcome,
        void_result::Outcome as VoidOutcome,
    },
    common::v1::{Reason as Common, Refusal},
};
use florin_rpc::{CallContext, Error, Retry, worker_context};
use prost::Message as _;

use super::{Judged, Worker};
use crate::{domain::movement::Failure, store::movements::Stored};

const POST_TRANSACTIONS: &str = "/florin.account.v1.AccountService/PostTransactions";
const VOID_REFERENCES: &str = "/florin.account.v1.AccountService/VoidReferences";
/// Why the reference of a movement is void that somebody has had undone.
const UNDONE: &str = "UNDONE";

/// What the ledger's answer means for a movement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Posted, now or in an earlier attempt, and on which date it was booked.
    Posted(TransactionId, String),
    /// Decided against; this call posted nothing, an earlier one may yet.
    Refused(Failure),
    /// Decided against, and nothing is ever posted under the reference.
    Void(Failure),
    /// Nobody knows, for this reason: it is tried again under the same reference.
    Undecided(String),
    /// As undecided, but another attempt will not help by itself: a human has to look.
    Stuck(String),
}

impl Verdict {
    /// That of somebody who has it undone.
    pub(super) fn undone() -> Self {
        Self::Refused(Failure {
            reason: UNDONE.to_owned(),
            domain: Reason::ReferenceVoided.domain().to_owned(),
            message: "it was taken back".to_owned(),
            facts: BTreeMap::new(),
        })
    }

    /// Whether the movement ends with it.
    pub(super) const fn is_end(&self) -> bool {
        matches!(self, Self::Posted(..) | Self::Void(_))
    }
}

impl Worker {
    /// One verdict a movement, in order. A call that is refused as a whole, for something
    /// that another attempt would not change, is split in halves until the movement at fault
    /// stands alone, and is stuck; an absent ledger leaves all undecided.
    pub(super) async fn post(&self, taken: &[Stored], deadline: Option<Instant>) -> Vec<Verdict> {
        let mut verdicts = Vec::with_capacity(taken.len());
        let mut groups = vec![taken];
        while let Some(group) = groups.pop() {
            if group.is_empty() {
                continue;
            }
            let ctx = CallContext { deadline, ..worker_context(Role::Loan) };
            match self.call(group, &ctx).await {
                Ok(answers) => verdicts.extend(answers),
                Err(error) if group.len() > 1 && is_about_content(&error) => {
                    let (left, right) = group.split_at(group.len() / 2);
                    groups.push(right);
                    groups.push(left);
                }
                Err(error) => {
                    let failed = |one: &Stored| not_decided(one, &error, &ctx);
                    verdicts.extend(group.iter().map(failed));
                }
            }
        }
        verdicts
    }

    async fn call(&self, taken: &[Stored], ctx: &CallContext) -> Result<Vec<Verdict>, Error> {
        let transactions = taken.iter().map(request_of).collect::<Result<Vec<_>, _>>()?;
        let request = PostTransactionsRequest { transactions };
        // The worker itself is the one layer that retries.
        let post = |channel, request| async {
            AccountServiceClient::new(channel).post_transactions(request).await
        };
        let ledger = &self.lending.postings;
        let answer = ledger.call(ctx, POST_TRANSACTIONS, Retry::Never, request, post).await?;
        must_be_of_all(answer.results.len(), taken.len())?;
        Ok(taken.iter().zip(answer.results).map(|(one, result)| verdict(one, result)).collect())
    }

    /// Has the ledger void the references of those that it refused, with one call; only then is
    /// a refusal the end. Those that an earlier call has posted meanwhile are told as posted.
    /// The call has a deadline of its own: a void is right at any time, and what the posting
    /// left of its time may be too little, attempt after attempt.
    pub(super) async fn void(&self, refused: Vec<Judged>) -> Vec<Judged> {
        let timeout = self.lending.config.ledger_timeout();
        let deadline = Instant::now().checked_add(timeout);
        let mut judged = Vec::with_capacity(refused.len());
        let mut groups = vec![refused];
        while let Some(mut group) = groups.pop() {
            if group.is_empty() {
                continue;
            }
            let ctx = CallContext { deadline, ..worker_context(Role::Loan) };
            match self.ask_to_void(&group, &ctx).await {
                Ok(results) => {
                    judged.extend(group.into_iter().zip(results).map(|((one, refused), result)| {
                        let verdict = voided(&one, refused, result);
                        (one, verdict)
                    }))
                }
                Err(error) if group.len() > 1 && is_about_content(&error) => {
                    groups.push(group.split_off(group.len() / 2));
                    groups.push(group);
                }
                Err(error) => judged.extend(group.into_iter().map(|(one, _)| {
                    let verdict = not_decided(&one, &error, &ctx);
                    (one, verdict)
                })),
            }
        }
        judged
    }

    async fn ask_to_void(
        &self,
        refused: &[Judged],
        ctx: &CallContext,
    ) -> Result<Vec<VoidResult>, Error> {
        let references = refused.iter().map(|(one, verdict)| {
            let cause = match verdict {
                Verdict::Refused(failure) | Verdict::Void(failure) => failure.reason.clone(),
                Verdict::Posted(..) | Verdict::Undecided(_) | Verdict::Stuck(_) => {
                    UNDONE.to_owned()
                }
            };
            ReferenceToVoid { reference: one.movement.reference.clone(), cause }
        });
        let request = VoidReferencesRequest { references: references.collect() };
        let void = |channel, request| async {
            AccountServiceClient::new(channel).void_references(request).await
        };
        let ledger = &self.lending.postings;
        let answer = ledger.call(ctx, VOID_REFERENCES, Retry::Never, request, void).await?;
        must_be_of_all(answer.results.len(), refused.len())?;
        Ok(answer.results)
    }
}

fn must_be_of_all(got: usize, asked: usize) -> Result<(), Error> {
    if got == asked {
        return Ok(());
    }
    Err(Error::internal(format!("{got} results of the ledger for {asked} movements")))
}

/// The journal transaction that was decided with the movement.
fn request_of(one: &Stored) -> Result<TransactionRequest, Error> {
    TransactionRequest::decode(one.request.as_slice())
        .map_err(|error| Error::internal(format!("request of {}: {error}", one.movement.reference)))
}

fn verdict(one: &Stored, result: TransactionResult) -> Verdict {
    if result.reference != one.movement.reference {
        return alarm(one, format!("the ledger answered about {:?}", result.reference));
    }
    match result.outcome {
        Some(Outcome::Posted(posted)) => posted_by(one, &posted),
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
                // of ours. Neither says that no money moved.
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
                | None => alarm(one, text),
            }
        }
        None => alarm(one, "the ledger answered without an outcome".to_owned()),
    }
}

/// The verdict of a refusal that the ledger has decided.
fn refused_for(refusal: Refusal) -> Verdict {
    let void = Reason::ReferenceVoided.known();
    if (refusal.reason.as_str(), refusal.domain.as_str()) == (void.name, void.domain) {
        let cause = refusal.metadata.get("cause").map_or("", String::as_str);
        return Verdict::Void(failure_for(cause));
    }
    Verdict::Refused(Failure {
        reason: refusal.reason,
        domain: refusal.domain,
        message: refusal.message,
        facts: refusal.metadata.into_iter().collect(),
    })
}

/// Why a movement failed whose reference another attempt had voided: the reason is that of the
/// refusal then, as the contract knows it; its facts went with the attempt.
fn failure_for(cause: &str) -> Failure {
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

/// The verdict on a refused movement after the ledger was asked to void its reference.
fn voided(one: &Stored, refused: Verdict, result: VoidResult) -> Verdict {
    if result.reference != one.movement.reference {
        return alarm(one, format!("the ledger answered about {:?}", result.reference));
    }
    match (result.outcome, refused) {
        // Another worker may have voided it before, for a refusal of its own: that one stands.
        (Some(VoidOutcome::Voided(void)), Verdict::Refused(failure)) => {
            let first = void.cause == failure.reason;
            Verdict::Void(if first { failure } else { failure_for(&void.cause) })
        }
        (Some(VoidOutcome::Posted(posted)), _) => posted_by(one, &posted),
        (Some(VoidOutcome::Refused(refusal)), _) => alarm(one, told(&refusal)),
        (Some(VoidOutcome::Voided(_)) | None, _) => {
            alarm(one, "the ledger answered without an outcome".to_owned())
        }
    }
}

fn posted_by(one: &Stored, posted: &PostedTransaction) -> Verdict {
    match posted.transaction_id.parse() {
        Ok(transaction) => Verdict::Posted(transaction, posted.booking_date.clone()),
        Err(error) => alarm(one, format!("transaction {:?} {error}", posted.transaction_id)),
    }
}

/// The verdict of a call that failed as a whole. The ledger's log tells more under the same
/// request id. Said for the 1st, 2nd, 4th, 8th time, and so on: a ledger that is away for long
/// fills no log.
fn not_decided(one: &Stored, error: &Error, ctx: &CallContext) -> Verdict {
    let (text, request) = (error.message(), &ctx.request_id);
    let cause = format!("{}: {text} (request {request})", error.reason());
    if is_about_content(error) {
        return alarm(one, cause);
    }
    if u64::try_from(one.attempts).is_ok_and(u64::is_power_of_two) {
        let (reference, attempts) = (&one.movement.reference, one.attempts);
        tracing::warn!(reference, attempts, cause, "the ledger decided nothing of a movement");
    }
    Verdict::Undecided(cause)
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

/// A refusal in words, with the fields at fault.
fn told(refusal: &Refusal) -> String {
    let fields = refusal.violations.iter().map(|one| format!("; {}: {}", one.field, one.rule));
    format!("{}: {}{}", refusal.reason, refusal.message, fields.collect::<String>())
}

/// Undecided, and a human has to look: trying again will not help by itself.
fn alarm(one: &Stored, cause: String) -> Verdict {
    let (reference, attempts) = (&one.movement.reference, one.attempts);
    tracing::error!(reference, attempts, %cause, "a movement of a loan is stuck");
    Verdict::Stuck(cause)
}
