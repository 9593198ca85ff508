//! Takes in money of a loan that was written off.

use florin_proto::loan::v1::{RecoverLoanRequest, RecoverLoanResponse};
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
    domain::{movement::MovementKind, servicing::recovery},
    grpc::convert::servicing::{RecoveryDraft, positive},
    wire::wire_movement,
};

impl Lending {
    /// Decides it under the loan's lock and the caller's key; a worker has it moved.
    ///
    /// # Errors
    /// Every violated field; `LOAN_NOT_FOUND`, `LOAN_STATE`, `MOVEMENT_OPEN`, and `NO_SCHEDULE` for
    /// more than was given up.
    pub async fn recover_loan(
        &self,
        ctx: &CallContext,
        request: RecoverLoanRequest,
    ) -> Result<Response<RecoverLoanResponse>, Status> {
        let draft = RecoveryDraft::try_from(&request).map_err(Error::invalid)?;
        let today = self.books.today(ctx).await?;
        once(&self.db, ctx, &request, async |tx: Tx| {
            let mut loaded = self.locked(&tx, ctx, draft.loan).await?;
            let amount = positive(&draft.amount, loaded.record.currency).map_err(Error::invalid)?;
            loaded.must_be_at_rest(&tx).await?;
            let kind = MovementKind::Recovery;
            let reference = servicing::next_reference(&loaded, kind);
            let decided = loaded.loan.recover(&reference, today, amount);
            let event = decided.map_err(|refusal| servicing::refused(&loaded, refusal))?.pop();
            let event = event.ok_or_else(|| Error::internal(format!("{reference} was used")))?;
            let (record, gl) = (&loaded.record, &loaded.version.conditions.gl);
            let legs = recovery(gl, record.account, record.money(amount));
            let wanted = Wanted { kind, event, legs, on: today };
            let movement = self.move_money(&tx, ctx, &mut loaded, wanted).await?;
            record_audit(&tx, ctx, &loaded, &movement.reference).await?;
            Ok::<_, Failure>(RecoverLoanResponse { movement: Some(wire_movement(&movement)) })
        })
        .await
    }
}
