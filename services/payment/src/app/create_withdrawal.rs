//! Accepts a cash withdrawal at the till.

use florin_proto::payment::v1::{CreateTransferResponse, CreateWithdrawalRequest};
use florin_rpc::{CallContext, Error};
use tonic::{Response, Status};

use super::{
    App, Patience,
    accept::Checked,
    accounts::owner,
    create_transfer::{debtor_not_found, not_an_order, same_currency},
};
use crate::{
    domain::{Kind, Order, Route},
    grpc::convert::WithdrawalDraft,
};

impl App {
    /// Accepts a cash withdrawal; a worker does the rest.
    ///
    /// # Errors
    /// Every violated field at once; `DEBTOR_ACCOUNT_NOT_FOUND`, `CURRENCY_MISMATCH`.
    pub async fn create_withdrawal(
        &self,
        ctx: &CallContext,
        request: CreateWithdrawalRequest,
        patience: Patience,
    ) -> Result<Response<CreateTransferResponse>, Status> {
        let draft = WithdrawalDraft::try_from(&request).map_err(Error::invalid)?;
        self.accept(ctx, &request, Kind::CashWithdrawal, patience, async || {
            self.check_withdrawal(ctx, draft).await
        })
        .await
    }

    async fn check_withdrawal(
        &self,
        ctx: &CallContext,
        draft: WithdrawalDraft,
    ) -> Result<Checked, Error> {
        let WithdrawalDraft { from, amount, description } = draft;
        let debtor = self.account_of_bank(ctx, from).await?.ok_or_else(debtor_not_found)?;
        same_currency(&debtor.currency, amount.currency().code(), "debtor")?;
        let route = Route::CashWithdrawal {
            from,
            from_iban: debtor.iban.parse().ok(),
            cash_gl_code: self.config.cash_gl_code.clone(),
        };
        let order = Order::new(route, amount, description).map_err(not_an_order)?;
        Ok(Checked { order, on_behalf_of: owner(ctx, &debtor) })
    }
}
