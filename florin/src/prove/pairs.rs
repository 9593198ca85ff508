//! Payment's records and what they caused in the ledger, paired by reference.

mod authorisations;
mod booked;
mod clearing;
mod loans;
mod nostro;
mod recalls;
mod repairs;
mod returns;
mod suspense;

use std::time::Duration;

use anyhow::{Context as _, Result};
use florin_kernel::{Money, Role, UnixMicros};
use florin_proto::{
    account::v1::HoldStatus,
    money_of,
    payment::v1::{
        ExportTransfersRequest, ExportTransfersResponse, TransferStatus,
        payment_service_client::PaymentServiceClient,
    },
};

use self::booked::{Held, Ledger, Posted, load, print_of, time_of};
use crate::{
    connect::Caller,
    prove::{keys::Keys, micros, report::Report},
};

/// How long the sweeper may be behind: a hold whose time is over for less is late, no breach.
const LATE: Duration = Duration::from_secs(15 * 60);
/// What a transfer failed for whose reference was voided for a reason of a later release.
const REFERENCE_VOIDED: &str = "REFERENCE_VOIDED";

/// Pairs everything; what changed after `settled_before` is in flight.
pub async fn pair(
    caller: &Caller,
    settled_before: UnixMicros,
    mut keys: Option<Keys>,
    report: &mut Report,
) -> Result<()> {
    report.part("payment and ledger");
    let mut ledger = load(caller).await?;
    let mut pairing = Pairing::new(&mut ledger, settled_before, report);
    let mut transfers = caller
        .stream(Role::Payment, ExportTransfersRequest {}, |channel, request| async move {
            PaymentServiceClient::new(channel).export_transfers(request).await
        })
        .await
        .context("exporting transfers")?;
    let mut count = 0_u64;
    while let Some(transfer) = transfers.message().await.context("exporting transfers")? {
        count = count.saturating_add(1);
        if let Some(keys) = &mut keys {
            keys.meet(&transfer.idempotency_key);
        }
        pairing.transfer(&transfer)?;
    }
    pairing.compare_returns();
    let mut returns = recalls::Returns::default();
    let repaired = repairs::pair(caller, &mut pairing).await?;
    pairing.compare_released(&repaired);
    let between = clearing::pair(caller, &mut pairing, &mut returns, &repaired).await?;
    let recalled = recalls::pair(caller, &mut pairing, returns).await?;
    let cards = authorisations::pair(caller, &mut pairing).await?;
    pairing.left_over();
    let lent = loans::pair(caller, &mut ledger, settled_before, report).await?;
    let others = ledger.others;
    report.step(&format!(
        "paired {count} transfers, {between} of the clearing, {recalled} recalls, {} repairs, \
         {cards} authorisations, {lent} movements of loans; {others} references of other callers",
        repaired.count()
    ));
    let (statements, suspense) = nostro::compare(caller, report).await?;
    suspense::compare(caller, &suspense, report).await?;
    report.step(&format!("compared {statements} statements of the clearing network"));
    if let Some(keys) = keys {
        keys.report(report);
    }
    Ok(())
}

/// What a transfer takes: the fee is set aside and debited with the amount.
fn total_of(transfer: &ExportTransfersResponse) -> Result<Money> {
    let amount = money_of(transfer.amount.as_ref())?;
    Ok(match &transfer.fee {
        None => amount,
        some => amount.checked_add(money_of(some.as_ref())?)?,
    })
}

/// Whether the money went from or to another account. A replica of before tells nothing of it.
fn is_elsewhere(transfer: &ExportTransfersResponse, posted: &Posted) -> bool {
    let told = print_of(&transfer.debited, &transfer.credited);
    told.is_some() && posted.sides.is_some() && told != posted.sides
}

struct Pairing<'p> {
    ledger: &'p mut Ledger,
    settled_before: UnixMicros,
    report: &'p mut Report,
    relations: returns::Relations,
    /// Transfers that are COMPLETED and whose hold was released: right where two persons have had
    /// it settled after all.
    released: Vec<String>,
}

impl<'p> Pairing<'p> {
    fn new(ledger: &'p mut Ledger, settled_before: UnixMicros, report: &'p mut Report) -> Self {
        let relations = returns::Relations::default();
        Self { ledger, settled_before, report, relations, released: Vec::new() }
    }

    fn transfer(&mut self, transfer: &ExportTransfersResponse) -> Result<()> {
        let id = &transfer.transfer_id;
        let young = time_of(transfer.changed_at.as_ref()) > self.settled_before;
        let posted = self.ledger.transactions.remove(&transfer.posting_reference);
        let posted = posted.unwrap_or_default();
        self.relate(transfer, &posted)?;
        let holds = self.ledger.holds.remove(id).unwrap_or_default();
        let voided_hold = self.ledger.voids.remove(&format!("{id}/hold"));
        self.set_aside(transfer, (&posted, &holds), voided_hold.as_deref(), young)?;
        let voided = self.ledger.voids.remove(&transfer.posting_reference);
        self.void(transfer, voided.as_deref(), young);
        let unfinished = match transfer.status() {
            TransferStatus::Completed => {
                self.completed(transfer, &posted, &holds, young)?;
                false
            }
            TransferStatus::Failed | TransferStatus::Cancelled => {
                self.ended_unpaid(id, &posted, &holds, young);
                false
            }
            TransferStatus::Processing
            | TransferStatus::AwaitingScore
            | TransferStatus::Posting
            | TransferStatus::Holding
            | TransferStatus::Submitting
            | TransferStatus::Settling
            | TransferStatus::Releasing => true,
            TransferStatus::Unspecified => {
                self.report.breach("pairing", &format!("{id} has no state"));
                false
            }
        };
        if unfinished && young {
            self.report.in_flight(&format!("{id} is {}", transfer.status().as_str_name()));
        } else if unfinished {
            let status = transfer.status().as_str_name();
            self.report.unfinished(&format!("{id} is {status} and has not changed for 10 s"));
        }
        Ok(())
    }

    /// FAILED says that nothing is ever posted under the reference, which its void alone ensures.
    fn void(&mut self, transfer: &ExportTransfersResponse, voided: Option<&str>, young: bool) {
        let (id, status) = (&transfer.transfer_id, transfer.status());
        match (status, voided) {
            (TransferStatus::Failed, Some(cause)) => {
                let reason = &transfer.failure_reason;
                // An older `payment` tells no reason; a cause of a later release is told as void.
                if cause != reason && !["", REFERENCE_VOIDED].contains(&reason.as_str()) {
                    let text =
                        format!("{id} failed for {reason}, its reference is void for {cause}");
                    self.report.breach("pairing", &text);
                }
            }
            // Its void may have come after the export of the references.
            (TransferStatus::Failed, None) if young => {
                self.report.in_flight(&format!("{id} failed just now"));
            }
            (TransferStatus::Failed, None) if transfer.voided => {
                let text = format!("{id} is FAILED and its reference is not void in the ledger");
                self.report.breach("pairing", &text);
            }
            (TransferStatus::Failed, None) => {
                let text = format!("{id} is FAILED and `payment` has not had its reference voided");
                self.report.unfinished(&text);
            }
            (TransferStatus::Completed | TransferStatus::Cancelled, Some(cause)) => {
                let status = status.as_str_name();
                let text = format!("{id} is {status} and its reference was voided for {cause}");
                self.report.breach("pairing", &text);
            }
            (
                TransferStatus::Completed
                | TransferStatus::Cancelled
                | TransferStatus::Processing
                | TransferStatus::AwaitingScore
                | TransferStatus::Posting
                | TransferStatus::Holding
                | TransferStatus::Submitting
                | TransferStatus::Settling
                | TransferStatus::Releasing
                | TransferStatus::Unspecified,
                _,
            ) => {}
        }
    }

    fn completed(
        &mut self,
        transfer: &ExportTransfersResponse,
        posted: &[Posted],
        holds: &[Held],
        young: bool,
    ) -> Result<()> {
        let id = &transfer.transfer_id;
        let total = total_of(transfer)?;
        match posted {
            [] if young => self.report.in_flight(&format!("{id} was completed just now")),
            [] => self.report.breach(
                "pairing",
                &format!("{id} is COMPLETED and the ledger has no journal transaction of it"),
            ),
            [only] if only.debits != [total] => {
                let booked: Vec<String> = only.debits.iter().map(Money::to_string).collect();
                let (txn, booked) = (&only.transaction_id, booked.join(" and "));
                self.report.breach("pairing", &format!("{id} is of {total}, {txn} of {booked}"));
            }
            [only] if is_elsewhere(transfer, only) => {
                let (payer, payee) = (transfer.debited.join(", "), transfer.credited.join(", "));
                let txn = &only.transaction_id;
                let text = format!("{id} debits {payer} and credits {payee}, {txn} others");
                self.report.breach("pairing", &text);
            }
            [only] if only.transaction_id != transfer.transaction_id => {
                let (here, there) = (&only.transaction_id, &transfer.transaction_id);
                let text = format!("{id} names {there}, the ledger has {here} under its reference");
                self.report.breach("pairing", &text);
            }
            [_] => {}
            several => {
                let text = format!("{id} has {} journal transactions, not one", several.len());
                self.report.breach("pairing", &text);
            }
        }
        for hold in holds {
            let end = match hold.status {
                HoldStatus::Captured => continue,
                // The ledger was read before it.
                HoldStatus::Open if young => {
                    self.report.in_flight(&format!("{id} was completed just now"));
                    continue;
                }
                HoldStatus::Open => "is still open",
                // Its money became an entry before the rest was given back.
                HoldStatus::Released | HoldStatus::Expired if hold.captured => continue,
                HoldStatus::Released
                    if hold.reference == format!("{id}/hold") && posted.len() == 1 =>
                {
                    self.released.push(id.clone());
                    continue;
                }
                HoldStatus::Released => "was released, nothing captured",
                HoldStatus::Expired => "expired, nothing captured",
                HoldStatus::Unspecified => "has no state",
            };
            let text = format!("{id} is COMPLETED and its hold {} {end}", hold.reference);
            self.report.breach("holds", &text);
        }
        Ok(())
    }

    fn ended_unpaid(&mut self, id: &str, posted: &[Posted], holds: &[Held], young: bool) {
        if let [first, ..] = posted {
            let text = format!("{id} ended unpaid and {} moved its money", first.transaction_id);
            self.report.breach("pairing", &text);
        }
        for hold in holds {
            let end = match hold.status {
                HoldStatus::Open if young => {
                    self.report.in_flight(&format!("{id} ended just now"));
                    continue;
                }
                HoldStatus::Open => "is still open",
                HoldStatus::Captured | HoldStatus::Released | HoldStatus::Expired
                    if hold.captured =>
                {
                    "was captured"
                }
                HoldStatus::Captured | HoldStatus::Released | HoldStatus::Expired => continue,
                HoldStatus::Unspecified => "has no state",
            };
            let text = format!("{id} ended unpaid and its hold {} {end}", hold.reference);
            self.report.breach("holds", &text);
        }
    }

    /// What the ledger has under payment's name and no transfer claimed.
    fn left_over(&mut self) {
        for (reference, posted) in &self.ledger.transactions {
            for one in posted {
                let text = format!("{} under {reference} has no transfer", one.transaction_id);
                if one.recorded_at > self.settled_before {
                    self.report.in_flight(&text);
                } else {
                    self.report.breach("pairing", &text);
                }
            }
        }
        for (reference, cause) in &self.ledger.voids {
            let text = format!("{reference} was voided for {cause} and has no transfer");
            self.report.breach("pairing", &text);
        }
        for (hold, over) in &self.ledger.timed {
            if *over > self.settled_before {
                continue;
            }
            let text = format!("{hold} is open and its time was over 10 s ago and more");
            if *over > self.settled_before.plus_micros(-micros(LATE)) {
                self.report.unfinished(&text);
            } else {
                self.report.breach("holds", &text);
            }
        }
        let left = self.ledger.holds.iter();
        let left = left.flat_map(|(owner, holds)| holds.iter().map(move |hold| (owner, hold)));
        for (owner, hold) in left.filter(|(_, hold)| hold.status == HoldStatus::Open) {
            let text = format!("the open hold of {owner} has no unfinished transfer");
            if hold.placed_at > self.settled_before {
                self.report.in_flight(&text);
            } else {
                self.report.breach("holds", &text);
            }
        }
    }
}

#[cfg(test)]
mod tests;
