//! Lists accounts: of one customer, or for staff of all.

use florin_proto::account::v1::{ListAccountsRequest, ListAccountsResponse};
use florin_rpc::{CallContext, page};
use florin_runtime::internal;
use tonic::{Response, Status};

use super::{cut, ledger::Ledger};
use crate::{grpc::convert, store::records, wire};

/// Sorts behind every id.
const LAST: &str = "acc_~";

impl Ledger {
    /// Lists accounts by page, newest first.
    ///
    /// # Errors
    /// INVALID_REQUEST, `NOT_OWN_CUSTOMER`, `PAGE_TOKEN_INVALID`.
    pub async fn list_accounts(
        &self,
        ctx: &CallContext,
        request: ListAccountsRequest,
    ) -> Result<Response<ListAccountsResponse>, Status> {
        ctx.own_field(&request.customer_id)?;
        let (customer, size) = convert::accounts_page(&request)?;
        let filter = customer.map(|id| id.to_string()).unwrap_or_default();
        let below = page::decode(ctx.method, filter.as_bytes(), &request.page_token)?;
        let below = below.as_deref().unwrap_or(LAST);
        let found = records::accounts(self.db.read(), customer, below, size + 1).await;
        let (found, next_page_token) =
            cut(ctx, &filter, found.map_err(internal)?, size, |(account, _)| {
                account.id.to_string()
            });
        let accounts =
            found.iter().map(|(account, holders)| wire::account(account, holders)).collect();
        Ok(Response::new(ListAccountsResponse { accounts, next_page_token }))
    }
}
