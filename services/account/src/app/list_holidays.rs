//! Lists the holidays of the bank's calendar, by date.

use florin_proto::account::v1::{Holiday, ListHolidaysRequest, ListHolidaysResponse};
use florin_rpc::{CallContext, page};
use florin_runtime::internal;
use tonic::{Response, Status};

use super::{cut, ledger::Ledger};
use crate::{grpc::convert, store::calendar};

impl Ledger {
    /// Lists holidays by page, and the weekend.
    ///
    /// # Errors
    /// INVALID_REQUEST, `PAGE_TOKEN_INVALID`.
    pub async fn list_holidays(
        &self,
        ctx: &CallContext,
        request: ListHolidaysRequest,
    ) -> Result<Response<ListHolidaysResponse>, Status> {
        let (from, size) = convert::holidays_page(&request)?;
        let from = from.map(|date| date.to_string()).unwrap_or_default();
        let after = page::decode(ctx.method, from.as_bytes(), &request.page_token)?;
        let after = after.unwrap_or_default();
        let db = self.db.read();
        let found = calendar::holidays(db, (&from, &after), size + 1).await.map_err(internal)?;
        let weekend = calendar::weekend(db).await.map_err(internal)?;
        let (found, next_page_token) = cut(ctx, &from, found, size, |(day, _)| day.to_string());
        let holidays =
            found.into_iter().map(|(day, name)| Holiday { date: day.to_string(), name }).collect();
        let weekend = weekend.into_iter().map(i32::from).collect();
        Ok(Response::new(ListHolidaysResponse { holidays, next_page_token, weekend }))
    }
}
