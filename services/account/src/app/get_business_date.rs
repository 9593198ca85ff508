//! Returns the open business date.

use florin_proto::account::v1::{GetBusinessDateRequest, GetBusinessDateResponse};
use florin_rpc::CallContext;
use florin_runtime::internal;
use tonic::{Response, Status};

use super::ledger::Ledger;
use crate::{
    domain::posting::MOST_CLOSED_DAYS,
    store::{calendar, chart},
};

impl Ledger {
    /// Returns the day that the bank is on, and the one that its calendar has next.
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
        let today = books.business_date;
        let calendar = calendar::calendar(self.db.read(), today, MOST_CLOSED_DAYS).await;
        let next = calendar.map_err(internal)?.next_after(today, MOST_CLOSED_DAYS);
        let next_business_date = next.map(|date| date.to_string()).unwrap_or_default();
        let answer = GetBusinessDateResponse { business_date, closed_through, next_business_date };
        Ok(Response::new(answer))
    }
}
