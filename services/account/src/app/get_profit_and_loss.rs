//! Profit and loss of a period of booking dates.

use florin_proto::account::v1::{
    GetProfitAndLossRequest, GetProfitAndLossResponse, ProfitAndLossTotal,
};
use florin_rpc::{CallContext, Error};
use florin_runtime::internal;
use tonic::{Response, Status};

use super::ledger::Ledger;
use crate::{domain::statement, grpc::convert, store::chart, wire};

impl Ledger {
    /// Returns income and expenses of the period.
    ///
    /// # Errors
    /// INVALID_REQUEST.
    pub async fn get_profit_and_loss(
        &self,
        _: &CallContext,
        request: GetProfitAndLossRequest,
    ) -> Result<Response<GetProfitAndLossResponse>, Status> {
        let (from, to) = convert::period(&request)?;
        let period = (Some(from), Some(to));
        let found = self.trial_balance(period).await.map_err(internal)?;
        let of_result = || found.iter().filter(|row| !row.class.on_balance_sheet());
        let totals = statement::totals(of_result().map(chart::TrialRow::by_class));
        let rows = of_result().map(wire::statement_row).collect::<Result<_, _>>()?;
        let totals = totals.into_iter().map(|(currency, of)| {
            let money = |sum| wire::sum_of(sum, currency).map(Some);
            Ok(ProfitAndLossTotal {
                income: money(of.income)?,
                expenses: money(of.expenses)?,
                result: money(of.result())?,
            })
        });
        let totals = totals.collect::<Result<_, Error>>()?;
        Ok(Response::new(GetProfitAndLossResponse { rows, totals }))
    }
}
