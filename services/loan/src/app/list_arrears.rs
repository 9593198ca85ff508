//! Lists the loans that are past due.

use florin_proto::loan::v1::{ListArrearsRequest, ListArrearsResponse};
use florin_rpc::{CallContext, Error};
use tonic::{Response, Status};

use super::Lending;
use crate::{
    grpc::convert::{page_size, servicing::after},
    store::positions,
    wire::servicing::wire_standing,
};

impl Lending {
    /// A page of them, by id.
    ///
    /// # Errors
    /// Every violated field.
    pub async fn list_arrears(
        &self,
        _: &CallContext,
        request: ListArrearsRequest,
    ) -> Result<Response<ListArrearsResponse>, Status> {
        let size = page_size(request.page_size).map_err(Error::invalid)?;
        let after = after(&request.page_token, "lon_").map_err(Error::invalid)?;
        let bucket = request.bucket().into();
        let found = positions::arrears(self.db.read(), bucket, &after, i64::from(size) + 1).await;
        let mut found = found.map_err(florin_runtime::internal)?;
        let is_more = found.len() > usize::try_from(size).unwrap_or(usize::MAX);
        found.truncate(usize::try_from(size).unwrap_or(usize::MAX));
        let last = found.last().filter(|_| is_more);
        Ok(Response::new(ListArrearsResponse {
            next_page_token: last.map(|one| one.loan.to_string()).unwrap_or_default(),
            loans: found.iter().map(wire_standing).collect(),
        }))
    }
}
