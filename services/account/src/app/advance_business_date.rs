//! Closes the open business date and opens the next.

use florin_events::{NewEvent, Outbox};
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

use super::ledger::{self, Ledger};
use crate::{grpc::convert, store::chart};

impl Ledger {
    /// Advances the business date, under the caller's key.
    ///
    /// # Errors
    /// INVALID_REQUEST, `BUSINESS_DATE_STALE`.
    pub async fn advance_business_date(
        &self,
        ctx: &CallContext,
        request: AdvanceBusinessDateRequest,
    ) -> Result<Response<AdvanceBusinessDateResponse>, Status> {
        let (closing, opening) = convert::dates(&request)?;
        let outbox = &self.outbox;
        once(&self.db, ctx, &request, async |tx: Tx| {
            let date = advance(&tx, outbox, ctx, closing, opening).await?;
            let business_date = date.to_string();
            Ok::<_, Failure>(AdvanceBusinessDateResponse { business_date })
        })
        .await
    }
}

/// Advances under the exclusive lock of the books, which every batch holds shared.
///
/// # Errors
/// `BUSINESS_DATE_STALE` where `closing` is not the open date and this is no repeat.
async fn advance(
    tx: &Tx,
    outbox: &Outbox,
    ctx: &CallContext,
    closing: Date,
    opening: Date,
) -> Result<Date, Failure> {
    let books = chart::books(tx, tx.engine().for_update()).await?;
    if books.business_date == opening {
        return Ok(opening);
    }
    if books.business_date != closing {
        let open = books.business_date;
        let text = format!("the open business date is {open}, not {closing}");
        let stale = Error::new(Reason::BusinessDateStale, text);
        return Err(stale.with("business_date", open.to_string()).into());
    }
    chart::set_business_date(tx, opening).await?;
    let at = tx.now().await?;
    let event = BusinessDayClosed {
        closed: closing.to_string(),
        opened: opening.to_string(),
        at: Some(timestamp(at)),
    };
    let epoch = Date::constant(1970, 1, 1);
    let days = i64::from(closing.since(epoch).map_or(0, |span| span.get_days()));
    let cause = ledger::actor(ctx).cause();
    outbox.append(tx, vec![NewEvent::of(&event, &"business_date", days, cause)]).await?;
    ledger::record_audit(tx, ctx, &format!("business_date/{closing}")).await?;
    Ok(opening)
}
