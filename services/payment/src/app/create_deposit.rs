//! Accepts a cash deposit at the till.

use florin_proto::payment::v1::{
    CreateDepositRequest, CreateDepositResponse, CreateTransferResponse,
};
use florin_rpc::{CallContext, Error};
use tonic::{Response, Status};

use super::{
    Payment,
    accept::{Asked, Checked},
    accounts::owner,
    create_transfer::{creditor_not_found, not_an_order, same_currency},
};
use crate::{
    domain::{Kind, Order, Payee, Route},
    grpc::convert::DepositDraft,
};

impl Payment {
    /// Accepts a cash deposit; a worker does the rest.
    ///
    /// # Errors
    /// Every violated field at once; `CREDITOR_ACCOUNT_NOT_FOUND`, also for another bank's
    /// IBAN; `CURRENCY_MISMATCH`.
    pub async fn create_deposit(
        &self,
        ctx: &CallContext,
        request: CreateDepositRequest,
    ) -> Result<Response<CreateDepositResponse>, Status> {
        let draft = DepositDraft::try_from(&request).map_err(Error::invalid)?;
        let check = async || self.check_deposit(ctx, draft).await;
        let accepted = self.accept(ctx, &request, Asked::Payment(Kind::CashDeposit), check).await?;
        Ok(accepted.map(|CreateTransferResponse { transfer_id, status, transfer }| {
            CreateDepositResponse { transfer_id, status, transfer }
        }))
    }

    async fn check_deposit(
        &self,
        ctx: &CallContext,
        draft: DepositDraft,
    ) -> Result<Checked, Error> {
        let DepositDraft { to, amount, description } = draft;
        let to = match to {
            Payee::Account(id) => id,
            Payee::Iban(iban) if self.bank.issued(&iban) => {
                self.resolve(ctx, &iban).await?.ok_or_else(creditor_not_found)?.0
            }
            Payee::Iban(_) | Payee::Beneficiary(_) => return Err(creditor_not_found()),
        };
        let creditor = self.account_of_bank(ctx, to).await?.ok_or_else(creditor_not_found)?;
        same_currency(&creditor.currency, amount.currency().code(), "creditor")?;
        let route = Route::CashDeposit {
            to,
            to_iban: creditor.iban.parse().ok(),
            cash_gl_code: self.config.cash_gl_code.clone(),
        };
        let order = Order::new(route, amount, description).map_err(not_an_order)?;
        Ok(Checked { order, on_behalf_of: owner(ctx, &creditor) })
    }
}
