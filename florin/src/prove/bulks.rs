//! Files of transfers: each line that was executed is one transfer, and the sums agree.

use anyhow::{Context as _, Result};
use florin_kernel::{Money, Role};
use florin_proto::{
    money_of,
    payment::v1::{
        Bulk, BulkStatus, ExportBulksRequest, ExportBulksResponse,
        bulk_service_client::BulkServiceClient,
    },
};

use crate::{connect::Caller, prove::report::Report};

/// Compares every bulk with its lines and with the transfers of its name.
pub async fn pair(caller: &Caller, report: &mut Report) -> Result<()> {
    report.part("bulks and transfers");
    let mut bulks = caller
        .stream(Role::Payment, ExportBulksRequest {}, |channel, request| async move {
            BulkServiceClient::new(channel).export_bulks(request).await
        })
        .await
        .context("exporting bulks")?;
    let mut count = 0_u64;
    while let Some(bulk) = bulks.message().await.context("exporting bulks")? {
        count = count.saturating_add(1);
        for breach in breaches(&bulk)? {
            report.breach("bulks", &breach);
        }
    }
    report.step(&format!("compared {count} bulks with their lines and transfers"));
    Ok(())
}

/// What is wrong with a bulk. Its figures are of one snapshot, so nothing is in flight.
fn breaches(told: &ExportBulksResponse) -> Result<Vec<String>> {
    let bulk = told.bulk.clone().unwrap_or_default();
    let (id, status) = (&bulk.bulk_id, bulk.status());
    let mut breaches = Vec::new();
    let mut check = |holds: bool, text: String| {
        if !holds {
            breaches.push(format!("{id} is {}: {text}", status.as_str_name()));
        }
    };
    let ExportBulksResponse { kept_taken: taken, unpaired_lines: unpaired, .. } = told;
    check(*unpaired == 0, format!("{unpaired} executed lines are not their transfer"));
    check(
        told.transfers == *taken && told.transfers_sum == told.taken_sum,
        format!(
            "{taken} lines of {} are executed, {} transfers of {} are in its name",
            told.taken_sum, told.transfers, told.transfers_sum
        ),
    );
    check(
        bulk.taken_lines == *taken && bulk.refused_lines == told.kept_refused,
        format!(
            "it counts {} executed and {} refused lines, there are {taken} and {}",
            bulk.taken_lines, bulk.refused_lines, told.kept_refused
        ),
    );
    if is_decided(&bulk) {
        let sum = bulk.sum.as_ref().map(|sum| money_of(Some(sum))).transpose()?;
        let sum = sum.map(Money::minor).unwrap_or_default().to_string();
        check(
            bulk.lines == told.kept_lines
                && bulk.wrong_lines == told.kept_wrong
                && (told.kept_lines == 0 || sum == told.kept_sum),
            format!(
                "it says {} lines, {} wrong, {sum}; there are {}, {} and {}",
                bulk.lines, bulk.wrong_lines, told.kept_lines, told.kept_wrong, told.kept_sum
            ),
        );
    }
    // An older release keeps no batches.
    if is_decided(&bulk) && told.kept_batches > 0 {
        let ExportBulksResponse { kept_batches, batch_lines, batch_wrong, batch_sum, .. } = told;
        check(
            bulk.batches == *kept_batches
                && *batch_lines == told.kept_lines
                && *batch_wrong == told.kept_wrong
                && *batch_sum == told.kept_sum,
            format!(
                "it says {} batches; there are {kept_batches}, of {batch_lines} lines, \
                 {batch_wrong} wrong, {batch_sum}, and {} lines, {} wrong, {}",
                bulk.batches, told.kept_lines, told.kept_wrong, told.kept_sum
            ),
        );
    }
    let settled = taken.saturating_add(told.kept_refused);
    check(
        status != BulkStatus::Done || settled == told.kept_lines,
        format!("{settled} of {} lines have their end", told.kept_lines),
    );
    let is_executed =
        matches!(status, BulkStatus::Accepted | BulkStatus::Cancelled | BulkStatus::Done);
    let begun = *taken > 0 || told.transfers > 0;
    check(is_executed || !begun, format!("{taken} lines of it are executed"));
    check(!is_executed || !begun || told.kept_wrong == 0, "lines of it are wrong".to_owned());
    Ok(breaches)
}

/// Whether its own figures are final: not while it is read, nor where it was cancelled then.
fn is_decided(bulk: &Bulk) -> bool {
    match bulk.status() {
        BulkStatus::Accepted | BulkStatus::Rejected | BulkStatus::Done => true,
        BulkStatus::Cancelled => bulk.lines > 0,
        BulkStatus::Receiving | BulkStatus::Checking | BulkStatus::Unspecified => false,
    }
}

#[cfg(test)]
mod tests {
    use florin_proto::common::v1::Money as WireMoney;

    use super::*;

    fn done() -> ExportBulksResponse {
        let bulk = Bulk {
            bulk_id: "blk_1".into(),
            status: BulkStatus::Done.into(),
            lines: 3,
            taken_lines: 2,
            refused_lines: 1,
            batches: 2,
            sum: Some(WireMoney { currency: "EUR".into(), amount: "6.00".into() }),
            ..Bulk::default()
        };
        ExportBulksResponse {
            bulk: Some(bulk),
            kept_lines: 3,
            kept_wrong: 0,
            kept_taken: 2,
            kept_refused: 1,
            kept_sum: "600".into(),
            taken_sum: "300".into(),
            transfers: 2,
            transfers_sum: "300".into(),
            unpaired_lines: 0,
            kept_batches: 2,
            batch_lines: 3,
            batch_wrong: 0,
            batch_sum: "600".into(),
        }
    }

    fn count(change: impl FnOnce(&mut ExportBulksResponse)) -> usize {
        let mut told = done();
        change(&mut told);
        breaches(&told).expect("figures").len()
    }

    #[test]
    fn a_bulk_whose_figures_agree_is_no_breach_and_each_that_differs_is_one() {
        assert_eq!(count(|_| ()), 0);
        assert_eq!(count(|told| told.unpaired_lines = 1), 1);
        assert_eq!(count(|told| told.transfers = 3), 1, "a line was paid twice");
        assert_eq!(count(|told| told.transfers_sum = "400".into()), 1);
        assert_eq!(count(|told| told.kept_sum = "601".into()), 2, "of lines and of batches");
        assert_eq!(count(|told| told.batch_lines = 2), 1);
        assert_eq!(count(|told| told.batch_sum = "601".into()), 1);
        assert_eq!(count(|told| told.kept_batches = 1), 1);
        assert_eq!(count(|told| told.kept_batches = 0), 0, "checked by an older release");
        let bulk =
            |change: fn(&mut Bulk)| count(move |told| change(told.bulk.as_mut().expect("bulk")));
        assert_eq!(bulk(|bulk| bulk.taken_lines = 3), 1);
        assert_eq!(bulk(|bulk| bulk.lines = 4), 1);
        assert_eq!(count(|told| told.kept_refused = 0), 2, "a line without its end");
        for status in [BulkStatus::Rejected, BulkStatus::Receiving, BulkStatus::Checking] {
            let told = |told: &mut ExportBulksResponse| {
                told.bulk.as_mut().expect("bulk").set_status(status);
            };
            assert_eq!(count(told), 1, "{status:?}");
        }
    }
}
