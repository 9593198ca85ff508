//! Adds a holiday to the bank's calendar; the same again is the first.

use florin_kernel::Date;
use florin_proto::account::v1::{AddHolidayRequest, AddHolidayResponse, Holiday, Reason};
use florin_rpc::{CallContext, Error};
use florin_runtime::{Failure, once};
use florin_store::{StoreError, Tx};
use tonic::{Response, Status};

use super::ledger::{self, Ledger};
use crate::{
    grpc::convert,
    store::{calendar, chart},
};

impl Ledger {
    /// Adds a holiday after the open business date, under the caller's key.
    ///
    /// # Errors
    /// INVALID_REQUEST, `HOLIDAY_EXISTS`, `HOLIDAY_NOT_AHEAD`.
    pub async fn add_holiday(
        &self,
        ctx: &CallContext,
        request: AddHolidayRequest,
    ) -> Result<Response<AddHolidayResponse>, Status> {
        let (date, name) = convert::holiday(&request)?;
        once(&self.db, ctx, &request, async |tx: Tx| {
            add(&tx, ctx, date, &name).await?;
            let holiday = Some(Holiday { date: date.to_string(), name: name.clone() });
            Ok::<_, Failure>(AddHolidayResponse { holiday })
        })
        .await
    }
}

async fn add(tx: &Tx, ctx: &CallContext, date: Date, name: &str) -> Result<(), Failure> {
    // A repeat of what was done while the day was ahead.
    if calendar::name_of(tx, date).await?.is_some_and(|there| there == name) {
        return Ok(());
    }
    ahead(tx, date).await?;
    if calendar::add(tx, date, name).await? {
        ledger::record_audit(tx, ctx, &format!("holiday/{date} {name}")).await?;
        return Ok(());
    }
    match calendar::name_of(tx, date).await? {
        Some(there) if there == name => Ok(()),
        Some(_) => {
            let text = format!("{date} is a holiday under another name");
            Err(Error::new(Reason::HolidayExists, text).with("date", date.to_string()).into())
        }
        // It was there when this one was to be added, and was taken away since.
        None => Err(StoreError::Serialization(format!("holiday {date}")).into()),
    }
}

/// The business dates up to the open one have been decided, and a change of the calendar would
/// only contradict them. The lock has a change wait for a close that has read the calendar.
///
/// # Errors
/// `HOLIDAY_NOT_AHEAD`.
pub(super) async fn ahead(tx: &Tx, date: Date) -> Result<(), Failure> {
    let open = chart::books_shared(tx).await?.business_date;
    if date > open {
        return Ok(());
    }
    let text = format!("the business date is {open}: the calendar changes for later days");
    let late = Error::new(Reason::HolidayNotAhead, text);
    Err(late.with("business_date", open.to_string()).into())
}
