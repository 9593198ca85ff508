//! Tells what a reversal would do, and reverses nothing.

use florin_proto::account::v1::{
    PreviewReversalRequest, PreviewReversalResponse, preview_reversal_response::Outcome as Told,
};
use florin_rpc::{CallContext, Error};
use tonic::{Response, Status};

use super::{
    answer,
    command::Command,
    ledger::{self, Ledger},
    reverse_transaction,
};
use crate::grpc::convert;

impl Ledger {
    /// Tries a reversal.
    ///
    /// # Errors
    /// INVALID_REQUEST, and the refusals of [`reverse_transaction::decide`].
    pub async fn preview_reversal(
        &self,
        ctx: &CallContext,
        request: PreviewReversalRequest,
    ) -> Result<Response<PreviewReversalResponse>, Status> {
        let parts = (&*request.transaction_id, &*request.reference, &*request.description);
        let work = reverse_transaction::work(ctx, convert::reversal(parts)?, None);
        let command = Command { work, key: None, actor: ledger::actor(ctx) };
        let outcome = self.rehearsed(ctx, vec![command]).await?.into_iter().next();
        let none = || Error::internal("the rehearsal gave no outcome");
        let outcome = outcome.ok_or_else(none)?;
        if let Some(refused) = ledger::refused(&outcome) {
            return Err(refused.into());
        }
        let preview = answer::wire_preview(&outcome).map(Told::Preview);
        let told = preview.or_else(|| answer::wire_posted(&outcome).map(Told::Posted));
        let told = told.ok_or_else(|| Error::internal("the outcome is not that of a reversal"))?;
        Ok(Response::new(PreviewReversalResponse { outcome: Some(told) }))
    }
}
