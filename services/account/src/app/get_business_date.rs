//! Returns the open business date.

use florin_proto::account::v1::{GetBusinessDateRequest, GetBusinessDateResponse};
use florin_rpc::CallContext;
use florin_runtime::internal;
use tonic::{Response, Status};

use super::ledger::Ledger;
use crate::store::chart;

impl Ledger {
    /// Returns the day that the bank is on.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn get_business_date(
        &self,
        _: &CallContext,
        _: GetBusinessDateRequest,
    ) -> Result<Response<GetBusinessDateResponse>, Status> {
        let books = chart::books(self.db.read()).await.map_err(internal)?;
        let business_date = books.business_date.to_string();
        let closed_through = books.closed_through.map(|date| date.to_string()).unwrap_or_default();
        Ok(Response::new(GetBusinessDateResponse { business_date, closed_through }))
    }
}
