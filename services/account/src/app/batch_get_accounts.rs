//! Returns several accounts at once, to services.

use florin_proto::account::v1::{BatchGetAccountsRequest, BatchGetAccountsResponse};
use florin_rpc::CallContext;
use florin_runtime::internal;
use tonic::{Response, Status};

use super::ledger::Ledger;
use crate::{grpc::convert, store::records, wire};

impl Ledger {
    /// Returns those of the accounts that there are, with their holders.
    ///
    /// # Errors
    /// `INVALID_REQUEST`.
    pub async fn batch_get_accounts(
        &self,
        _: &CallContext,
        request: BatchGetAccountsRequest,
    ) -> Result<Response<BatchGetAccountsResponse>, Status> {
        let ids = convert::account_ids(&request.account_ids)?;
        let found = records::accounts_of(self.db.read(), &ids).await.map_err(internal)?;
        let accounts = found.iter().map(|(account, holders)| wire::account(account, holders));
        Ok(Response::new(BatchGetAccountsResponse { accounts: accounts.collect() }))
    }
}
