//! Whether the seals are what they cover, each chained to the one before, from a seal that was
//! kept outside or from the first.

use florin_store::{StoreError, rows::hex};

use super::{PAGE, Report, Summary};
use crate::store::{chain, seals, verify::Snapshot};

/// A seal as somebody kept it: business date and hash in hexadecimal digits.
pub type Kept = (String, String);

/// Checks the chain of seals; `kept` is where the trust comes from.
pub(super) async fn check<F>(
    snapshot: &Snapshot,
    kept: Option<&Kept>,
    summary: &mut Summary,
    report: &mut F,
) -> Result<(), StoreError>
where
    F: AsyncFnMut(Report) -> Result<(), StoreError>,
{
    // Everything before the kept seal is vouched for by its hash.
    let (mut previous, mut after) = (Some(chain::GENESIS.to_vec()), String::new());
    if let Some((date, _)) = kept {
        previous = None;
        after = before(date);
    }
    let mut met = false;
    loop {
        let page = seals::after(snapshot, &after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.closed.to_string();
        for seal in page {
            let mut wrong = Vec::new();
            if previous.as_ref().is_some_and(|previous| *previous != seal.previous) {
                wrong.push("it is not chained to the seal before it".to_owned());
            }
            let (hash, accounts) =
                seals::digest(snapshot, seal.closed, &seal.previous, PAGE).await?;
            if (hash.as_slice(), accounts) != (seal.hash.as_slice(), seal.accounts) {
                wrong.push("its hash is not that of the accounts that it covers".to_owned());
            }
            if let Some((_, kept)) = kept.filter(|(date, _)| *date == seal.closed.to_string()) {
                met = true;
                let stored = hex(&seal.hash);
                if *kept != stored {
                    wrong.push(format!("its hash is {stored}, the seal that was kept has {kept}"));
                }
            }
            for description in wrong {
                summary.breaches += 1;
                let record = seal.closed.to_string();
                report(Report::Breach { check: "seal", record, description }).await?;
            }
            summary.seals += 1;
            previous = Some(seal.hash);
        }
        report(Report::Progress { check: "seal", done: summary.seals }).await?;
    }
    if let Some((date, _)) = kept.filter(|_| !met) {
        summary.breaches += 1;
        let description = "there is no seal of this date, but one was kept".to_owned();
        report(Report::Breach { check: "seal", record: date.clone(), description }).await?;
    }
    Ok(())
}

/// The greatest text below a date.
fn before(date: &str) -> String {
    date.parse::<florin_kernel::Date>()
        .ok()
        .and_then(|date| date.yesterday().ok())
        .map_or_else(String::new, |day| day.to_string())
}
