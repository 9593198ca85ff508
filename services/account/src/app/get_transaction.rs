//! Returns a journal transaction with its legs.

use florin_proto::account::v1::{GetTransactionRequest, GetTransactionResponse, Reason};
use florin_rpc::{CallContext, Error};
use florin_runtime::internal;
use tonic::{Response, Status};

use super::ledger::Ledger;
use crate::{grpc::convert, store::records, wire};

impl Ledger {
    /// Returns a journal transaction, with the one that reverses it.
    ///
    /// # Errors
    /// `TRANSACTION_NOT_FOUND`.
    pub async fn get_transaction(
        &self,
        _: &CallContext,
        request: GetTransactionRequest,
    ) -> Result<Response<GetTransactionResponse>, Status> {
        let id = convert::transaction_id(&request.transaction_id)?;
        let found = records::transaction(self.db.read(), id).await.map_err(internal)?;
        let found = found.ok_or_else(|| {
            let text = format!("journal transaction {id} does not exist");
            Error::new(Reason::TransactionNotFound, text).with("transaction_id", id.to_string())
        })?;
        let transaction = Some(wire::transaction(found));
        Ok(Response::new(GetTransactionResponse { transaction }))
    }
}
