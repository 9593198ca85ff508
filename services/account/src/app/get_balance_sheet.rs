//! The balance sheet at the end of a booking date.

use florin_proto::account::v1::{
    BalanceSheetTotal, GetBalanceSheetRequest, GetBalanceSheetResponse,
};
use florin_rpc::{CallContext, Error};
use florin_runtime::internal;
use tonic::{Response, Status};

use super::ledger::Ledger;
use crate::{domain::statement, grpc::convert, store::chart, wire};

impl Ledger {
    /// Returns assets, liabilities and equity, with the result since the beginning.
    ///
    /// # Errors
    /// INVALID_REQUEST.
    pub async fn get_balance_sheet(
        &self,
        _: &CallContext,
        request: GetBalanceSheetRequest,
    ) -> Result<Response<GetBalanceSheetResponse>, Status> {
        let as_of = convert::as_of_booking_date(&request.as_of_booking_date)?;
        let found = self.trial_balance((None, as_of)).await.map_err(internal)?;
        let totals = statement::totals(found.iter().map(chart::TrialRow::by_class));
        let balanced = totals.values().all(statement::Totals::balance);
        let rows = found.iter().filter(|row| row.class.on_balance_sheet());
        let rows = rows.map(wire::statement_row).collect::<Result<_, _>>()?;
        let totals = totals.into_iter().map(|(currency, of)| {
            let money = |sum| wire::sum_of(sum, currency).map(Some);
            Ok(BalanceSheetTotal {
                assets: money(of.assets)?,
                liabilities: money(of.liabilities)?,
                equity: money(of.equity)?,
                result: money(of.result())?,
            })
        });
        let totals = totals.collect::<Result<_, Error>>()?;
        Ok(Response::new(GetBalanceSheetResponse { rows, totals, balanced }))
    }
}
