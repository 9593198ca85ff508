//! Takes a holiday out of the bank's calendar.

use florin_kernel::Date;
use florin_proto::account::v1::{Holiday, Reason, RemoveHolidayRequest, RemoveHolidayResponse};
use florin_rpc::{CallContext, Error};
use florin_runtime::{Failure, once};
use florin_store::Tx;
use tonic::{Response, Status};

use super::{
    add_holiday::ahead,
    ledger::{self, Ledger},
};
use crate::{grpc::convert, store::calendar};

impl Ledger {
    /// Removes a holiday after the open business date, under the caller's key.
    ///
    /// # Errors
    /// INVALID_REQUEST, `HOLIDAY_NOT_FOUND`, `HOLIDAY_NOT_AHEAD`.
    pub async fn remove_holiday(
        &self,
        ctx: &CallContext,
        request: RemoveHolidayRequest,
    ) -> Result<Response<RemoveHolidayResponse>, Status> {
        let date = convert::date(&request.date)?;
        once(&self.db, ctx, &request, async |tx: Tx| {
            let name = remove(&tx, ctx, date).await?;
            let holiday = Some(Holiday { date: date.to_string(), name });
            Ok::<_, Failure>(RemoveHolidayResponse { holiday })
        })
        .await
    }
}

/// Its name.
async fn remove(tx: &Tx, ctx: &CallContext, date: Date) -> Result<String, Failure> {
    let name = calendar::name_of(tx, date).await?;
    let Some(name) = name else { return Err(unknown(date).into()) };
    ahead(tx, date).await?;
    if !calendar::remove(tx, date).await? {
        return Err(unknown(date).into());
    }
    ledger::record_audit(tx, ctx, &format!("holiday/{date} {name}")).await?;
    Ok(name)
}

fn unknown(date: Date) -> Error {
    let text = format!("{date} is no holiday");
    Error::new(Reason::HolidayNotFound, text).with("date", date.to_string())
}
