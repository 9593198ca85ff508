//! Closes the open business date and opens the next.

use florin_events::NewEvent;
use florin_kernel::Date;
use florin_proto::{
    account::v1::{
        AdvanceBusinessDateRequest, AdvanceBusinessDateResponse, BusinessDayClosed, Reason,
    },
    timestamp,
};
use florin_rpc::{CallContext, Error};
use florin_runtime::{Failure, once};
use florin_store::Tx;
use tonic::{Response, Status};

use super::{
    answer::LATER,
    ledger::{self, Ledger},
};
use crate::{
    domain::posting::{MOST_CLOSED_DAYS, days_between},
    grpc::convert,
    store::{calendar, chart},
};

impl Ledger {
    /// Advances the business date, under the caller's key: to the next business day of the
    /// calendar where none is named.
    ///
    /// # Errors
    /// INVALID_REQUEST, `BUSINESS_DATE_STALE`, `NO_BUSINESS_DAY`.
    pub async fn advance_business_date(
        &self,
        ctx: &CallContext,
        request: AdvanceBusinessDateRequest,
    ) -> Result<Response<AdvanceBusinessDateResponse>, Status> {
        let (closing, opening) = convert::dates(&request)?;
        once(&self.db, ctx, &request, async |tx: Tx| {
            let date = self.advance(&tx, ctx, closing, opening).await?;
            let business_date = date.to_string();
            Ok::<_, Failure>(AdvanceBusinessDateResponse { business_date })
        })
        .await
    }

    /// Advances under the exclusive lock of the books, which every batch holds shared.
    ///
    /// # Errors
    /// `BUSINESS_DATE_STALE` where `closing` is not the open date and this is no repeat,
    /// `BUSINESS_DATE_AHEAD` where its day has not come.
    async fn advance(
        &self,
        tx: &Tx,
        ctx: &CallContext,
        closing: Date,
        wanted: Option<Date>,
    ) -> Result<Date, Failure> {
        let books = chart::books_alone(tx).await?;
        calendar::close_gap(tx, books.business_date).await?;
        let before = calendar::opened_after(tx, closing).await?;
        if let Some(opened) = before.filter(|opened| wanted.is_none_or(|wanted| wanted == *opened))
        {
            return Ok(opened);
        }
        let open = books.business_date;
        // A repeat of what a program did that kept no list of closed dates.
        let is_unlisted = match calendar::first_closed(tx).await? {
            Some(first) => closing < first,
            None => true,
        };
        if wanted == Some(open) && is_unlisted {
            return Ok(open);
        }
        if open != closing {
            let text = format!("the open business date is {open}, not {closing}");
            let stale = Error::new(Reason::BusinessDateStale, text);
            return Err(stale.with("business_date", open.to_string()).retry_after(LATER).into());
        }
        let at = tx.now().await?;
        self.check_clock(closing, calendar::day_of(at)?)?;
        let opening = match wanted {
            Some(date) => date,
            None => next_business_day(tx, closing).await?,
        };
        chart::set_business_date(tx, opening).await?;
        calendar::close(tx, closing, opening, at).await?;
        let event = BusinessDayClosed {
            closed: closing.to_string(),
            opened: opening.to_string(),
            at: Some(timestamp(at)),
        };
        let epoch = Date::constant(1970, 1, 1);
        let days = i64::from(closing.since(epoch).map_or(0, |span| span.get_days()));
        let cause = ledger::actor(ctx).cause();
        self.outbox.append(tx, vec![NewEvent::of(&event, &"business_date", days, cause)]).await?;
        ledger::record_audit(tx, ctx, &format!("business_date/{closing}")).await?;
        Ok(opening)
    }

    /// A schedule that closes what the bank has open, and is repeated, would otherwise run through
    /// months in a minute: orders would be paid and fees charged early, and there is no way back.
    fn check_clock(&self, closing: Date, today: Date) -> Result<(), Error> {
        let most = self.most_days_ahead;
        if closing <= today || days_between(today, closing) <= most {
            return Ok(());
        }
        let text = format!(
            "{closing} is yet to come: it is {today} by the clock in UTC, and a business date is \
             closed at most {most} days before its own day"
        );
        let ahead = Error::new(Reason::BusinessDateAhead, text);
        Err(ahead.with("business_date", closing.to_string()).retry_after(LATER))
    }
}

async fn next_business_day(tx: &Tx, closing: Date) -> Result<Date, Failure> {
    let calendar = calendar::calendar(tx, closing, MOST_CLOSED_DAYS).await?;
    calendar.next_after(closing, MOST_CLOSED_DAYS).ok_or_else(|| {
        let text = format!("no business day within {MOST_CLOSED_DAYS} days after {closing}");
        let none = Error::new(Reason::NoBusinessDay, text);
        none.with("business_date", closing.to_string()).into()
    })
}
