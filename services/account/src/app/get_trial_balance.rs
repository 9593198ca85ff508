//! The trial balance at the end of a booking date.

use std::collections::BTreeMap;

use florin_kernel::Date;
use florin_proto::account::v1::{GetTrialBalanceRequest, GetTrialBalanceResponse};
use florin_rpc::{CallContext, Error, page};
use florin_runtime::internal;
use florin_store::StoreError;
use tonic::{Response, Status};

use super::{cut, ledger::Ledger};
use crate::{
    grpc::convert,
    store::chart::{self, TrialRow},
    wire,
};

impl Ledger {
    /// Returns a page of the rows, and whether debits equal credits in each currency. All of them
    /// are summed for each page: they are as many as GL accounts and currencies.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn get_trial_balance(
        &self,
        ctx: &CallContext,
        request: GetTrialBalanceRequest,
    ) -> Result<Response<GetTrialBalanceResponse>, Status> {
        let as_of = &request.as_of_booking_date;
        let (last, size) = convert::trial_page(&request)?;
        let after = page::decode(ctx.method, as_of.as_bytes(), &request.page_token)?;
        let after = after.unwrap_or_default();
        let rows = self.trial_balance((None, last)).await.map_err(internal)?;
        let mut sums: BTreeMap<_, i128> = BTreeMap::new();
        for row in &rows {
            *sums.entry(row.currency).or_default() += row.credits - row.debits;
        }
        let balanced = sums.values().all(|sum| *sum == 0);
        let left = rows.into_iter().filter(|row| cursor(row) > after).collect();
        let (rows, next_page_token) = cut(ctx, as_of, left, size, cursor);
        let rows = rows.into_iter().map(wire::trial_row).collect::<Result<_, Error>>()?;
        Ok(Response::new(GetTrialBalanceResponse { rows, balanced, next_page_token }))
    }

    /// Sums every leg of these booking dates: it may take longer than other statements, as long
    /// as its caller waits.
    pub(super) async fn trial_balance(
        &self,
        dates: (Option<Date>, Option<Date>),
    ) -> Result<Vec<TrialRow>, StoreError> {
        let snapshot = self.db.snapshot().await?;
        let rows = chart::trial_balance(&snapshot, dates).await?;
        snapshot.rollback().await?;
        Ok(rows)
    }
}

/// Where a row stands: a blank sorts before letters, digits and points.
fn cursor(row: &TrialRow) -> String {
    format!("{} {}", row.code, row.currency)
}
