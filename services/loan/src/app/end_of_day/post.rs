//! Has the ledger book what the end of a day came to.

use florin_kernel::{Kind, Money, Role};
use florin_proto::{
    ErrorReason as _,
    account::v1::{
        Leg, PostTransactionsRequest, Reason, TransactionRequest,
        account_service_client::AccountServiceClient, leg::Target, transaction_result::Outcome,
    },
    common::v1::Direction,
    wire_money,
};
use florin_rpc::{Retry, worker_context};
use florin_store::{StoreError, Tx, lease::Lease};

use super::Ran;
use crate::{
    app::Lending,
    store::{
        days::{self, Booking, Day},
        entries::{self, Posted},
    },
};

const POST_TRANSACTIONS: &str = "/florin.account.v1.AccountService/PostTransactions";
/// Bookings of a call.
const CALL: i64 = 100;

impl Lending {
    /// Posts the bookings of a day, each by its reference: what was posted before is met again.
    pub(super) async fn post_bookings(
        &self,
        day: &Day,
        lease: &mut Lease,
    ) -> Result<Ran, StoreError> {
        let mut done = 0_i64;
        loop {
            let bookings = days::unbooked(self.db.read(), day.closed, CALL).await?;
            if bookings.is_empty() {
                return Ok(Ran::Done(done));
            }
            let transactions = bookings.iter().map(request).collect::<Vec<_>>();
            let asked = PostTransactionsRequest { transactions: transactions.clone() };
            let ctx = worker_context(Role::Loan);
            let answer = self
                .postings
                .call(&ctx, POST_TRANSACTIONS, Retry::Never, asked, |channel, request| async {
                    AccountServiceClient::new(channel).post_transactions(request).await
                })
                .await;
            let results = match answer {
                Ok(answer) => answer.results,
                Err(error) => {
                    let cause = format!("{}: {}", error.reason(), error.message());
                    return Ok(Ran::Failed(done, cause));
                }
            };
            if results.len() != bookings.len() {
                let cause = format!("{} results of {}", results.len(), bookings.len());
                return Ok(Ran::Failed(done, cause));
            }
            let mut failed = None;
            for (request, result) in transactions.iter().zip(results) {
                match self.note(request, result.outcome).await? {
                    None => done = done.saturating_add(1),
                    Some(cause) => failed = Some(cause),
                }
            }
            if let Some(cause) = failed {
                return Ok(Ran::Failed(done, cause));
            }
            if !self.keep_lease(lease).await? {
                return Ok(Ran::Lost);
            }
        }
    }

    /// Writes what became of a booking; why it cannot be booked, where it cannot.
    async fn note(
        &self,
        request: &TransactionRequest,
        outcome: Option<Outcome>,
    ) -> Result<Option<String>, StoreError> {
        match outcome {
            Some(Outcome::Posted(posted)) => {
                self.db
                    .write(async |tx: Tx| {
                        let (id, on) = (&posted.transaction_id, &posted.booking_date);
                        if days::booked(&tx, &request.reference, id, on).await? {
                            let posted = Posted { request, booking_date: on };
                            entries::record(&tx, &[posted]).await?;
                        }
                        Ok::<_, StoreError>(())
                    })
                    .await?;
                Ok(None)
            }
            Some(Outcome::Refused(refusal)) => {
                let reason = refusal.reason.as_str();
                if reason == Reason::PeriodClosed.name() && !request.booking_date.is_empty() {
                    // As `account` does itself: what comes too late for its period is of the open one.
                    let reference = &request.reference;
                    let asks = async |tx: Tx| days::book_on_the_open_date(&tx, reference).await;
                    self.db.write(asks).await?;
                    return Ok(None);
                }
                let kind = florin_proto::reason_kind(&refusal.domain, reason);
                if kind != Some(Kind::Unavailable) {
                    tracing::error!(reference = request.reference, reason, "a booking is refused");
                }
                Ok(Some(format!("{}: {reason}: {}", request.reference, refusal.message)))
            }
            None => Ok(Some(format!("{}: no outcome", request.reference))),
        }
    }
}

/// What the ledger is asked for: of one value whenever it is asked.
pub(crate) fn request(one: &Booking) -> TransactionRequest {
    let leg = |code: &str, direction: Direction| Leg {
        target: Some(Target::GlCode(code.to_owned())),
        direction: direction.into(),
        amount: Some(wire_money(Money::new(one.amount, one.currency))),
        counterparty: String::new(),
    };
    TransactionRequest {
        reference: one.reference.clone(),
        kind: "loan_accrual".to_owned(),
        legs: vec![leg(&one.debit_gl, Direction::Debit), leg(&one.credit_gl, Direction::Credit)],
        description: format!("Accrual of loans, {}", one.closed),
        booking_date: one.booking_date.map(|date| date.to_string()).unwrap_or_default(),
        correlation: format!("loan/end_of_day/{}", one.closed),
        ..TransactionRequest::default()
    }
}
