//! What is between this bank and the clearing network, and what it caused in the ledger.

use anyhow::{Context as _, Result};
use florin_kernel::{Money, Role};
use florin_proto::{
    account::v1::HoldStatus,
    money_of,
    payment::v1::{
        ClearingDirection, ClearingStage, ExportClearingRequest, ExportClearingResponse,
        ExportTransfersResponse, TransferStatus, payment_service_client::PaymentServiceClient,
    },
};

use super::{Held, Pairing, Posted, recalls::Returns, repairs::Repaired, time_of, total_of};
use crate::connect::Caller;

/// Pairs everything with its references; how many there were.
pub(super) async fn pair(
    caller: &Caller,
    pairing: &mut Pairing<'_>,
    returns: &mut Returns,
    repaired: &Repaired,
) -> Result<u64> {
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
        returns.note(&item);
        pairing.clearing(&item)?;
        pairing.is_as_repaired(&item, repaired);
    }
    Ok(count)
}

impl Pairing<'_> {
    /// A payment to another bank that the network has is set aside, whole and once, until it is
    /// taken or given back; one whose money the ledger has refused to set aside ends unpaid.
    pub(super) fn set_aside(
        &mut self,
        transfer: &ExportTransfersResponse,
        (posted, holds): (&[Posted], &[Held]),
        voided: Option<&str>,
        young: bool,
    ) -> Result<()> {
        let (id, status) = (&transfer.transfer_id, transfer.status());
        let is_unpaid = [TransferStatus::Holding, TransferStatus::Failed].contains(&status);
        if let Some(cause) = voided.filter(|_| !is_unpaid) {
            let status = status.as_str_name();
            let text = format!("{id} is {status} and its hold was voided for {cause}");
            self.report.breach("holds", &text);
        }
        let amount = Some(total_of(transfer)?);
        let is = |wanted: HoldStatus| match holds {
            [only] => only.status == wanted && only.amount == amount,
            _ => false,
        };
        let open = is(HoldStatus::Open);
        // What a worker has had done and not yet written down is there, too.
        let is_whole = match status {
            TransferStatus::Submitting => open && posted.is_empty(),
            TransferStatus::Settling => {
                let ended = is(HoldStatus::Captured) || is(HoldStatus::Released);
                open || (ended && !posted.is_empty())
            }
            TransferStatus::Releasing => (open || is(HoldStatus::Released)) && posted.is_empty(),
            TransferStatus::Holding => posted.is_empty(),
            TransferStatus::Unspecified
            | TransferStatus::Processing
            | TransferStatus::AwaitingScore
            | TransferStatus::Posting
            | TransferStatus::Completed
            | TransferStatus::Failed
            | TransferStatus::Cancelled => true,
        };
        if !is_whole && !young {
            let (status, found) = (status.as_str_name(), holds.len());
            let moved = posted.len();
            let text = format!(
                "{id} is {status} and its money is not as it should be: {found} holds, {moved} \
                 postings"
            );
            self.report.breach("holds", &text);
        }
        Ok(())
    }

    /// What people have to end, or nobody has for a while, is told: it may be money that stands
    /// in nobody's books. A customer's payment is told by its transfer.
    fn waits(&mut self, item: &ExportClearingResponse, young: bool) {
        let (id, stage) = (&item.clearing_id, item.stage());
        if !item.contradiction.is_empty() {
            let (stage, said) = (stage.as_str_name(), &item.contradiction);
            let text = format!("{id} is {stage} and the network has said {said}");
            self.report.breach("clearing", &text);
        }
        let ended = matches!(stage, ClearingStage::Done | ClearingStage::Unpaid);
        if ended || young || item.direction() == ClearingDirection::Out {
            return;
        }
        let (stage, cause) = (stage.as_str_name(), &item.last_cause);
        self.report.unfinished(&format!("{id} is {stage} and has not changed for 10 s {cause}"));
    }

    /// Each reference that is told as posted has one journal transaction of the amount, each that
    /// is told as void has none; what is open may have one, or be void.
    pub(super) fn clearing(&mut self, item: &ExportClearingResponse) -> Result<()> {
        let id = &item.clearing_id;
        let young = time_of(item.changed_at.as_ref()) > self.settled_before;
        self.waits(item, young);
        for reference in &item.void_references {
            self.ledger.voids.remove(reference);
            for one in self.ledger.transactions.remove(reference).unwrap_or_default() {
                let (stage, booked) = (item.stage().as_str_name(), &one.transaction_id);
                let text = format!("{id} is {stage} and {booked} stands under {reference}");
                self.report.breach("pairing", &text);
            }
        }
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
