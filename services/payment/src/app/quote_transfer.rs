//! What a payment costs: asked of the ledger, whose product has the schedule, before the payment is
//! taken on, and kept with it from then on.

use florin_kernel::{Currency, Money};
use florin_proto::{
    account::v1::{
        Account, FeeEvent, QuoteFeeRequest, account_service_client::AccountServiceClient,
    },
    money_of,
    payment::v1::{QuoteTransferRequest, QuoteTransferResponse},
    wire_money,
};
use florin_rpc::{CallContext, Error, Retry, Verb};
use tonic::{Response, Status};

use super::{
    Payment,
    accounts::{as_role, parties},
    create_transfer::{debtor_not_found, not_an_order, same_currency},
};
use crate::{
    domain::{Fee, Kind, Order, OrderError},
    grpc::convert::QuoteDraft,
};

const QUOTE_FEE: &str = "/florin.account.v1.AccountService/QuoteFee";

impl Payment {
    /// Quotes a transfer or a withdrawal to whoever may pay from the account.
    ///
    /// # Errors
    /// Every violated field at once; `DEBTOR_ACCOUNT_NOT_FOUND`, `CURRENCY_MISMATCH`.
    pub async fn quote_transfer(
        &self,
        ctx: &CallContext,
        request: QuoteTransferRequest,
    ) -> Result<Response<QuoteTransferResponse>, Status> {
        let QuoteDraft { from, amount, kind } =
            QuoteDraft::try_from(&request).map_err(Error::invalid)?;
        let debtor = self.account_of_caller(ctx, from).await?;
        let debtor = debtor
            .filter(|account| ctx.principal.may(Verb::Pay, &parties(account)))
            .ok_or_else(debtor_not_found)?;
        same_currency(&debtor.currency, amount.currency().code(), "debtor")?;
        let fee = self.fee_of(ctx, kind, amount, &debtor).await?;
        let fee = fee.map_or_else(|| Money::zero(amount.currency()), |fee| fee.amount);
        let total = amount.checked_add(fee).map_err(|_| not_an_order(OrderError::TooLarge))?;
        Ok(Response::new(QuoteTransferResponse {
            amount: Some(wire_money(amount)),
            fee: Some(wire_money(fee)),
            total: Some(wire_money(total)),
        }))
    }

    /// The order with what it costs on this account by now.
    ///
    /// # Errors
    /// The ledger cannot be asked; amount and fee are more than one movement may be.
    pub(super) async fn charged(
        &self,
        ctx: &CallContext,
        order: Order,
        debtor: &Account,
    ) -> Result<Order, Error> {
        let fee = self.fee_of(ctx, order.route().kind(), order.amount(), debtor).await?;
        order.charged(fee).map_err(not_an_order)
    }

    /// Asks only where the product has a schedule for it.
    async fn fee_of(
        &self,
        ctx: &CallContext,
        kind: Kind,
        amount: Money,
        debtor: &Account,
    ) -> Result<Option<Fee>, Error> {
        let event = match kind {
            Kind::Transfer => FeeEvent::Transfer,
            Kind::CashWithdrawal => FeeEvent::Withdrawal,
            Kind::CashDeposit => return Ok(None),
        };
        if !debtor.fee_events().any(|one| one == event) {
            return Ok(None);
        }
        let request = QuoteFeeRequest {
            account_id: debtor.account_id.clone(),
            event: event.into(),
            amount: Some(wire_money(amount)),
        };
        let answer = self
            .account
            .call(&as_role(ctx), QUOTE_FEE, Retry::Read, request, |channel, request| async {
                AccountServiceClient::new(channel).quote_fee(request).await
            })
            .await?;
        let fee = money_of(answer.fee.as_ref())
            .map_err(|error| Error::internal(format!("a quoted fee: {error}")))?;
        check(fee, amount.currency())?;
        Ok(Some(Fee { amount: fee, gl_code: answer.gl_code }).filter(|fee| fee.amount.minor() > 0))
    }
}

fn check(fee: Money, currency: Currency) -> Result<(), Error> {
    if fee.minor() >= 0 && fee.currency() == currency {
        return Ok(());
    }
    Err(Error::internal(format!("the ledger quoted a fee of {fee} for {currency}")))
}
