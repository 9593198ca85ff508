//! What is between this bank and the clearing network, and what it caused in the ledger.

use anyhow::{Context as _, Result};
use florin_kernel::{Money, Role};
use florin_proto::{
    money_of,
    payment::v1::{
        ExportClearingRequest, ExportClearingResponse, payment_service_client::PaymentServiceClient,
    },
};

use super::{Pairing, time_of};
use crate::connect::Caller;

/// Pairs everything with its references; how many there were.
pub(super) async fn pair(caller: &Caller, pairing: &mut Pairing<'_>) -> Result<u64> {
    let request = ExportClearingRequest { waiting_only: false };
    let mut items = caller
        .stream(Role::Payment, request, |channel, request| async move {
            PaymentServiceClient::new(channel).export_clearing(request).await
        })
        .await
        .context("exporting the clearing")?;
    let mut count = 0_u64;
    while let Some(item) = items.message().await.context("exporting the clearing")? {
        count = count.saturating_add(1);
        pairing.clearing(&item)?;
    }
    Ok(count)
}

impl Pairing<'_> {
    /// Each reference that is told as posted has one journal transaction of the amount; what is
    /// open may have one, or be void.
    pub(super) fn clearing(&mut self, item: &ExportClearingResponse) -> Result<()> {
        let id = &item.clearing_id;
        let young = time_of(item.changed_at.as_ref()) > self.settled_before;
        if item.posted_references.is_empty() && item.open_references.is_empty() {
            // What could not be read has no amount either.
            return Ok(());
        }
        let amount = money_of(item.amount.as_ref())?;
        for reference in &item.posted_references {
            let posted = self.ledger.transactions.remove(reference).unwrap_or_default();
            match posted.as_slice() {
                [] if young => self.report.in_flight(&format!("{id} was booked just now")),
                [one] if one.debits == [amount] => {}
                others => {
                    let booked: Vec<_> = others
                        .iter()
                        .flat_map(|one| one.debits.iter().map(Money::to_string))
                        .collect();
                    let booked = booked.join(" and ");
                    let text = format!("{id} is of {amount}, {reference} has {booked:?}");
                    self.report.breach("pairing", &text);
                }
            }
            if let Some(cause) = self.ledger.voids.remove(reference) {
                let text = format!("{id} is booked and {reference} was voided for {cause}");
                self.report.breach("pairing", &text);
            }
        }
        for reference in &item.open_references {
            self.ledger.transactions.remove(reference);
            self.ledger.voids.remove(reference);
        }
        Ok(())
    }
}
