//! Our money at the clearing network: what its last statements tell is what the nostro account
//! has, entry by entry.

use anyhow::Result;

use crate::{connect::Caller, ops::clearing, prove::report::Report};

/// Compares; how many statements there were.
pub(super) async fn compare(caller: &Caller, report: &mut Report) -> Result<usize> {
    let reconciliations = clearing::reconcile(caller).await?;
    for one in &reconciliations {
        for difference in &one.differences {
            let text = format!("{}: {}", one.statement_id, clearing::line(difference));
            report.breach("nostro", &text);
        }
        for under_way in &one.under_way {
            report.in_flight(&clearing::line(under_way));
        }
    }
    Ok(reconciliations.len())
}
