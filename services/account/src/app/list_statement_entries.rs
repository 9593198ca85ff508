//! Lists the entries of a statement, oldest first.

use florin_proto::account::v1::{ListStatementEntriesRequest, ListStatementEntriesResponse};
use florin_rpc::{CallContext, page};
use florin_runtime::internal;
use tonic::{Response, Status};

use super::{cut, ledger::Ledger};
use crate::{grpc::convert, store::statements, wire};

impl Ledger {
    /// Lists them by page, of an account that the caller may see.
    ///
    /// # Errors
    /// INVALID_REQUEST, `ACCOUNT_NOT_FOUND`, `STATEMENT_NOT_FOUND`, `PAGE_TOKEN_INVALID`.
    pub async fn list_statement_entries(
        &self,
        ctx: &CallContext,
        request: ListStatementEntriesRequest,
    ) -> Result<Response<ListStatementEntriesResponse>, Status> {
        let ListStatementEntriesRequest { account_id, through, page_size, page_token } = request;
        let (id, through, size) = convert::statement_page(&account_id, &through, page_size)?;
        let (account, statement) = self.statement_seen_by(ctx, id, through).await?;
        let filter = format!("{id}/{through}");
        let above = page::decode(ctx.method, filter.as_bytes(), &page_token)?;
        let above = above.and_then(|cursor| cursor.parse().ok()).unwrap_or(0);
        let found = statements::entries(self.db.read(), &statement, above, size + 1).await;
        let (found, next_page_token) =
            cut(ctx, &filter, found.map_err(internal)?, size, |row| row.event.version.to_string());
        let entries = found.iter().map(|row| wire::entry(&account, row)).collect();
        Ok(Response::new(ListStatementEntriesResponse { entries, next_page_token }))
    }
}
