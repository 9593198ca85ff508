//! Returns the schedules of a loan.

use florin_proto::loan::v1::{GetScheduleRequest, GetScheduleResponse};
use florin_rpc::{CallContext, Error};
use florin_runtime::internal;
use tonic::{Response, Status};

use super::{
    Lending,
    loaded::{load, loan_not_found},
    quote_loan::no_schedule,
};
use crate::{
    domain::book::Former,
    grpc::convert::loan_id,
    wire::{wire_cost, wire_schedule},
};

impl Lending {
    /// Returns the schedule that holds, and those before it.
    ///
    /// # Errors
    /// A broken id; `LOAN_NOT_FOUND`, also for another's.
    pub async fn get_schedule(
        &self,
        ctx: &CallContext,
        request: GetScheduleRequest,
    ) -> Result<Response<GetScheduleResponse>, Status> {
        let id = loan_id(&request.loan_id).map_err(Error::invalid)?;
        self.seen(ctx, id).await?;
        let view = self.db.snapshot().await.map_err(internal)?;
        let record = crate::store::loans::find(&view, id).await.map_err(internal)?;
        let record = record.ok_or_else(|| loan_not_found(id))?;
        let loaded = load(&view, vec![record]).await.map_err(internal)?.pop();
        let loan = loaded.ok_or_else(|| loan_not_found(id))?.loan;
        let Some(book) = loan.book() else {
            let plan = loan.application().request.plan().map_err(no_schedule)?;
            let schedule = Some(wire_schedule(&plan, None));
            let cost = wire_cost(&plan);
            return Ok(Response::new(GetScheduleResponse { schedule, former: Vec::new(), cost }));
        };
        let former = |one: &Former| wire_schedule(&one.plan, Some(one.until));
        Ok(Response::new(GetScheduleResponse {
            schedule: Some(wire_schedule(book.plan(), None)),
            former: book.former().iter().map(former).collect(),
            cost: wire_cost(book.plan()),
        }))
    }
}
