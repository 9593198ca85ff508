//! Counters of limits: each is the sum of what counts in it.

use anyhow::{Context as _, Result};
use florin_kernel::Role;
use florin_proto::payment::v1::{
    ExportLimitsRequest, payment_service_client::PaymentServiceClient,
};

use crate::{connect::Caller, prove::report::Report};

/// Compares every counter with what counts, and that with what it is of. Both are of one snapshot,
/// so nothing is in flight.
pub async fn compare(caller: &Caller, report: &mut Report) -> Result<()> {
    report.part("limits");
    let mut counters = caller
        .stream(Role::Payment, ExportLimitsRequest {}, |channel, request| async move {
            PaymentServiceClient::new(channel).export_limits(request).await
        })
        .await
        .context("exporting limits")?;
    let mut count = 0_u64;
    while let Some(one) = counters.message().await.context("exporting limits")? {
        if !one.finding.is_empty() {
            report.breach("limits", &format!("{} {}", one.counter_id, one.finding));
            continue;
        }
        count = count.saturating_add(1);
        if one.used != one.counted {
            let (id, used, counted) = (&one.counter_id, one.used, one.counted);
            let text = format!("{used} is used of {id}, {counted} counts, in minor units");
            report.breach("limits", &text);
        }
    }
    report.step(&format!("compared {count} counters of limits with what counts"));
    Ok(())
}
