//! Returns a loan.

use florin_proto::loan::v1::{GetLoanRequest, GetLoanResponse};
use florin_rpc::{CallContext, Error};
use florin_runtime::internal;
use tonic::{Response, Status};

use super::{
    Lending,
    loaded::{load, loan_not_found},
};
use crate::{
    grpc::convert::loan_id,
    store::movements,
    wire::{wire_loan, wire_movement},
};

/// Movements that are told with a loan at most.
const MOST_MOVEMENTS: u32 = 20;

impl Lending {
    /// Returns a loan with its last movements.
    ///
    /// # Errors
    /// A broken id; `LOAN_NOT_FOUND`, also for another's.
    pub async fn get_loan(
        &self,
        ctx: &CallContext,
        request: GetLoanRequest,
    ) -> Result<Response<GetLoanResponse>, Status> {
        let id = loan_id(&request.loan_id).map_err(Error::invalid)?;
        self.seen(ctx, id).await?;
        // One view of the row and what belongs to it.
        let view = self.db.snapshot().await.map_err(internal)?;
        let record = crate::store::loans::find(&view, id).await.map_err(internal)?;
        let record = record.ok_or_else(|| loan_not_found(id))?;
        let loaded = load(&view, vec![record]).await.map_err(internal)?.pop();
        let loaded = loaded.ok_or_else(|| loan_not_found(id))?;
        let last = movements::last_of(&view, id, MOST_MOVEMENTS).await.map_err(internal)?;
        let mut loan = wire_loan(&loaded.record, loaded.loan.reasons()).map_err(internal)?;
        loan.movements = last.iter().map(|one| wire_movement(&one.movement)).collect();
        Ok(Response::new(GetLoanResponse { loan: Some(loan) }))
    }
}
