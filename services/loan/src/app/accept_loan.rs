//! The customer accepts what was approved.

use florin_proto::loan::v1::{AcceptLoanRequest, AcceptLoanResponse};
use florin_rpc::{CallContext, Error};
use florin_runtime::{Failure, once};
use florin_store::Tx;
use tonic::{Response, Status};

use super::{
    Lending,
    keep::{cause_of, record_audit},
    refusals::told,
};
use crate::{grpc::convert::loan_id, wire::wire_loan};

impl Lending {
    /// Accepts it.
    ///
    /// # Errors
    /// A broken id; `LOAN_NOT_FOUND`, also for another's; `LOAN_STATE`.
    pub async fn accept_loan(
        &self,
        ctx: &CallContext,
        request: AcceptLoanRequest,
    ) -> Result<Response<AcceptLoanResponse>, Status> {
        let id = loan_id(&request.loan_id).map_err(Error::invalid)?;
        self.seen(ctx, id).await?;
        let today = self.books.today(ctx).await?;
        once(&self.db, ctx, &request, async |tx: Tx| {
            let mut loaded = self.locked(&tx, ctx, id).await?;
            let decided = loaded.loan.accept();
            let decided = decided.map_err(|refusal| told(&loaded.record, refusal))?;
            let cause = cause_of(ctx, &loaded);
            self.keep(&tx, &mut loaded, (decided, today), &cause).await?;
            record_audit(&tx, ctx, &loaded, "accepted").await?;
            let loan = Some(wire_loan(&loaded.record, loaded.loan.reasons())?);
            Ok::<_, Failure>(AcceptLoanResponse { loan })
        })
        .await
    }
}
