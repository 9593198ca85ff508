//! Reversals: the ledger itself undoes the journal transaction of the original, valued as that
//! was, and once only whoever asks.

use std::time::Instant;

use florin_kernel::{Kind, Role};
use florin_proto::account::v1::{
    ReverseTransactionRequest, account_service_client::AccountServiceClient,
};
use florin_rpc::{CallContext, Error, Retry, worker_context};

use super::{
    Worker,
    ledger::{Verdict, alarm, posted_by, refused_for},
};
use crate::{
    domain::{Link, Relation, posting_reference},
    store::Record,
};

const REVERSE_TRANSACTION: &str = "/florin.account.v1.AccountService/ReverseTransaction";

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
        for record in reversals {
            verdicts.push(self.reverse(record, deadline).await);
        }
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
