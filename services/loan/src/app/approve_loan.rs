//! Approves an application: by another person than the maker, by two above a limit.

use florin_proto::loan::v1::{ApproveLoanRequest, ApproveLoanResponse};
use florin_rpc::{CallContext, Error};
use florin_runtime::{Failure, internal, once};
use florin_store::Tx;
use prost::Message as _;
use tonic::{Response, Status};

use super::{
    Lending,
    keep::{cause_of, person, record_audit},
    loaded::Loaded,
    refusals::told,
};
use crate::{
    domain::score::Recommendation,
    grpc::convert::{asked_amount, loan_id, text_of_reason},
    wire::wire_loan,
};

impl Lending {
    /// Approves it, whole or for less.
    ///
    /// # Errors
    /// Every violated field; `LOAN_NOT_FOUND`, `LOAN_STATE`, `SAME_PERSON`, `PERSON_REQUIRED`,
    /// `AMOUNT_ABOVE_REQUEST`, `OTHER_AMOUNT_ENDORSED`.
    pub async fn approve_loan(
        &self,
        ctx: &CallContext,
        request: ApproveLoanRequest,
    ) -> Result<Response<ApproveLoanResponse>, Status> {
        let id = loan_id(&request.loan_id).map_err(Error::invalid)?;
        let why = text_of_reason(&request.reason, 0).map_err(Error::invalid)?;
        // In the currency of the loan, which never changes.
        let currency = self.seen(ctx, id).await?.currency;
        let amount = asked_amount(&request.amount, currency).map_err(Error::invalid)?;
        let by = person(ctx)?;
        let today = self.books.today(ctx).await?;
        once(&self.db, ctx, &request, async |tx: Tx| {
            let mut loaded = self.locked(&tx, ctx, id).await?;
            let amount = amount.unwrap_or(loaded.record.requested);
            let limit = one_person_up_to(&loaded)?;
            let decided = loaded.loan.approve(by.as_str(), amount, limit);
            let decided = decided.map_err(|refusal| told(&loaded.record, refusal))?;
            let cause = cause_of(ctx, &loaded);
            self.keep(&tx, &mut loaded, (decided, today), &cause).await?;
            let what = format!("approved {}: {why}", loaded.record.money(amount));
            record_audit(&tx, ctx, &loaded, &what).await?;
            let loan = Some(wire_loan(&loaded.record, loaded.loan.reasons())?);
            Ok::<_, Failure>(ApproveLoanResponse { loan })
        })
        .await
    }
}

/// The principal up to which one person approves, by the score that the application has.
fn one_person_up_to(loaded: &Loaded) -> Result<i64, Error> {
    use florin_proto::loan::v1::{Recommendation as Wire, Score};
    let score = Score::decode(loaded.record.score.as_slice());
    let score = score.map_err(|error| {
        internal(florin_store::StoreError::Corrupt(format!(
            "score of {}: {error}",
            loaded.record.id
        )))
    })?;
    let recommendation = match score.recommendation() {
        Wire::Approve => Recommendation::Approve,
        Wire::Review => Recommendation::Review,
        Wire::Reject | Wire::Unspecified => Recommendation::Reject,
    };
    Ok(loaded.version.conditions.underwriting.one_person_up_to(recommendation))
}
