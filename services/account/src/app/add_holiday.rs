//! Adds a holiday to the bank's calendar; the same again is the first.

use florin_kernel::Date;
use florin_proto::account::v1::{AddHolidayRequest, AddHolidayResponse, Holiday, Reason};
use florin_rpc::{CallContext, Error};
use florin_runtime::{Failure, once};
use florin_store::Tx;
use tonic::{Response, Status};

use super::ledger::{self, Ledger};
use crate::{grpc::convert, store::calendar};

impl Ledger {
    /// Adds a holiday, under the caller's key. It moves no business date that is open.
    ///
    /// # Errors
    /// INVALID_REQUEST, `HOLIDAY_EXISTS`.
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
    if calendar::add(tx, date, name).await? {
        ledger::record_audit(tx, ctx, &format!("holiday/{date}")).await?;
        return Ok(());
    }
    match calendar::name_of(tx, date).await? {
        Some(there) if there == name => Ok(()),
        Some(_) | None => {
            let text = format!("{date} is a holiday under another name");
            Err(Error::new(Reason::HolidayExists, text).with("date", date.to_string()).into())
        }
    }
}
