//! Returns several accounts at once, to services.

use florin_proto::account::v1::{Account, BatchGetAccountsRequest, BatchGetAccountsResponse};
use florin_rpc::CallContext;
use florin_runtime::internal;
use tonic::{Response, Status};

use super::ledger::Ledger;
use crate::{
    grpc::convert,
    store::{fees, records},
    wire,
};

impl Ledger {
    /// Returns those of the accounts that there are, with their holders and what costs a fee.
    ///
    /// # Errors
    /// `INVALID_REQUEST`.
    pub async fn batch_get_accounts(
        &self,
        _: &CallContext,
        request: BatchGetAccountsRequest,
    ) -> Result<Response<BatchGetAccountsResponse>, Status> {
        let ids = convert::account_ids(&request.account_ids)?;
        let db = self.db.read();
        let found = records::accounts_of(db, &ids).await.map_err(internal)?;
        let bearing = fees::bearing(db).await.map_err(internal)?;
        let accounts = found.iter().map(|(account, holders)| {
            let of = (account.product.clone(), account.currency);
            let events = bearing.get(&of).into_iter().flatten();
            let fee_events = events.map(|event| event.number()).collect();
            Account { fee_events, ..wire::account(account, holders) }
        });
        Ok(Response::new(BatchGetAccountsResponse { accounts: accounts.collect() }))
    }
}
