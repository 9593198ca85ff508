//! Returns a statement of an account.

use florin_kernel::{AccountId, Date};
use florin_proto::account::v1::{GetStatementRequest, GetStatementResponse, Reason};
use florin_rpc::{CallContext, Error};
use florin_runtime::internal;
use tonic::{Response, Status};

use super::ledger::Ledger;
use crate::{
    domain::account::Account,
    grpc::convert,
    store::statements::{self, Statement},
    wire,
};

impl Ledger {
    /// Returns it to whoever may see the account.
    ///
    /// # Errors
    /// INVALID_REQUEST, `ACCOUNT_NOT_FOUND`, `STATEMENT_NOT_FOUND`.
    pub async fn get_statement(
        &self,
        ctx: &CallContext,
        request: GetStatementRequest,
    ) -> Result<Response<GetStatementResponse>, Status> {
        let (id, through) = convert::statement(&request.account_id, &request.through)?;
        let (account, found) = self.statement_seen_by(ctx, id, through).await?;
        let statement = Some(wire::end_of_day::statement(&account, &found));
        Ok(Response::new(GetStatementResponse { statement }))
    }

    /// A statement of an account that the caller may see.
    pub(super) async fn statement_seen_by(
        &self,
        ctx: &CallContext,
        id: AccountId,
        through: Date,
    ) -> Result<(Account, Statement), Error> {
        let (account, _) = self.account_seen_by(ctx, id).await?;
        let found = statements::of_day(self.db.read(), id, through).await.map_err(internal)?;
        let none = || {
            let text = format!("account {id} has no statement through {through}");
            Error::new(Reason::StatementNotFound, text)
                .with("account_id", id.to_string())
                .with("date", through.to_string())
        };
        Ok((account, found.ok_or_else(none)?))
    }
}
