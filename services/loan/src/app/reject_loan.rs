//! Rejects an application, with reasons.

use florin_proto::loan::v1::{RejectLoanRequest, RejectLoanResponse};
use florin_rpc::{CallContext, Error};
use florin_runtime::{Failure, once};
use florin_store::Tx;
use tonic::{Response, Status};

use super::{
    Lending,
    keep::{cause_of, person, record_audit},
    refusals::told,
};
use crate::{grpc::convert::reasons, wire::wire_loan};

impl Lending {
    /// Rejects it, by another person than the maker.
    ///
    /// # Errors
    /// Every violated field; `LOAN_NOT_FOUND`, `LOAN_STATE`, `SAME_PERSON`, `PERSON_REQUIRED`.
    pub async fn reject_loan(
        &self,
        ctx: &CallContext,
        request: RejectLoanRequest,
    ) -> Result<Response<RejectLoanResponse>, Status> {
        let (id, why) = reasons(&request).map_err(Error::invalid)?;
        let by = person(ctx)?;
        let today = self.books.today(ctx).await?;
        once(&self.db, ctx, &request, async |tx: Tx| {
            let mut loaded = self.locked(&tx, ctx, id).await?;
            let decided = loaded.loan.reject(by.as_str(), why.clone());
            let decided = decided.map_err(|refusal| told(&loaded.record, refusal))?;
            let cause = cause_of(ctx, &loaded);
            self.keep(&tx, &mut loaded, (decided, today), &cause).await?;
            record_audit(&tx, ctx, &loaded, "rejected").await?;
            let loan = Some(wire_loan(&loaded.record, loaded.loan.reasons())?);
            Ok::<_, Failure>(RejectLoanResponse { loan })
        })
        .await
    }
}
