//! Closes the open business date and opens the next.

use florin_events::{NewEvent, Outbox};
use florin_kernel::Date;
use florin_proto::{
    account::v1::{BusinessDayClosed, Reason},
    timestamp,
};
use florin_rpc::{CallContext, Error};
use florin_runtime::internal;
use florin_store::Tx;
use prost::Message as _;

use crate::store::chart;

/// Advances under the exclusive lock of the books, which every batch holds shared.
///
/// # Errors
/// `BUSINESS_DATE_STALE` where `closing` is not the open date and this is no repeat.
pub async fn advance_business_date(
    tx: &Tx,
    outbox: &Outbox,
    context: &CallContext,
    closing: Date,
    opening: Date,
) -> Result<Date, Error> {
    let books = chart::books(tx, tx.engine().for_update()).await.map_err(internal)?;
    if books.business_date == opening {
        return Ok(opening);
    }
    if books.business_date != closing {
        let open = books.business_date;
        let text = format!("the open business date is {open}, not {closing}");
        return Err(
            Error::new(Reason::BusinessDateStale, text).with("business_date", open.to_string())
        );
    }
    chart::set_business_date(tx, opening).await.map_err(internal)?;
    let at = tx.now().await.map_err(internal)?;
    let event = BusinessDayClosed {
        closed: closing.to_string(),
        opened: opening.to_string(),
        at: Some(timestamp(at)),
    };
    let epoch = Date::constant(1970, 1, 1);
    let days = i64::from(closing.since(epoch).map_or(0, |span| span.get_days()));
    let event = NewEvent {
        kind: "business_day_closed",
        aggregate: "business_date".into(),
        version: days,
        payload: event.encode_to_vec(),
        correlation: closing.to_string(),
        causation: context.method.to_owned(),
        traceparent: context.traceparent.clone(),
        historical: false,
    };
    outbox.append(tx, vec![event]).await.map_err(internal)?;
    Ok(opening)
}
