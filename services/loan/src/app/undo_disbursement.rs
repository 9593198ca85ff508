//! Takes a disbursement back whose money has not moved.

use florin_proto::loan::v1::{Reason, UndoDisbursementRequest, UndoDisbursementResponse};
use florin_rpc::{CallContext, Error};
use florin_runtime::{Failure, once};
use florin_store::Tx;
use tonic::{Response, Status};

use super::{Lending, keep::record_audit};
use crate::{
    domain::movement::{MovementKind, MovementState},
    grpc::convert::loan_id,
    store::movements,
    wire::wire_movement,
};

impl Lending {
    /// Has the reference of the open disbursement voided by a worker, which whatever posts it
    /// meanwhile meets: the ledger decides which of the two came first. Asked for again it is
    /// the same.
    ///
    /// # Errors
    /// A broken id; `LOAN_NOT_FOUND`, `NOTHING_TO_UNDO`.
    pub async fn undo_disbursement(
        &self,
        ctx: &CallContext,
        request: UndoDisbursementRequest,
    ) -> Result<Response<UndoDisbursementResponse>, Status> {
        let id = loan_id(&request.loan_id).map_err(Error::invalid)?;
        once(&self.db, ctx, &request, async |tx: Tx| {
            let loaded = self.locked(&tx, ctx, id).await?;
            let open = movements::open_of(&tx, id).await?;
            let open = open.filter(|one| one.movement.kind == MovementKind::Disbursement);
            let reference = open.map(|one| one.movement.reference);
            let reference = reference.ok_or_else(|| {
                let text = "no disbursement is on its way: the money has moved, or never will";
                Error::new(Reason::NothingToUndo, text)
            })?;
            // Its row after the loan's.
            let locked = movements::lock(&tx, &[reference]).await?.pop();
            let mut one = locked.ok_or_else(|| Error::internal("an open movement is gone"))?;
            if one.movement.state == MovementState::Pending {
                let now = tx.now().await?;
                one.movement.state = MovementState::Undoing;
                one.movement.changed_at = one.movement.changed_at.max(now);
                one.due_at = Some(now);
                movements::update(&tx, std::slice::from_ref(&one)).await?;
                let what = format!("undo of {}", one.movement.reference);
                record_audit(&tx, ctx, &loaded, &what).await?;
            }
            let due = std::sync::Arc::clone(&self.due);
            tx.on_commit(move || due.notify_one());
            let movement = Some(wire_movement(&one.movement));
            Ok::<_, Failure>(UndoDisbursementResponse { movement })
        })
        .await
    }
}
