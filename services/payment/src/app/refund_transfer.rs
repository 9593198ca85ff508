//! Pays a completed transfer back, whole or in part.

use florin_proto::payment::v1::{
    CreateTransferResponse, RefundTransferRequest, RefundTransferResponse,
};
use florin_rpc::{CallContext, Error, Verb};
use florin_runtime::internal;
use tonic::{Response, Status};

use super::{
    Payment,
    accept::{Asked, Checked},
    create_transfer::not_an_order,
    get_transfer::transfer_not_found,
    intake::not_returned,
};
use crate::{
    domain::{NotReturned, Relation, Route},
    grpc::convert::RefundDraft,
    store,
};

impl Payment {
    /// Accepts a refund; a worker does the rest. What there is to refund is decided under the
    /// original's lock.
    ///
    /// # Errors
    /// Every violated field at once; `TRANSFER_NOT_FOUND`, also for those that the caller was
    /// not paid by; `TRANSFER_NOT_RETURNABLE`, `REFUND_EXCEEDS_ORIGINAL`, `CURRENCY_MISMATCH`.
    pub async fn refund_transfer(
        &self,
        ctx: &CallContext,
        request: RefundTransferRequest,
    ) -> Result<Response<RefundTransferResponse>, Status> {
        let draft = RefundDraft::try_from(&request).map_err(Error::invalid)?;
        let check = async || self.check_refund(ctx, draft).await;
        let accepted = self.accept(ctx, &request, Asked::Return(Relation::Refund), check).await?;
        Ok(accepted.map(|CreateTransferResponse { transfer_id, status, transfer }| {
            RefundTransferResponse { transfer_id, status, transfer }
        }))
    }

    async fn check_refund(&self, ctx: &CallContext, draft: RefundDraft) -> Result<Checked, Error> {
        let RefundDraft { original: id, amount, description } = draft;
        let original = store::find(self.db.read(), id).await.map_err(internal)?;
        let original = original.ok_or_else(|| transfer_not_found(id))?.transfer;
        let may = match original.order().route() {
            Route::Transfer { to, .. } => self.caller_may(ctx, Verb::Pay, *to).await?,
            Route::CrossBank { .. } | Route::CashDeposit { .. } | Route::CashWithdrawal { .. } => {
                !ctx.principal.is_customer()
            }
        };
        // Who was not paid does not learn of a transfer that somebody tried.
        let unpaid =
            matches!(original.returnable(Relation::Refund), Err(NotReturned::NotCompleted(_)));
        if !may || (ctx.principal.is_customer() && unpaid) {
            return Err(transfer_not_found(id));
        }
        let order = original.returning(Relation::Refund, amount, description);
        let order = order.map_err(|refused| not_returned(&refused))?.map_err(not_an_order)?;
        let on_behalf_of = self.owner_of_payer(ctx, &order).await?;
        Ok(Checked { order, on_behalf_of })
    }
}
