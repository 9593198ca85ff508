//! Returns a repair; lists them.

use florin_kernel::ApprovalId;
use florin_proto::payment::v1::{
    GetRepairRequest, GetRepairResponse, ListRepairsRequest, ListRepairsResponse, Reason,
};
use florin_rpc::{CallContext, Error, page};
use florin_runtime::internal;
use florin_store::StoreError;
use prost::Message as _;
use tonic::{Response, Status};

use super::Payment;
use crate::{
    grpc::convert::{repair_id, repairs_page},
    store::repairs,
    wire::wire_repair,
};

impl Payment {
    /// Returns a repair.
    ///
    /// # Errors
    /// A broken id; `REPAIR_NOT_FOUND`.
    pub async fn get_repair(
        &self,
        _: &CallContext,
        request: GetRepairRequest,
    ) -> Result<Response<GetRepairResponse>, Status> {
        let id = repair_id(&request.approval_id).map_err(Error::invalid)?;
        let found = repairs::find(self.db.read(), id).await.map_err(internal)?;
        let found = found.ok_or_else(|| repair_not_found(id))?;
        let repair = Some(wire_repair(&found).map_err(internal)?);
        Ok(Response::new(GetRepairResponse { repair }))
    }

    /// Lists repairs, oldest first.
    ///
    /// # Errors
    /// A page size out of its range; `PAGE_TOKEN_INVALID`.
    pub async fn list_repairs(
        &self,
        ctx: &CallContext,
        request: ListRepairsRequest,
    ) -> Result<Response<ListRepairsResponse>, Status> {
        let size = repairs_page(&request).map_err(Error::invalid)?;
        let filter = ListRepairsRequest { open_only: request.open_only, ..Default::default() };
        let filter = filter.encode_to_vec();
        let after = page::decode(ctx.method, &filter, &request.page_token)?.unwrap_or_default();
        let limit = size.saturating_add(1);
        let found = repairs::after(self.db.read(), &after, request.open_only, limit).await;
        let mut found = found.map_err(internal)?;
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let more = found.len() > size;
        found.truncate(size);
        let next_page_token = match found.last() {
            Some(last) if more => page::encode(ctx.method, &filter, &last.repair.id.to_string()),
            Some(_) | None => String::new(),
        };
        let repairs = found.iter().map(wire_repair).collect::<Result<_, StoreError>>();
        let repairs = repairs.map_err(internal)?;
        Ok(Response::new(ListRepairsResponse { repairs, next_page_token }))
    }
}

pub(super) fn repair_not_found(id: ApprovalId) -> Error {
    Error::new(Reason::RepairNotFound, format!("repair {id} does not exist"))
}
