//! Undoes a completed transfer, deposit or withdrawal whole, once.

use florin_proto::payment::v1::{
    CreateTransferResponse, ReverseTransferRequest, ReverseTransferResponse,
};
use florin_rpc::{CallContext, Error};
use florin_runtime::internal;
use tonic::{Response, Status};

use super::{
    Payment,
    accept::{Asked, Checked},
    create_transfer::not_an_order,
    get_transfer::transfer_not_found,
    intake::not_returned,
};
use crate::{domain::Relation, grpc::convert::ReversalDraft, store};

impl Payment {
    /// Accepts a reversal; a worker has the ledger reverse the journal transaction. That there
    /// is no other, and no refund, is decided under the original's lock.
    ///
    /// # Errors
    /// Every violated field at once; `TRANSFER_NOT_FOUND`, `TRANSFER_NOT_RETURNABLE`.
    pub async fn reverse_transfer(
        &self,
        ctx: &CallContext,
        request: ReverseTransferRequest,
    ) -> Result<Response<ReverseTransferResponse>, Status> {
        let draft = ReversalDraft::try_from(&request).map_err(Error::invalid)?;
        let check = async || self.check_reversal(ctx, draft).await;
        let asked = Asked::Return(Relation::Reversal);
        let accepted = self.accept(ctx, &request, asked, check).await?;
        Ok(accepted.map(|CreateTransferResponse { transfer_id, status, transfer }| {
            ReverseTransferResponse { transfer_id, status, transfer }
        }))
    }

    async fn check_reversal(
        &self,
        ctx: &CallContext,
        draft: ReversalDraft,
    ) -> Result<Checked, Error> {
        let ReversalDraft { original: id, description } = draft;
        let original = store::find(self.db.read(), id).await.map_err(internal)?;
        let original = original.ok_or_else(|| transfer_not_found(id))?.transfer;
        let amount = original.order().amount();
        let order = original.returning(Relation::Reversal, amount, description);
        let order = order.map_err(|refused| not_returned(&refused))?.map_err(not_an_order)?;
        let on_behalf_of = self.owner_of_payer(ctx, &order).await?;
        Ok(Checked { order, on_behalf_of })
    }
}
