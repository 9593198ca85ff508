//! Gives a running loan other terms.

use florin_proto::loan::v1::{Reason, RestructureLoanRequest, RestructureLoanResponse};
use florin_rpc::{CallContext, Error};
use florin_runtime::{Failure, once};
use florin_store::Tx;
use tonic::{Response, Status};

use super::{
    Lending,
    keep::{cause_of, person, record_audit},
    servicing,
};
use crate::{grpc::convert::servicing::RestructuringDraft, wire::wire_loan};

impl Lending {
    /// Changes the terms under the loan's lock and the caller's key. No money moves; a loan on which
    /// money was paid ahead that other terms would use for something else is refused.
    ///
    /// # Errors
    /// Every violated field; `LOAN_NOT_FOUND`, `LOAN_STATE`, `MOVEMENT_OPEN`, `PAID_AHEAD`,
    /// `BACKDATED`, `PERSON_REQUIRED`, `NO_SCHEDULE`.
    pub async fn restructure_loan(
        &self,
        ctx: &CallContext,
        request: RestructureLoanRequest,
    ) -> Result<Response<RestructureLoanResponse>, Status> {
        let draft = RestructuringDraft::try_from(&request).map_err(Error::invalid)?;
        person(ctx)?;
        let today = self.books.today(ctx).await?;
        once(&self.db, ctx, &request, async |tx: Tx| {
            let mut loaded = self.locked(&tx, ctx, draft.loan).await?;
            let terms = draft.terms(&loaded.version.product, today).map_err(Error::invalid)?;
            loaded.must_be_at_rest(&tx).await?;
            let number = loaded.record.version.saturating_add(1);
            let reference = format!("{}/restructure/{number}", loaded.record.id);
            let decided = loaded.loan.restructure(&reference, today, terms, draft.first_due);
            let events = decided.map_err(|refusal| servicing::refused(&loaded, refusal))?;
            for event in &events {
                let legs = servicing::legs_of(&loaded, event);
                if legs.map_err(|refusal| servicing::refused(&loaded, refusal))?.is_some() {
                    let text =
                        "money was paid ahead, which other terms would use for something else";
                    return Err(Error::new(Reason::PaidAhead, text).into());
                }
            }
            let cause = cause_of(ctx, &loaded);
            self.keep(&tx, &mut loaded, (events, today), &cause).await?;
            let what = format!("restructured: {}", draft.reason);
            record_audit(&tx, ctx, &loaded, &what).await?;
            let loan = Some(wire_loan(&loaded.record, loaded.loan.reasons())?);
            Ok::<_, Failure>(RestructureLoanResponse { loan })
        })
        .await
    }
}
