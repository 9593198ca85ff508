//! The trial balance at the end of a booking date.

use std::collections::BTreeMap;

use florin_proto::account::v1::{GetTrialBalanceRequest, GetTrialBalanceResponse};
use florin_rpc::{CallContext, Error};
use florin_runtime::internal;
use tonic::{Response, Status};

use super::ledger::Ledger;
use crate::{grpc::convert, store::chart, wire};

impl Ledger {
    /// Returns the rows, and whether debits equal credits in each currency.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn get_trial_balance(
        &self,
        _: &CallContext,
        request: GetTrialBalanceRequest,
    ) -> Result<Response<GetTrialBalanceResponse>, Status> {
        let as_of = convert::as_of_booking_date(&request.as_of_booking_date)?;
        let rows = chart::trial_balance(self.db.read(), as_of).await.map_err(internal)?;
        let mut sums: BTreeMap<_, i128> = BTreeMap::new();
        for row in &rows {
            *sums.entry(row.currency).or_default() += row.credits - row.debits;
        }
        let balanced = sums.values().all(|sum| *sum == 0);
        let rows = rows.into_iter().map(wire::trial_row).collect::<Result<_, Error>>()?;
        Ok(Response::new(GetTrialBalanceResponse { rows, balanced }))
    }
}
