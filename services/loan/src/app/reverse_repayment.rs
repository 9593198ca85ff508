//! Undoes a repayment: its money goes back, and the later ones are taken in again.

use florin_proto::loan::v1::{Reason, ReverseRepaymentRequest, ReverseRepaymentResponse};
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
    domain::movement::MovementKind, grpc::convert::servicing::ReversalDraft, wire::wire_movement,
};

impl Lending {
    /// Decides the reversal under the loan's lock and the caller's key; a worker has it booked.
    ///
    /// # Errors
    /// Every violated field; `LOAN_NOT_FOUND`, `LOAN_STATE`, `MOVEMENT_OPEN`,
    /// `REPAYMENT_NOT_FOUND`, `REPAYMENT_REVERSED`, `NO_SCHEDULE`.
    pub async fn reverse_repayment(
        &self,
        ctx: &CallContext,
        request: ReverseRepaymentRequest,
    ) -> Result<Response<ReverseRepaymentResponse>, Status> {
        let draft = ReversalDraft::try_from(&request).map_err(Error::invalid)?;
        let today = self.books.today(ctx).await?;
        once(&self.db, ctx, &request, async |tx: Tx| {
            let mut loaded = self.locked(&tx, ctx, draft.loan).await?;
            loaded.must_be_at_rest(&tx).await?;
            let kind = MovementKind::Reversal;
            let reference = servicing::next_reference(&loaded, kind);
            let repayment = MovementKind::Repayment.reference(draft.loan, draft.number);
            let decided = loaded.loan.reverse(&reference, &repayment);
            let event = decided.map_err(|refusal| servicing::refused(&loaded, refusal))?.pop();
            let event = event.ok_or_else(|| Error::internal(format!("{reference} was used")))?;
            let legs = servicing::legs_of(&loaded, &event);
            let legs = legs.map_err(|refusal| servicing::refused(&loaded, refusal))?;
            let nothing = || Error::new(Reason::RepaymentNotFound, "it moved nothing");
            let wanted = Wanted { kind, event, legs: legs.ok_or_else(nothing)?, on: today };
            let movement = self.move_money(&tx, ctx, &mut loaded, wanted).await?;
            let what = format!("{}: {}", movement.reference, draft.reason);
            record_audit(&tx, ctx, &loaded, &what).await?;
            Ok::<_, Failure>(ReverseRepaymentResponse { movement: Some(wire_movement(&movement)) })
        })
        .await
    }
}
