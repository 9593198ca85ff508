//! Pays an account what it has accrued and takes what it owes, before its period is over: an
//! account that has accrued is not closed.

use florin_kernel::TransactionId;
use florin_proto::account::v1::{Reason, SettleInterestRequest, SettleInterestResponse};
use florin_rpc::{CallContext, Error};
use florin_runtime::internal;
use florin_store::{id_parts, idempotency::Answer};
use tonic::{Response, Status};

use super::{
    answer::{self, LATER},
    close_account::owner_only,
    command::{Outcome, Work},
    ledger::{self, Ledger},
};
use crate::{
    domain::end_of_day::{AccountStep, Step},
    grpc::convert,
    store::{chart, end_of_day},
};

impl Ledger {
    /// Has what an account accrued through the last closed date booked on the open one, under
    /// the client's key; a customer settles only what it owns.
    ///
    /// # Errors
    /// `ACCOUNT_NOT_FOUND`, also where the customer is no owner, `ACCOUNT_CLOSED`,
    /// `END_OF_DAY_OPEN`, `BALANCE_OUT_OF_RANGE`.
    pub async fn settle_interest(
        &self,
        ctx: &CallContext,
        request: SettleInterestRequest,
    ) -> Result<Response<SettleInterestResponse>, Status> {
        let (account, _) = convert::change(&request.account_id, "", 0)?;
        if let Some(before) = self.replay(ctx, &request).await? {
            return Ok(before);
        }
        let (_, holders) = self.account_seen_by(ctx, account).await?;
        owner_only(ctx, &holders)?;
        let books = chart::books(self.db.read()).await.map_err(internal)?;
        let open = books.business_date;
        let under_way = end_of_day::unended(self.db.read(), &[account].into(), open).await;
        if let Some(day) = under_way.map_err(internal)?.get(&account) {
            let text = format!("the end of the business date {day} is not done");
            let error = Error::new(Reason::EndOfDayOpen, text);
            return Err(error.with("business_date", day.to_string()).retry_after(LATER).into());
        }
        let ended = end_of_day::last_ended(self.db.read()).await.map_err(internal)?;
        let Some(day) = ended else {
            // Nothing has accrued before the first end of a day.
            return Ok(Response::new(SettleInterestResponse::default()));
        };
        let (millis, random) = id_parts();
        let id = TransactionId::from_parts(millis, random);
        let initiator = ledger::initiator(ctx, None);
        let step = Step::Capitalisation;
        let work = Work::EndDay(AccountStep { account, step, day, id, initiator, settles: true });
        self.answer(ctx, &request, work, settled).await
    }
}

fn settled(outcome: &Outcome) -> Answer {
    answer::stored(outcome, |outcome| {
        if matches!(outcome, Outcome::Passed) {
            return Some(SettleInterestResponse::default());
        }
        answer::wire_posted(outcome).map(|posted| SettleInterestResponse {
            transaction_id: posted.transaction_id,
            booking_date: posted.booking_date,
            position: posted.position,
        })
    })
}
