//! Finds the account behind an IBAN of this bank; no holder is told.

use florin_proto::account::v1::{ResolveIbanRequest, ResolveIbanResponse};
use florin_rpc::CallContext;
use florin_runtime::internal;
use tonic::{Response, Status};

use super::{get_account::not_found, ledger::Ledger};
use crate::{grpc::convert, store::records};

impl Ledger {
    /// Finds the account behind an IBAN, for payments.
    ///
    /// # Errors
    /// `ACCOUNT_NOT_FOUND`.
    pub async fn resolve_iban(
        &self,
        _: &CallContext,
        request: ResolveIbanRequest,
    ) -> Result<Response<ResolveIbanResponse>, Status> {
        let iban = convert::iban(&request.iban)?;
        let found = records::account_of_iban(self.db.read(), iban.electronic()).await;
        let account = found.map_err(internal)?.ok_or_else(|| not_found(iban.electronic()))?;
        let currency = account.currency.code().to_owned();
        Ok(Response::new(ResolveIbanResponse { account_id: account.id.to_string(), currency }))
    }
}
