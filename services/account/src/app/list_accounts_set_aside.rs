//! Lists the accounts that stand aside: the end of a business date went on without them.

use florin_proto::account::v1::{ListAccountsSetAsideRequest, ListAccountsSetAsideResponse};
use florin_rpc::{CallContext, page};
use florin_runtime::internal;
use tonic::{Response, Status};

use super::{cut, ledger::Ledger};
use crate::{grpc::convert, store::set_aside, wire};

impl Ledger {
    /// Lists them by page.
    ///
    /// # Errors
    /// INVALID_REQUEST, `PAGE_TOKEN_INVALID`.
    pub async fn list_accounts_set_aside(
        &self,
        ctx: &CallContext,
        request: ListAccountsSetAsideRequest,
    ) -> Result<Response<ListAccountsSetAsideResponse>, Status> {
        let size = convert::page(request.page_size)?;
        let after = page::decode(ctx.method, b"", &request.page_token)?.unwrap_or_default();
        let found = set_aside::page(self.db.read(), &after, size + 1).await.map_err(internal)?;
        let (found, next_page_token) = cut(ctx, "", found, size, |one| one.account.to_string());
        let accounts = found.iter().map(wire::end_of_day::set_aside).collect();
        Ok(Response::new(ListAccountsSetAsideResponse { accounts, next_page_token }))
    }
}
