//! Whether the hash of each statement is that of its content, of the one before it and of the
//! history that it tells of.

use florin_store::StoreError;

use super::{PAGE, Report, Summary};
use crate::store::{statements::verify as statements, verify::Snapshot};

/// Reads every statement.
pub(super) async fn check<F>(
    snapshot: &Snapshot,
    summary: &mut Summary,
    report: &mut F,
) -> Result<(), StoreError>
where
    F: AsyncFnMut(Report) -> Result<(), StoreError>,
{
    let (mut at, mut done) = ((String::new(), 0_i64), 0_i64);
    loop {
        let page = statements::hashed_after(snapshot, (&at.0, at.1), PAGE).await?;
        let Some((last, ..)) = page.last() else { return Ok(()) };
        at = (last.account.to_string(), last.number);
        for (statement, previous, event) in page {
            done += 1;
            if statement.digest(&previous, &event) == statement.hash {
                continue;
            }
            summary.breaches += 1;
            let record = format!("{} {}", statement.account, statement.through);
            let description = "its hash is not that of its content and predecessor".to_owned();
            report(Report::Breach { check: "statements", record, description }).await?;
        }
        report(Report::Progress { check: "statements", done }).await?;
    }
}
