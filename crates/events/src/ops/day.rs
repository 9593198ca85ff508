//! How far a service is with what a business date brings it.

use std::sync::Arc;

use florin_kernel::{Date, parse_date};
use florin_proto::{common::v1::DayStep, ops::v1::GetDayWorkRequest};
use florin_store::StoreError;
use futures_util::future::BoxFuture;

use super::refusal::{OpsError, invalid};

/// Tells the steps of a service for a business date, each with what of it is left.
pub type DayWork =
    Arc<dyn Fn(Date) -> BoxFuture<'static, Result<Vec<DayStep>, StoreError>> + Send + Sync>;

/// Asks the service; one without work by the date has no steps.
pub(super) async fn work(
    of: Option<&DayWork>,
    request: &GetDayWorkRequest,
) -> Result<Vec<DayStep>, OpsError> {
    let rule = "must be a date, YYYY-MM-DD";
    let date = parse_date(&request.business_date).map_err(|_| invalid("business_date", rule))?;
    match of {
        Some(of) => Ok(of(date).await?),
        None => Ok(Vec::new()),
    }
}
