//! Ends a loan before money has moved.

use florin_kernel::{LoanId, Violations};
use florin_proto::loan::v1::{CancelLoanRequest, CancelLoanResponse};
use florin_rpc::{CallContext, Error};
use florin_runtime::{Failure, once};
use florin_store::Tx;
use tonic::{Response, Status};

use super::{
    Lending,
    keep::{cause_of, record_audit},
    refusals::told,
};
use crate::{
    grpc::convert::{loan_id, text_of_reason},
    wire::wire_loan,
};

impl Lending {
    /// Ends it.
    ///
    /// # Errors
    /// Every violated field; `LOAN_NOT_FOUND`, also for another's; `LOAN_STATE`, `MOVEMENT_OPEN`.
    pub async fn cancel_loan(
        &self,
        ctx: &CallContext,
        request: CancelLoanRequest,
    ) -> Result<Response<CancelLoanResponse>, Status> {
        let (id, why) = read(&request).map_err(Error::invalid)?;
        self.seen(ctx, id).await?;
        let today = self.books.today(ctx).await?;
        once(&self.db, ctx, &request, async |tx: Tx| {
            let mut loaded = self.locked(&tx, ctx, id).await?;
            loaded.must_be_at_rest(&tx).await?;
            let decided = loaded.loan.cancel(&why);
            let decided = decided.map_err(|refusal| told(&loaded.record, refusal))?;
            let cause = cause_of(ctx, &loaded);
            self.keep(&tx, &mut loaded, (decided, today), &cause).await?;
            record_audit(&tx, ctx, &loaded, "cancelled").await?;
            let loan = Some(wire_loan(&loaded.record, loaded.loan.reasons())?);
            Ok::<_, Failure>(CancelLoanResponse { loan })
        })
        .await
    }
}

fn read(request: &CancelLoanRequest) -> Result<(LoanId, String), Violations> {
    match (loan_id(&request.loan_id), text_of_reason(&request.reason, 1)) {
        (Ok(id), Ok(why)) => Ok((id, why)),
        (id, why) => {
            let mut all = Violations::new();
            let found = [id.err(), why.err()].into_iter().flatten();
            for one in found.flat_map(Violations::into_inner) {
                all.add(one.field, one.rule, one.description);
            }
            Err(all)
        }
    }
}
