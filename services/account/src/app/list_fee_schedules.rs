//! Lists fee schedules with all their versions.

use florin_proto::account::v1::{ListFeeSchedulesRequest, ListFeeSchedulesResponse};
use florin_rpc::{CallContext, page};
use florin_runtime::internal;
use tonic::{Response, Status};

use super::{cut, ledger::Ledger};
use crate::{
    grpc::convert,
    store::fees::{self, ScheduleId},
    wire,
};

impl Ledger {
    /// Lists schedules by page, by product, currency, event and first day.
    ///
    /// # Errors
    /// INVALID_REQUEST, `PAGE_TOKEN_INVALID`.
    pub async fn list_fee_schedules(
        &self,
        ctx: &CallContext,
        request: ListFeeSchedulesRequest,
    ) -> Result<Response<ListFeeSchedulesResponse>, Status> {
        let size = convert::page(request.page_size)?;
        let filter = request.product.as_str();
        let after = page::decode(ctx.method, filter.as_bytes(), &request.page_token)?;
        let after = after.unwrap_or_default();
        let mut found: Vec<_> =
            fees::versions(self.db.read()).await.map_err(internal)?.into_iter().collect();
        found.retain(|(id, _)| (filter.is_empty() || id.0 == filter) && cursor(id) > after);
        let (found, next_page_token) = cut(ctx, filter, found, size, |(id, _)| cursor(id));
        let schedules =
            found.iter().map(|(id, schedule)| wire::fees::schedule(id, schedule)).collect();
        Ok(Response::new(ListFeeSchedulesResponse { schedules, next_page_token }))
    }
}

/// Rises with the list: a code of a product has no character below the space, and an event has
/// one digit.
fn cursor((product, currency, event, valid_from): &ScheduleId) -> String {
    format!("{product} {currency} {} {valid_from}", event.number())
}
