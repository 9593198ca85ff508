//! Lists closed business dates with the steps of their ends, newest first.

use florin_proto::account::v1::{ListBusinessDaysRequest, ListBusinessDaysResponse};
use florin_rpc::{CallContext, page};
use florin_runtime::internal;
use tonic::{Response, Status};

use super::{cut, ledger::Ledger};
use crate::{grpc::convert, store::end_of_day, wire};

impl Ledger {
    /// Lists closed business dates by page.
    ///
    /// # Errors
    /// INVALID_REQUEST, `PAGE_TOKEN_INVALID`.
    pub async fn list_business_days(
        &self,
        ctx: &CallContext,
        request: ListBusinessDaysRequest,
    ) -> Result<Response<ListBusinessDaysResponse>, Status> {
        let size = convert::page(request.page_size)?;
        let before = page::decode(ctx.method, b"", &request.page_token)?.unwrap_or_default();
        let found = end_of_day::page(self.db.read(), &before, size + 1).await.map_err(internal)?;
        let (found, next_page_token) = cut(ctx, "", found, size, |day| day.closed.to_string());
        let days = found.iter().map(wire::end_of_day::business_day).collect();
        Ok(Response::new(ListBusinessDaysResponse { days, next_page_token }))
    }
}
