//! Returns a transfer.

use florin_kernel::TransferId;
use florin_proto::payment::v1::{GetTransferRequest, GetTransferResponse, Reason};
use florin_rpc::{CallContext, Error, PrincipalKind, Verb};
use florin_runtime::internal;
use tonic::{Response, Status};

use super::Payment;
use crate::{
    domain,
    grpc::convert::transfer_id,
    store::{self, Record},
    wire::{Viewer, wire_transfer, wire_work},
};

impl Payment {
    /// Returns a transfer, deposit or withdrawal with every state it went through.
    ///
    /// # Errors
    /// `TRANSFER_NOT_FOUND`, also for another's.
    pub async fn get_transfer(
        &self,
        ctx: &CallContext,
        request: GetTransferRequest,
    ) -> Result<Response<GetTransferResponse>, Status> {
        let id = transfer_id(&request.transfer_id).map_err(Error::invalid)?;
        let record = store::find(self.db.read(), id).await.map_err(internal)?;
        let record = record.ok_or_else(|| transfer_not_found(id))?;
        let Some(viewer) = self.viewer(ctx, &record).await? else {
            return Err(transfer_not_found(id).into());
        };
        // What is told there is for those who look after the bank, not for its customers.
        let work = match ctx.principal.kind {
            PrincipalKind::Staff => Some(wire_work(&record)),
            PrincipalKind::Customer | PrincipalKind::Client | PrincipalKind::Service => None,
        };
        let transfer = Some(wire_transfer(&record, viewer));
        Ok(Response::new(GetTransferResponse { transfer, work }))
    }

    /// Holders of the paying account see all of it. Holders of the other see what they were
    /// paid; that somebody tried and failed to pay them is that one's own affair.
    async fn viewer(&self, ctx: &CallContext, record: &Record) -> Result<Option<Viewer>, Error> {
        if !ctx.principal.is_customer() {
            return Ok(Some(Viewer::Bank));
        }
        let route = record.transfer.order().route();
        if let Some(debtor) = route.debtor()
            && self.caller_may(ctx, Verb::View, debtor).await?
        {
            return Ok(Some(Viewer::Debtor));
        }
        match route.creditor() {
            Some(creditor) if record.transfer.status() == domain::Status::Completed => {
                let may = self.caller_may(ctx, Verb::View, creditor).await?;
                Ok(may.then_some(Viewer::Creditor))
            }
            Some(_) | None => Ok(None),
        }
    }
}

pub(super) fn transfer_not_found(id: TransferId) -> Error {
    Error::new(Reason::TransferNotFound, format!("transfer {id} does not exist"))
}
