//! Returns a recall; lists them.

use florin_kernel::RecallId;
use florin_proto::payment::v1::{
    GetRecallRequest, GetRecallResponse, ListRecallsRequest, ListRecallsResponse, Reason,
};
use florin_rpc::{CallContext, Error, Verb, page};
use florin_runtime::internal;
use prost::Message;
use tonic::{Response, Status};

use super::Payment;
use crate::{
    grpc::convert::{recall_id, recalls_page},
    store,
    wire::{Viewer, wire_recall},
};

impl Payment {
    /// Returns a recall.
    ///
    /// # Errors
    /// `RECALL_NOT_FOUND`, also for another's, and for a customer for those of other banks.
    pub async fn get_recall(
        &self,
        ctx: &CallContext,
        request: GetRecallRequest,
    ) -> Result<Response<GetRecallResponse>, Status> {
        let id = recall_id(&request.recall_id).map_err(Error::invalid)?;
        let recall = store::recalls::find(self.db.read(), id).await.map_err(internal)?;
        let recall = recall.ok_or_else(|| recall_not_found(id))?;
        let may = match recall.account.filter(|_| recall.is_ours) {
            Some(account) => self.caller_may(ctx, Verb::View, account).await?,
            None => !ctx.principal.is_customer(),
        };
        if !may {
            return Err(recall_not_found(id).into());
        }
        let recall = Some(wire_recall(&recall, viewer_of(ctx)));
        Ok(Response::new(GetRecallResponse { recall }))
    }

    /// Lists recalls, oldest first.
    ///
    /// # Errors
    /// A page size out of its range; `PAGE_TOKEN_INVALID`.
    pub async fn list_recalls(
        &self,
        ctx: &CallContext,
        request: ListRecallsRequest,
    ) -> Result<Response<ListRecallsResponse>, Status> {
        let size = recalls_page(&request).map_err(Error::invalid)?;
        let filter = ListRecallsRequest { open_only: request.open_only, ..Default::default() };
        let filter = filter.encode_to_vec();
        let after = page::decode(ctx.method, &filter, &request.page_token)?.unwrap_or_default();
        let limit = size.saturating_add(1);
        let found = store::recalls::after(self.db.read(), &after, request.open_only, limit).await;
        let mut found = found.map_err(internal)?;
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let more = found.len() > size;
        found.truncate(size);
        let next_page_token = match found.last() {
            Some(last) if more => page::encode(ctx.method, &filter, &last.id.to_string()),
            Some(_) | None => String::new(),
        };
        let recalls = found.iter().map(|one| wire_recall(one, Viewer::Bank)).collect();
        Ok(Response::new(ListRecallsResponse { recalls, next_page_token }))
    }
}

/// As what the caller sees a recall that it may see.
pub(super) fn viewer_of(ctx: &CallContext) -> Viewer {
    if ctx.principal.is_customer() { Viewer::Debtor } else { Viewer::Bank }
}

pub(super) fn recall_not_found(id: RecallId) -> Error {
    Error::new(Reason::RecallNotFound, format!("recall {id} does not exist"))
}
