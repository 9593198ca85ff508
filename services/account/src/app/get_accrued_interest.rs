//! Returns what an account has accrued.

use florin_proto::account::v1::{GetAccruedInterestRequest, GetAccruedInterestResponse};
use florin_rpc::CallContext;
use florin_runtime::internal;
use tonic::{Response, Status};

use super::ledger::Ledger;
use crate::{grpc::convert, store::accruals, wire};

impl Ledger {
    /// Returns the interest of an account to whoever may see it.
    ///
    /// # Errors
    /// INVALID_REQUEST, `ACCOUNT_NOT_FOUND`.
    pub async fn get_accrued_interest(
        &self,
        ctx: &CallContext,
        request: GetAccruedInterestRequest,
    ) -> Result<Response<GetAccruedInterestResponse>, Status> {
        let id = convert::account_id(&request.account_id)?;
        let (account, _) = self.account_seen_by(ctx, id).await?;
        let accrual = accruals::of_account(self.db.read(), id).await.map_err(internal)?;
        Ok(Response::new(wire::interest::accrued(&account, accrual)))
    }
}
