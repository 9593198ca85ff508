//! Closes a period: nothing is booked or valued in it any more.

use florin_kernel::Date;
use florin_proto::account::v1::{ClosePeriodRequest, ClosePeriodResponse, Reason};
use florin_rpc::{CallContext, Error};
use florin_runtime::{Failure, once};
use florin_store::Tx;
use tonic::{Response, Status};

use super::{
    answer::LATER,
    ledger::{self, Ledger},
};
use crate::{
    grpc::convert,
    store::{calendar, chart, end_of_day, set_aside},
};

impl Ledger {
    /// Closes a period, under the caller's key.
    ///
    /// # Errors
    /// INVALID_REQUEST, `PERIOD_NOT_OVER`, `PERIOD_CLOSED`, `ACCOUNT_SET_ASIDE`.
    pub async fn close_period(
        &self,
        ctx: &CallContext,
        request: ClosePeriodRequest,
    ) -> Result<Response<ClosePeriodResponse>, Status> {
        let through = convert::closed_through(&request)?;
        once(&self.db, ctx, &request, async |tx: Tx| {
            close(&tx, ctx, through).await?;
            let closed_through = through.to_string();
            Ok::<_, Failure>(ClosePeriodResponse { closed_through })
        })
        .await
    }
}

/// Closes under the exclusive lock of the books, which every batch holds shared: what a batch
/// booked before is in the period, and every later one reads the new end.
///
/// # Errors
/// `PERIOD_NOT_OVER`; `PERIOD_CLOSED` where it is closed beyond that day; `ACCOUNT_SET_ASIDE` where
/// one lacks what the end of a day in it books.
async fn close(tx: &Tx, ctx: &CallContext, through: Date) -> Result<(), Failure> {
    let books = chart::books_alone(tx).await?;
    if books.closed_through == Some(through) {
        return Ok(());
    }
    let (date, open) = (through.to_string(), books.business_date.to_string());
    if through >= books.business_date {
        let text = format!("{date} is not before the business date {open}");
        let error = Error::new(Reason::PeriodNotOver, text).with("date", date);
        return Err(error.with("business_date", open).retry_after(LATER).into());
    }
    if let Some(closed) = books.closed_through.filter(|closed| through < *closed) {
        let text = format!("{date} lies in the period closed through {closed}");
        let error = Error::new(Reason::PeriodClosed, text).with("date", date);
        return Err(error.with("closed_through", closed.to_string()).into());
    }
    // What the end of a day books is booked on that day: the result of a closed period is whole.
    // A day that a program closed without a note has not ended either.
    calendar::close_gap(tx, books.business_date).await?;
    if let Some(day) = end_of_day::not_ended(tx, through).await? {
        let text = format!("the end of the business date {day} is not done");
        let error = Error::new(Reason::PeriodNotOver, text).with("date", day.to_string());
        return Err(error.with("business_date", open).retry_after(LATER).into());
    }
    if let Some(aside) = set_aside::within(tx, through).await? {
        let (account, day) = (aside.account.to_string(), aside.closed.to_string());
        let text = format!("account {account} stands aside since the end of {day}");
        let error = Error::new(Reason::AccountSetAside, text).with("account_id", account);
        return Err(error.with("date", day).retry_after(LATER).into());
    }
    chart::set_closed_through(tx, Some(through)).await?;
    Ok(ledger::record_audit(tx, ctx, &format!("period/{date}")).await?)
}
