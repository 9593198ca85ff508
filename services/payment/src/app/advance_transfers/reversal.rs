//! Reversals: the ledger itself undoes the journal transaction of the original, valued as that
//! was, and once only whoever asks.

use std::time::Instant;

use florin_kernel::{Kind, Role};
use florin_proto::{
    ErrorReason as _,
    account::v1::{
        Reason, ReverseTransactionRequest, account_service_client::AccountServiceClient,
    },
    common::v1::Initiator,
};
use florin_rpc::{CallContext, Error, Retry, worker_context};
use futures_util::{StreamExt as _, stream};
use prost::Message as _;

use super::{
    Worker,
    ledger::{Verdict, alarm, posted_by, refused_for},
};
use crate::{
    domain::{Link, Relation, posting_reference},
    store::Record,
};

const REVERSE_TRANSACTION: &str = "/florin.account.v1.AccountService/ReverseTransaction";

/// Reversals that are under way at once in one worker.
const AT_ONCE: usize = 8;

fn link_of(record: &Record) -> Option<&Link> {
    record.transfer.order().link().filter(|link| link.relation == Relation::Reversal)
}

/// Whether a transfer reverses another.
pub(super) fn is_reversal(record: &Record) -> bool {
    link_of(record).is_some()
}

impl Worker {
    /// One verdict a transfer, in order; reversals come behind all others.
    pub(super) async fn move_money(
        &self,
        records: &[Record],
        deadline: Option<Instant>,
    ) -> Vec<Verdict> {
        let (others, reversals) =
            records.split_at(records.partition_point(|one| !is_reversal(one)));
        let mut verdicts = match others {
            [] => Vec::new(),
            others => self.post(others, deadline).await,
        };
        let calls: Vec<_> = reversals.iter().map(|record| self.reverse(record, deadline)).collect();
        let reversed = stream::iter(calls).buffered(AT_ONCE).collect::<Vec<_>>().await;
        verdicts.extend(reversed);
        verdicts
    }

    async fn reverse(&self, record: &Record, deadline: Option<Instant>) -> Verdict {
        let Some(link) = link_of(record) else {
            return alarm(record, "it reverses nothing".to_owned());
        };
        let reference = posting_reference(record.transfer.id());
        let request = ReverseTransactionRequest {
            transaction_id: link.transaction.to_string(),
            reference: reference.clone(),
            description: record.transfer.order().description().to_owned(),
            initiator: Initiator::decode(record.initiator.as_slice()).ok(),
        };
        // The reference is the key as well: a repeat gets the first answer.
        let ctx = CallContext {
            deadline,
            idempotency_key: Some(reference),
            ..worker_context(Role::Payment)
        };
        let answer = self
            .payment
            .postings
            .call(&ctx, REVERSE_TRANSACTION, Retry::Never, request, |channel, request| async {
                AccountServiceClient::new(channel).reverse_transaction(request).await
            })
            .await;
        match answer.map(|answer| answer.reversal) {
            Ok(Some(reversal)) => posted_by(record, &reversal),
            Ok(None) => alarm(record, "the ledger answered without a reversal".to_owned()),
            Err(error) => refused(record, &error, &ctx.request_id),
        }
    }
}

fn refused(record: &Record, error: &Error, request_id: &str) -> Verdict {
    // A conflict by its kind, and an end all the same: our own reversal would have been met
    // under its reference, so somebody else's was first.
    if error.reason() == Reason::AlreadyReversed.name() {
        return refused_for(error.to_refusal());
    }
    match error.kind() {
        Kind::Refused | Kind::NotFound => refused_for(error.to_refusal()),
        Kind::Aborted
        | Kind::Exhausted
        | Kind::Deadline
        | Kind::Unavailable
        | Kind::Unimplemented
        | Kind::Unauthenticated
        | Kind::Forbidden
        | Kind::Cancelled => {
            let (reason, message) = (error.reason(), error.message());
            Verdict::Undecided(format!("{reason}: {message} (request {request_id})"))
        }
        Kind::Invalid | Kind::Unprocessable | Kind::Conflict | Kind::TooLarge | Kind::Internal => {
            alarm(record, format!("{}: {}", error.reason(), error.message()))
        }
    }
}
