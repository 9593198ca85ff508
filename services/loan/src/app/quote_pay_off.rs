//! Tells what pays a loan off on a day.

use florin_proto::{
    loan::v1::{QuotePayOffRequest, QuotePayOffResponse},
    wire_money,
};
use florin_rpc::{CallContext, Error};
use tonic::{Response, Status};

use super::{Lending, loaded::load, servicing};
use crate::{
    domain::refusal::Refusal, grpc::convert::servicing::PayOffDraft, wire::servicing::wire_amounts,
};

impl Lending {
    /// Reckons it, by what repays.
    ///
    /// # Errors
    /// Every violated field; `LOAN_NOT_FOUND`, `LOAN_STATE`, `BACKDATED`, `NO_SCHEDULE`.
    pub async fn quote_pay_off(
        &self,
        ctx: &CallContext,
        request: QuotePayOffRequest,
    ) -> Result<Response<QuotePayOffResponse>, Status> {
        let draft = PayOffDraft::try_from(&request).map_err(Error::invalid)?;
        let on = match draft.on {
            Some(on) => on,
            None => self.books.today(ctx).await?,
        };
        let record = self.seen(ctx, draft.loan).await?;
        let loaded = load(self.db.read(), vec![record]).await.map_err(florin_runtime::internal)?;
        let loaded = loaded.into_iter().next();
        let loaded = loaded.ok_or_else(|| Error::internal("a loan that was there is gone"))?;
        let state = loaded.loan.state();
        let book = loaded.loan.book().filter(|_| state.is_running());
        let not_running = || Refusal::NotAllowed { state, verb: "paid off" };
        let book = book.ok_or_else(|| servicing::refused(&loaded, not_running()))?;
        if on < book.through() {
            let refusal = Refusal::Backdated { on, last: book.through() };
            return Err(servicing::refused(&loaded, refusal).into());
        }
        let pay_off = book.pay_off(on);
        let pay_off = pay_off.map_err(|error| servicing::refused(&loaded, error.into()))?;
        let record = &loaded.record;
        Ok(Response::new(QuotePayOffResponse {
            on: pay_off.on.to_string(),
            owed: Some(wire_amounts(record.currency, &pay_off.owed)),
            credit: Some(wire_money(record.money(pay_off.credit))),
            total: Some(wire_money(record.money(pay_off.total))),
        }))
    }
}
