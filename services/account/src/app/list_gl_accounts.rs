//! Lists the chart of accounts, by code.

use florin_proto::account::v1::{ListGlAccountsRequest, ListGlAccountsResponse};
use florin_rpc::{CallContext, page};
use florin_runtime::internal;
use tonic::{Response, Status};

use super::{cut, ledger::Ledger};
use crate::{grpc::convert, store::chart, wire};

impl Ledger {
    /// Lists GL accounts by page.
    ///
    /// # Errors
    /// INVALID_REQUEST, `PAGE_TOKEN_INVALID`.
    pub async fn list_gl_accounts(
        &self,
        ctx: &CallContext,
        request: ListGlAccountsRequest,
    ) -> Result<Response<ListGlAccountsResponse>, Status> {
        let size = convert::page(request.page_size)?;
        let after = page::decode(ctx.method, b"", &request.page_token)?.unwrap_or_default();
        let found = chart::gl_accounts_after(self.db.read(), &after, size + 1).await;
        let (found, next_page_token) =
            cut(ctx, "", found.map_err(internal)?, size, |gl| gl.code.clone());
        let gl_accounts = found.iter().map(wire::gl_account).collect();
        Ok(Response::new(ListGlAccountsResponse { gl_accounts, next_page_token }))
    }
}
