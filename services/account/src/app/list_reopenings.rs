//! Lists the proposals to open a closed period again that wait for a second person.

use florin_kernel::ApprovalId;
use florin_proto::account::v1::{ListReopeningsRequest, ListReopeningsResponse};
use florin_rpc::{CallContext, Error, page};
use florin_runtime::internal;
use florin_store::approval;
use tonic::{Response, Status};

use super::{cut, ledger::Ledger, propose_reopening::REOPEN};
use crate::{grpc::convert, wire};

impl Ledger {
    /// Lists them by page.
    ///
    /// # Errors
    /// INVALID_REQUEST, `PAGE_TOKEN_INVALID`.
    pub async fn list_reopenings(
        &self,
        ctx: &CallContext,
        request: ListReopeningsRequest,
    ) -> Result<Response<ListReopeningsResponse>, Status> {
        let size = convert::page(request.page_size)?;
        let after = page::decode(ctx.method, b"", &request.page_token)?;
        let after = after.map(|id| ApprovalId::parse(&id)).transpose();
        let after = after.map_err(|error| Error::internal(error.to_string()))?;
        let now = self.db.now().await.map_err(internal)?;
        let limit = u32::try_from(size + 1).unwrap_or(u32::MAX);
        let waiting = approval::waiting(self.db.read(), now, after.as_ref(), limit).await;
        let (found, next_page_token) =
            cut(ctx, "", waiting.map_err(internal)?, size, |one| one.proposal.id.to_string());
        let own = found.iter().filter(|one| one.proposal.command == REOPEN);
        let reopenings = own.map(wire::reopening).collect::<Result<_, _>>()?;
        Ok(Response::new(ListReopeningsResponse { reopenings, next_page_token }))
    }
}
