//! Returns a transfer.

use florin_kernel::TransferId;
use florin_proto::payment::v1::{GetTransferRequest, GetTransferResponse, Reason, Transfer};
use florin_rpc::{CallContext, Error, PrincipalKind, Verb};
use florin_runtime::internal;
use florin_store::StoreError;
use tonic::{Response, Status};

use super::Payment;
use crate::{
    domain,
    grpc::convert::transfer_id,
    store::{self, Record},
    wire::{Viewer, wire_comeback, wire_transfer, wire_work},
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
        let mut transfer = wire_transfer(&record, viewer);
        self.tell_comebacks(std::iter::once(&mut transfer)).await.map_err(internal)?;
        let transfer = Some(transfer);
        Ok(Response::new(GetTransferResponse { transfer, work }))
    }

    /// Adds to transfers to other banks what came back of them.
    pub(super) async fn tell_comebacks<'t>(
        &self,
        transfers: impl Iterator<Item = &'t mut Transfer>,
    ) -> Result<(), StoreError> {
        let is_away = |one: &Transfer| one.creditor.as_ref().is_some_and(|to| !to.bic.is_empty());
        let away: Vec<_> = transfers.filter(|one| is_away(one)).collect();
        let ids: Vec<_> = away.iter().map(|one| one.transfer_id.clone()).collect();
        let found = store::comebacks(self.db.read(), &ids).await?;
        for one in away {
            one.returned = found.get(&one.transfer_id).map(wire_comeback);
        }
        Ok(())
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
