//! Recalls, and what they caused: an accepted one has exactly one debit of the customer and one
//! return, a rejected one neither, and each that ended says what it was answered.

use std::collections::{HashMap, HashSet};

use anyhow::Result;
use florin_kernel::Money;
use florin_proto::{
    money_of,
    payment::v1::{
        ClearingDirection, ClearingStage, ExportClearingResponse, Recall, RecallDirection,
        RecallStatus,
    },
};

use super::{Pairing, time_of};
use crate::{connect::Caller, ops};

/// What went back, and what came back, by what it is of.
#[derive(Debug, Default)]
pub(super) struct Returns {
    /// Returns that were made of what came in: how often.
    out: HashMap<String, u32>,
    /// Transfers whose money came back.
    back: HashSet<String>,
    /// What was taken back for a recall.
    taken: HashSet<String>,
}

impl Returns {
    /// Notes one thing between this bank and the network.
    pub(super) fn note(&mut self, item: &ExportClearingResponse) {
        let done = item.stage() == ClearingStage::Done;
        match item.direction() {
            ClearingDirection::ReturnOut if done => {
                for reference in &item.posted_references {
                    let came = reference.strip_suffix("/returned").unwrap_or(reference);
                    let count = self.out.entry(came.to_owned()).or_default();
                    *count = count.saturating_add(1);
                }
            }
            // In suspense it is back as well.
            ClearingDirection::ReturnIn if done || item.stage() == ClearingStage::Kept => {
                self.back.insert(item.transfer_id.clone());
            }
            ClearingDirection::ReturnOut
            | ClearingDirection::ReturnIn
            | ClearingDirection::Out
            | ClearingDirection::In
            | ClearingDirection::Unspecified => {}
        }
    }
}

/// Pairs all recalls; how many there were. After the clearing: what ended since is young.
pub(super) async fn pair(
    caller: &Caller,
    pairing: &mut Pairing<'_>,
    mut returns: Returns,
) -> Result<u64> {
    let mut count = 0_u64;
    ops::recalls::each(caller, false, |recall| {
        count = count.saturating_add(1);
        pairing.recall(recall, &mut returns)
    })
    .await?;
    Ok(count)
}

impl Pairing<'_> {
    pub(super) fn recall(&mut self, recall: &Recall, returns: &mut Returns) -> Result<()> {
        let id = &recall.recall_id;
        let young = time_of(recall.changed_at.as_ref()) > self.settled_before;
        let status = recall.status();
        self.debit(recall, young)?;
        let ended = matches!(status, RecallStatus::Accepted | RecallStatus::Rejected);
        if ended && recall.answer.is_empty() {
            self.report.breach("recalls", &format!("{id} has ended and tells no answer"));
        }
        match (recall.direction(), status) {
            (RecallDirection::In, RecallStatus::Accepted) => {
                let made = returns.out.get(&recall.clearing_id).copied().unwrap_or(0);
                match made {
                    1 => {}
                    0 if young => self.report.in_flight(&format!("{id} was accepted just now")),
                    made => {
                        let text = format!("{id} is ACCEPTED and has {made} returns, not one");
                        self.report.breach("recalls", &text);
                    }
                }
                if !returns.taken.insert(recall.clearing_id.clone()) {
                    let text = format!("{id} is the second that took {} back", recall.clearing_id);
                    self.report.breach("recalls", &text);
                }
            }
            (RecallDirection::Out, RecallStatus::Accepted)
                if !returns.back.contains(&recall.transfer_id) =>
            {
                let text = format!("{id} is ACCEPTED and {} is not back", recall.transfer_id);
                if young {
                    self.report.in_flight(&text);
                } else {
                    self.report.breach("recalls", &text);
                }
            }
            (
                _,
                RecallStatus::Received
                | RecallStatus::Debiting
                | RecallStatus::Answering
                | RecallStatus::Sending,
            ) => {
                let status = status.as_str_name();
                if young {
                    self.report.in_flight(&format!("{id} is {status}"));
                } else {
                    let text = format!("{id} is {status} and has not changed for 10 s");
                    self.report.unfinished(&text);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The debit of the customer stands where the money went, or goes, back, and nowhere else.
    fn debit(&mut self, recall: &Recall, young: bool) -> Result<()> {
        let (id, reference) = (&recall.recall_id, &recall.debit_reference);
        if reference.is_empty() {
            return Ok(());
        }
        let posted = self.ledger.transactions.remove(reference).unwrap_or_default();
        let voided = self.ledger.voids.remove(reference);
        let amount = money_of(recall.amount.as_ref())?;
        let status = recall.status();
        match status {
            RecallStatus::Returning | RecallStatus::Accepted => {
                match posted.as_slice() {
                    [] if young => self.report.in_flight(&format!("{id} was debited just now")),
                    [one] if one.debits == [amount] => {}
                    others => {
                        let booked = others.iter().flat_map(|one| &one.debits);
                        let booked: Vec<_> = booked.map(Money::to_string).collect();
                        let text = format!("{id} is of {amount}, {reference} has {booked:?}");
                        self.report.breach("recalls", &text);
                    }
                }
                if let Some(cause) = voided {
                    let text = format!("{id} is debited and {reference} was voided for {cause}");
                    self.report.breach("recalls", &text);
                }
            }
            // The ledger is asked, or was a moment ago.
            RecallStatus::Debiting => {}
            RecallStatus::Unspecified
            | RecallStatus::Received
            | RecallStatus::Waiting
            | RecallStatus::Answering
            | RecallStatus::Rejected
            | RecallStatus::Sending
            | RecallStatus::Sent => {
                if let [first, ..] = posted.as_slice() {
                    let (status, txn) = (status.as_str_name(), &first.transaction_id);
                    let text = format!("{id} is {status} and {txn} has debited the customer");
                    self.report.breach("recalls", &text);
                }
            }
        }
        Ok(())
    }
}
