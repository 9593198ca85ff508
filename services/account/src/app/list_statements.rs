//! Lists the statements of an account, newest first.

use florin_proto::account::v1::{ListStatementsRequest, ListStatementsResponse};
use florin_rpc::{CallContext, page};
use florin_runtime::internal;
use tonic::{Response, Status};

use super::{cut, ledger::Ledger};
use crate::{grpc::convert, store::statements, wire};

impl Ledger {
    /// Lists them by page, of an account that the caller may see.
    ///
    /// # Errors
    /// INVALID_REQUEST, `ACCOUNT_NOT_FOUND`, `PAGE_TOKEN_INVALID`.
    pub async fn list_statements(
        &self,
        ctx: &CallContext,
        request: ListStatementsRequest,
    ) -> Result<Response<ListStatementsResponse>, Status> {
        let (id, size) = convert::statements_page(&request)?;
        let (account, _) = self.account_seen_by(ctx, id).await?;
        let filter = id.to_string();
        let below = page::decode(ctx.method, filter.as_bytes(), &request.page_token)?;
        let below = below.and_then(|cursor| cursor.parse().ok()).unwrap_or(i64::MAX);
        let found = statements::page(self.db.read(), id, below, size + 1).await;
        let (found, next_page_token) =
            cut(ctx, &filter, found.map_err(internal)?, size, |one| one.number.to_string());
        let told = found.iter().map(|one| wire::end_of_day::statement(&account, one));
        Ok(Response::new(ListStatementsResponse { statements: told.collect(), next_page_token }))
    }
}
