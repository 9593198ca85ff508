//! Whether what is booked of each account's interest is the rounded sum.

use florin_store::StoreError;

use super::{PAGE, Report, Summary};
use crate::store::verify::{Snapshot, interest};

/// Reads every account's interest.
pub(super) async fn check<F>(
    snapshot: &Snapshot,
    summary: &mut Summary,
    report: &mut F,
) -> Result<(), StoreError>
where
    F: AsyncFnMut(Report) -> Result<(), StoreError>,
{
    let (mut after, mut done) = (String::new(), 0_i64);
    loop {
        let page = interest::accruals_after(snapshot, &after, PAGE).await?;
        let Some((last, ..)) = page.last() else { return Ok(()) };
        after.clone_from(last);
        for (record, currency, accrual) in page {
            done += 1;
            let exact = accrual.at.map(|at| at.accrued).unwrap_or_default();
            if exact.rounded(currency) == Some(accrual.booked) {
                continue;
            }
            summary.breaches += 1;
            let booked = accrual.booked;
            let description = format!(
                "accrued are {} and {}, booked are {} and {} minor units",
                exact.credit, exact.overdraft, booked.credit, booked.overdraft
            );
            report(Report::Breach { check: "interest", record, description }).await?;
        }
        report(Report::Progress { check: "interest", done }).await?;
    }
}
