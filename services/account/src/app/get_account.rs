//! Returns an account to those who may see it.

use florin_kernel::AccountId;
use florin_proto::account::v1::{GetAccountRequest, GetAccountResponse, Reason};
use florin_rpc::{CallContext, Error};
use florin_runtime::internal;
use tonic::{Response, Status};

use super::ledger::Ledger;
use crate::{domain::account::is_holder, grpc::convert, store::records, wire};

impl Ledger {
    /// Returns an account; a customer without a part in it learns nothing.
    ///
    /// # Errors
    /// `ACCOUNT_NOT_FOUND`, also for another's.
    pub async fn get_account(
        &self,
        ctx: &CallContext,
        request: GetAccountRequest,
    ) -> Result<Response<GetAccountResponse>, Status> {
        let id = convert::account_id(&request.account_id)?;
        let (account, holders) = self.account_seen_by(ctx, id).await?;
        let account = Some(wire::account(&account, &holders));
        Ok(Response::new(GetAccountResponse { account }))
    }

    /// Loads an account with its holders.
    ///
    /// # Errors
    /// `ACCOUNT_NOT_FOUND`, also where the caller is a customer without a part in it.
    pub(super) async fn account_seen_by(
        &self,
        ctx: &CallContext,
        id: AccountId,
    ) -> Result<records::AccountRecord, Error> {
        let found = records::account(self.db.read(), id).await.map_err(internal)?;
        let (account, holders) = found.ok_or_else(|| not_found(&id.to_string()))?;
        if ctx.principal.is_customer() {
            let own = ctx.principal.customer;
            if !own.is_some_and(|customer| is_holder(&holders, customer)) {
                return Err(not_found(&id.to_string()));
            }
        }
        Ok((account, holders))
    }
}

/// No such account, or another's.
pub(super) fn not_found(what: &str) -> Error {
    Error::new(Reason::AccountNotFound, format!("account {what} does not exist"))
        .with("account_id", what)
}
