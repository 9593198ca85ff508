//! Sets what an event costs on accounts of a product from a day on; the same again is the first.

use florin_proto::account::v1::{Reason, SetFeeScheduleRequest, SetFeeScheduleResponse};
use florin_rpc::{CallContext, Error};
use florin_runtime::{Failure, once};
use florin_store::Tx;
use tonic::{Response, Status};

use super::ledger::{self, Ledger};
use crate::{
    domain::fee::FeeSchedule,
    grpc::convert,
    store::{
        chart,
        fees::{self, ScheduleId},
    },
    wire,
};

impl Ledger {
    /// Sets a schedule, under the caller's key.
    ///
    /// # Errors
    /// INVALID_REQUEST, `PRODUCT_NOT_FOUND`, `CONDITIONS_EXIST`, `CONDITIONS_IN_THE_PAST`.
    pub async fn set_fee_schedule(
        &self,
        ctx: &CallContext,
        request: SetFeeScheduleRequest,
    ) -> Result<Response<SetFeeScheduleResponse>, Status> {
        let (id, schedule) = convert::fee_schedule(&request)?;
        once(&self.db, ctx, &request, async |tx: Tx| {
            set(&tx, ctx, &id, &schedule).await?;
            let schedule = Some(wire::fees::schedule(&id, &schedule));
            Ok::<_, Failure>(SetFeeScheduleResponse { schedule })
        })
        .await
    }
}

/// Sets it under the shared lock of the books: no day that has been closed is concerned.
async fn set(
    tx: &Tx,
    ctx: &CallContext,
    id: &ScheduleId,
    schedule: &FeeSchedule,
) -> Result<(), Failure> {
    let (product, currency, event, valid_from) = id;
    let books = chart::books_shared(tx).await?;
    if !chart::products(tx).await?.iter().any(|one| one.code == *product) {
        let text = format!("there is no product {product}");
        let unknown = Error::new(Reason::ProductNotFound, text);
        return Err(unknown.with("product", product.clone()).into());
    }
    let there = fees::versions(tx).await?.remove(id);
    if there.as_ref() == Some(schedule) {
        return Ok(());
    }
    if *valid_from < books.business_date {
        let today = books.business_date;
        let text = format!("a schedule holds from the business date {today} on at the earliest");
        let past = Error::new(Reason::ConditionsInThePast, text);
        return Err(past.with("business_date", today.to_string()).into());
    }
    let at = tx.now().await?;
    let number = event.number();
    let reference = format!("fee_schedule/{product}/{currency}/{number}/{valid_from}");
    if there.is_none() && fees::add(tx, id, schedule, at).await? {
        ledger::record_audit(tx, ctx, &reference).await?;
        return Ok(());
    }
    // Another one may have come between the look and the write: an equal one is the first.
    if fees::versions(tx).await?.get(id) != Some(schedule) {
        let text = format!("{product} has another schedule in {currency} from {valid_from} on");
        let exist = Error::new(Reason::ConditionsExist, text)
            .with("product", product.clone())
            .with("currency", currency.code())
            .with("valid_from", valid_from.to_string());
        return Err(exist.into());
    }
    Ok(())
}
