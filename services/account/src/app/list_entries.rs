//! Lists the entries of an account, newest first.

use florin_proto::account::v1::{ListEntriesRequest, ListEntriesResponse};
use florin_rpc::{CallContext, page};
use florin_runtime::internal;
use tonic::{Response, Status};

use super::{cut, ledger::Ledger};
use crate::{grpc::convert, store::entries, wire};

impl Ledger {
    /// Lists entries by page of an account that the caller may see.
    ///
    /// # Errors
    /// INVALID_REQUEST, `ACCOUNT_NOT_FOUND`, `PAGE_TOKEN_INVALID`.
    pub async fn list_entries(
        &self,
        ctx: &CallContext,
        request: ListEntriesRequest,
    ) -> Result<Response<ListEntriesResponse>, Status> {
        let (id, size) = convert::entries_page(&request)?;
        let (account, _) = self.account_seen_by(ctx, id).await?;
        let filter = id.to_string();
        let below = page::decode(ctx.method, filter.as_bytes(), &request.page_token)?;
        let below = below.and_then(|cursor| cursor.parse().ok()).unwrap_or(i64::MAX);
        let found = entries::page(self.db.read(), id, below, size + 1).await;
        let (found, next_page_token) =
            cut(ctx, &filter, found.map_err(internal)?, size, |row| row.event.version.to_string());
        let entries = found.iter().map(|row| wire::entry(&account, row)).collect();
        Ok(Response::new(ListEntriesResponse { entries, next_page_token }))
    }
}
