//! Accepts a cash withdrawal at the till.

use florin_proto::payment::v1::{
    CreateTransferResponse, CreateWithdrawalRequest, CreateWithdrawalResponse,
};
use florin_rpc::{CallContext, Error};
use tonic::{Response, Status};

use super::{
    Payment,
    accept::{Asked, Checked},
    accounts::owner,
    create_transfer::{debtor_not_found, not_an_order, same_currency},
};
use crate::{
    domain::{Kind, Order, Route},
    grpc::convert::WithdrawalDraft,
};

impl Payment {
    /// Accepts a cash withdrawal; a worker does the rest.
    ///
    /// # Errors
    /// Every violated field at once; `DEBTOR_ACCOUNT_NOT_FOUND`, `CURRENCY_MISMATCH`.
    pub async fn create_withdrawal(
        &self,
        ctx: &CallContext,
        request: CreateWithdrawalRequest,
    ) -> Result<Response<CreateWithdrawalResponse>, Status> {
        let draft = WithdrawalDraft::try_from(&request).map_err(Error::invalid)?;
        let check = async || self.check_withdrawal(ctx, draft).await;
        let accepted =
            self.accept(ctx, &request, Asked::Payment(Kind::CashWithdrawal), check).await?;
        Ok(accepted.map(|CreateTransferResponse { transfer_id, status, transfer }| {
            CreateWithdrawalResponse { transfer_id, status, transfer }
        }))
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
        let order = self.charged(ctx, order, &debtor).await?;
        Ok(Checked { order, on_behalf_of: owner(ctx, &debtor) })
    }
}
