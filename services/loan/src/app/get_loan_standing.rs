//! Tells how a loan stood at the end of the last day.

use florin_proto::loan::v1::{GetLoanStandingRequest, GetLoanStandingResponse, LoanStanding};
use florin_rpc::{CallContext, Error};
use tonic::{Response, Status};

use super::Lending;
use crate::{grpc::convert::loan_id, store::positions, wire::servicing::wire_standing};

impl Lending {
    /// Reads its position; empty where no day has ended since it was paid out.
    ///
    /// # Errors
    /// The violated field; `LOAN_NOT_FOUND`.
    pub async fn get_loan_standing(
        &self,
        ctx: &CallContext,
        request: GetLoanStandingRequest,
    ) -> Result<Response<GetLoanStandingResponse>, Status> {
        let id = loan_id(&request.loan_id).map_err(Error::invalid)?;
        self.seen(ctx, id).await?;
        let found = positions::find(self.db.read(), id).await.map_err(florin_runtime::internal)?;
        let empty = || LoanStanding { loan_id: id.to_string(), ..LoanStanding::default() };
        let standing = Some(found.as_ref().map_or_else(empty, wire_standing));
        Ok(Response::new(GetLoanStandingResponse { standing }))
    }
}
