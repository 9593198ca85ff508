//! Repays a loan from its account, by hand.

use florin_proto::loan::v1::{Reason, RepayLoanRequest, RepayLoanResponse};
use florin_rpc::{CallContext, Error};
use florin_runtime::{Failure, once};
use florin_store::Tx;
use tonic::{Response, Status};

use super::{
    Lending,
    keep::record_audit,
    servicing::{self, Wanted},
};
use crate::{
    domain::{loan::Overpayment, movement::MovementKind},
    grpc::convert::servicing::{RepaymentDraft, positive},
    wire::wire_movement,
};

impl Lending {
    /// Decides the repayment under the loan's lock and the caller's key; a worker has it moved. Of
    /// more than pays the loan off nothing but the pay-off leaves the account, where that is allowed.
    ///
    /// # Errors
    /// Every violated field; `LOAN_NOT_FOUND`, `LOAN_STATE`, `MOVEMENT_OPEN`, `ABOVE_PAY_OFF`,
    /// `NOTHING_OWED`, `BACKDATED`, `NO_SCHEDULE`.
    pub async fn repay_loan(
        &self,
        ctx: &CallContext,
        request: RepayLoanRequest,
    ) -> Result<Response<RepayLoanResponse>, Status> {
        let draft = RepaymentDraft::try_from(&request).map_err(Error::invalid)?;
        let today = self.books.today(ctx).await?;
        once(&self.db, ctx, &request, async |tx: Tx| {
            let mut loaded = self.locked(&tx, ctx, draft.loan).await?;
            let amount = positive(&draft.amount, loaded.record.currency).map_err(Error::invalid)?;
            loaded.must_be_at_rest(&tx).await?;
            let conditions = &loaded.version.conditions;
            let overpayment =
                if draft.at_most_pay_off { Overpayment::Returned } else { conditions.overpayment };
            let kind = MovementKind::Repayment;
            let reference = servicing::next_reference(&loaded, kind);
            // The day of the loan's last move may be after the date that this replica has heard of.
            let on = loaded.loan.book().map_or(today, |book| today.max(book.through()));
            let decided = loaded.loan.repay(&reference, (on, amount), draft.beyond, overpayment);
            let event = decided.map_err(|refusal| servicing::refused(&loaded, refusal))?.pop();
            let event = event.ok_or_else(|| Error::internal(format!("{reference} was used")))?;
            let legs = servicing::legs_of(&loaded, &event);
            let legs = legs.map_err(|refusal| servicing::refused(&loaded, refusal))?;
            let nothing = || Error::new(Reason::NothingOwed, "the loan owes nothing by that day");
            let legs = legs.ok_or_else(nothing)?;
            let wanted = Wanted { kind, event, legs, on };
            let movement = self.move_money(&tx, ctx, &mut loaded, wanted).await?;
            record_audit(&tx, ctx, &loaded, &movement.reference).await?;
            Ok::<_, Failure>(RepayLoanResponse { movement: Some(wire_movement(&movement)) })
        })
        .await
    }
}
