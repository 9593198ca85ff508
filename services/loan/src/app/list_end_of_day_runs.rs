//! Lists the ends of business dates.

use florin_proto::loan::v1::{ListEndOfDayRunsRequest, ListEndOfDayRunsResponse};
use florin_rpc::{CallContext, Error};
use tonic::{Response, Status};

use super::Lending;
use crate::{
    grpc::convert::{page_size, servicing::after},
    store::days,
    wire::servicing::wire_run,
};

impl Lending {
    /// A page of them, newest first.
    ///
    /// # Errors
    /// Every violated field.
    pub async fn list_end_of_day_runs(
        &self,
        _: &CallContext,
        request: ListEndOfDayRunsRequest,
    ) -> Result<Response<ListEndOfDayRunsResponse>, Status> {
        let size = page_size(request.page_size).map_err(Error::invalid)?;
        let before = after(&request.page_token, "").map_err(Error::invalid)?;
        let found = days::page(self.db.read(), &before, i64::from(size) + 1).await;
        let mut found = found.map_err(florin_runtime::internal)?;
        let is_more = found.len() > usize::try_from(size).unwrap_or(usize::MAX);
        found.truncate(usize::try_from(size).unwrap_or(usize::MAX));
        let last = found.last().filter(|_| is_more);
        Ok(Response::new(ListEndOfDayRunsResponse {
            next_page_token: last.map(|one| one.closed.to_string()).unwrap_or_default(),
            runs: found.iter().map(wire_run).collect(),
        }))
    }
}
