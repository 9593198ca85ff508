//! The trial balance at the end of a booking date.

use std::collections::BTreeMap;

use florin_kernel::Date;
use florin_rpc::Error;
use florin_runtime::internal;

use super::ledger::Ledger;
use crate::store::chart::{self, TrialRow};

/// The rows, and whether debits equal credits in each currency.
///
/// # Errors
/// Those of the database.
pub async fn get_trial_balance(
    ledger: &Ledger,
    as_of: Option<Date>,
) -> Result<(Vec<TrialRow>, bool), Error> {
    let rows = chart::trial_balance(ledger.db.read(), as_of).await.map_err(internal)?;
    let mut sums: BTreeMap<_, i128> = BTreeMap::new();
    for row in &rows {
        *sums.entry(row.currency).or_default() += row.credits - row.debits;
    }
    let balanced = sums.values().all(|sum| *sum == 0);
    Ok((rows, balanced))
}
