//! Our money at the clearing network: what its last statements tell is what the nostro account
//! has, entry by entry.

use anyhow::Result;
use florin_proto::payment::v1::ReconcileClearingResponse;

use crate::{connect::Caller, ops::clearing, prove::report::Report};

/// Compares; how many statements there were, and the GL account of the suspense.
pub(super) async fn compare(caller: &Caller, report: &mut Report) -> Result<(usize, String)> {
    let compared = clearing::reconcile(caller).await?;
    tell(&compared, report);
    Ok((compared.reconciliations.len(), compared.suspense_gl_code))
}

fn tell(compared: &ReconcileClearingResponse, report: &mut Report) {
    for one in &compared.reconciliations {
        for difference in &one.differences {
            let text = format!("{}: {}", one.statement_id, clearing::line(difference));
            report.breach("nostro", &text);
        }
        for under_way in &one.under_way {
            report.in_flight(&clearing::line(under_way));
        }
        for untold in &one.untold {
            let (statement, line) = (&one.statement_id, clearing::line(untold));
            report.unfinished(&format!("{statement}: no statement has told in its time of {line}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use florin_proto::payment::v1::{NostroDifference, Reconciliation};

    use super::*;

    #[test]
    fn a_difference_is_a_breach_and_what_is_untold_for_long_is_unfinished() {
        let one = || vec![NostroDifference::default()];
        let of = |differences, under_way, untold| {
            let one = Reconciliation { differences, under_way, untold, ..Default::default() };
            let mut report = Report::default();
            let reconciliations = vec![one];
            tell(&ReconcileClearingResponse { reconciliations, ..Default::default() }, &mut report);
            (report.breaches(), report.younger(), report.stuck())
        };
        assert_eq!(of(one(), vec![], vec![]), (1, 0, 0));
        assert_eq!(of(vec![], one(), vec![]), (0, 1, 0));
        assert_eq!(of(vec![], vec![], one()), (0, 0, 1));
    }
}
