//! Tells what something would cost on the open business date.

use florin_kernel::Money;
use florin_proto::{
    account::v1::{QuoteFeeRequest, QuoteFeeResponse},
    common::v1::Reason as CommonReason,
    wire_money,
};
use florin_rpc::{CallContext, Error};
use florin_runtime::internal;
use tonic::{Response, Status};

use super::ledger::Ledger;
use crate::{
    domain::fee::INCOME_GL,
    grpc::convert,
    store::{chart, fees},
};

impl Ledger {
    /// Quotes the fee of an event on an account to whoever may see it. Whoever charges it adds its
    /// legs to the transaction that causes it.
    ///
    /// # Errors
    /// INVALID_REQUEST, `ACCOUNT_NOT_FOUND`, `CURRENCY_MISMATCH`.
    pub async fn quote_fee(
        &self,
        ctx: &CallContext,
        request: QuoteFeeRequest,
    ) -> Result<Response<QuoteFeeResponse>, Status> {
        let (id, event, amount) = convert::quote(&request)?;
        let (account, _) = self.account_seen_by(ctx, id).await?;
        let amount = amount.unwrap_or_else(|| Money::zero(account.currency));
        if amount.currency() != account.currency {
            let (expected, given) = (account.currency, amount.currency());
            let text = format!("account {id} is in {expected}, the amount is in {given}");
            let mismatch = Error::new(CommonReason::CurrencyMismatch, text);
            return Err(mismatch.into());
        }
        let db = self.db.read();
        let today = chart::books(db).await.map_err(internal)?.business_date;
        let all = fees::all(db).await.map_err(internal)?;
        let schedules = all.get(&(account.product.clone(), account.currency, event));
        let found = schedules.and_then(|schedules| schedules.on(today));
        let (fee, schedule_from) = match found {
            None => (0, String::new()),
            Some((from, schedule)) => {
                let beyond = || Error::internal(format!("a fee on {id} leaves 64 bits"));
                (schedule.fee(amount.minor()).ok_or_else(beyond)?, from.to_string())
            }
        };
        Ok(Response::new(QuoteFeeResponse {
            fee: Some(wire_money(account.money(fee))),
            gl_code: INCOME_GL.to_owned(),
            schedule_from,
        }))
    }
}
