//! What two persons have decided: two, never one; what the ledger has of it; and that what was
//! repaired is where they put it.

use std::collections::{HashMap, HashSet};

use anyhow::Result;
use florin_kernel::Money;
use florin_proto::{
    money_of,
    payment::v1::{ClearingStage, ExportClearingResponse, Repair, RepairAction, RepairStatus},
};

use super::{Pairing, time_of};
use crate::{connect::Caller, ops::transfers::repairs};

/// What people have said, by what it is of: the last word of each sort.
#[derive(Debug, Default)]
pub(super) struct Repaired {
    /// How what went out ended.
    ends: HashMap<String, RepairAction>,
    /// Where what was in suspense went.
    leaves: HashMap<String, RepairAction>,
    /// What was dealt with otherwise.
    dismissed: HashSet<String>,
    /// The transfers among what they have settled.
    settled: HashSet<String>,
    count: u64,
}

impl Repaired {
    /// How many repairs there are.
    pub(super) const fn count(&self) -> u64 {
        self.count
    }
}

impl Repaired {
    /// Notes what was done.
    fn note(&mut self, repair: &Repair) {
        let (of, action) = (repair.clearing_id.clone(), repair.action());
        match action {
            RepairAction::Settle | RepairAction::Reject => {
                if action == RepairAction::Settle {
                    self.settled.insert(repair.transfer_id.clone());
                }
                self.ends.insert(of, action);
            }
            RepairAction::Return | RepairAction::Credit | RepairAction::BookOut => {
                self.leaves.insert(of, action);
            }
            RepairAction::Dismiss => {
                self.dismissed.insert(of);
            }
            RepairAction::Unspecified => {}
        }
    }
}

/// Pairs all repairs. Before the clearing is read: what is repaired since is young.
pub(super) async fn pair(caller: &Caller, pairing: &mut Pairing<'_>) -> Result<Repaired> {
    let mut repaired = Repaired::default();
    repairs::each(caller, false, |repair| pairing.repair(repair, &mut repaired)).await?;
    Ok(repaired)
}

impl Pairing<'_> {
    pub(super) fn repair(&mut self, repair: &Repair, repaired: &mut Repaired) -> Result<()> {
        repaired.count = repaired.count.saturating_add(1);
        let (id, status) = (&repair.approval_id, repair.status());
        let approved =
            matches!(status, RepairStatus::Executing | RepairStatus::Done | RepairStatus::Failed);
        if approved && (repair.checker.is_empty() || repair.checker == repair.maker) {
            let text = format!("{id} was approved by {:?} alone", repair.maker);
            self.report.breach("repairs", &text);
        }
        if status == RepairStatus::Done {
            repaired.note(repair);
        }
        if repair.posting_reference.is_empty() {
            return Ok(());
        }
        self.posting(repair)
    }

    fn posting(&mut self, repair: &Repair) -> Result<()> {
        let (id, reference) = (&repair.approval_id, &repair.posting_reference);
        let young = time_of(repair.changed_at.as_ref()) > self.settled_before;
        let posted = self.ledger.transactions.remove(reference).unwrap_or_default();
        let voided = self.ledger.voids.remove(reference);
        let amount = money_of(repair.amount.as_ref())?;
        let status = repair.status();
        match (status, posted.as_slice()) {
            (RepairStatus::Done, []) if young => {
                self.report.in_flight(&format!("{id} was done just now"));
            }
            (RepairStatus::Done, [one]) if one.debits == [amount] && voided.is_none() => {}
            (RepairStatus::Executing, _) if young => {
                self.report.in_flight(&format!("{id} is being booked"));
            }
            (RepairStatus::Executing, _) => {
                let cause = &repair.outcome;
                self.report.unfinished(&format!("{id} has not been booked for 10 s {cause}"));
            }
            (RepairStatus::Failed, []) if voided.is_some() || young => {}
            (
                RepairStatus::Proposed
                | RepairStatus::Rejected
                | RepairStatus::Lapsed
                | RepairStatus::Unspecified,
                [],
            ) => {}
            (
                RepairStatus::Done
                | RepairStatus::Failed
                | RepairStatus::Proposed
                | RepairStatus::Rejected
                | RepairStatus::Lapsed
                | RepairStatus::Unspecified,
                others,
            ) => {
                let booked = others.iter().flat_map(|one| &one.debits);
                let booked: Vec<_> = booked.map(Money::to_string).collect();
                let (status, voided) = (status.as_str_name(), voided.unwrap_or_default());
                let text = format!(
                    "{id} of {amount} is {status}, {reference} has {booked:?} and is void for \
                     {voided:?}"
                );
                self.report.breach("repairs", &text);
            }
        }
        Ok(())
    }

    /// A payment whose hold was given back is debited without it only where people have had it
    /// settled after all.
    pub(super) fn compare_released(&mut self, repaired: &Repaired) {
        for id in std::mem::take(&mut self.released) {
            if !repaired.settled.contains(&id) {
                let text = format!("{id} is COMPLETED, its hold was released, nothing captured");
                self.report.breach("holds", &text);
            }
        }
    }

    /// What people have ended is where they put it, whatever was said since.
    pub(super) fn is_as_repaired(&mut self, item: &ExportClearingResponse, repaired: &Repaired) {
        let (id, stage) = (&item.clearing_id, item.stage());
        let words = [
            repaired.ends.get(id).copied(),
            repaired.leaves.get(id).copied(),
            repaired.dismissed.contains(id).then_some(RepairAction::Dismiss),
        ];
        // Another repair may have overruled it since they were read.
        if time_of(item.changed_at.as_ref()) > self.settled_before {
            return;
        }
        for action in words.into_iter().flatten() {
            if !is_where(stage, action) {
                let (stage, action) = (stage.as_str_name(), action.as_str_name());
                let text = format!("{id} was repaired by {action} and is {stage}");
                self.report.breach("repairs", &text);
            }
        }
    }
}

/// Whether a repair of this sort has led here, or what follows from it has.
const fn is_where(stage: ClearingStage, action: RepairAction) -> bool {
    match action {
        RepairAction::Settle => matches!(stage, ClearingStage::Settled | ClearingStage::Done),
        RepairAction::Reject => matches!(stage, ClearingStage::Rejected | ClearingStage::Unpaid),
        // Rejected again, it is kept again.
        RepairAction::Return => {
            matches!(stage, ClearingStage::Returning | ClearingStage::Done | ClearingStage::Kept)
        }
        RepairAction::Credit | RepairAction::BookOut => matches!(stage, ClearingStage::Done),
        // What is said against an end is said of one.
        RepairAction::Dismiss => matches!(
            stage,
            ClearingStage::Settled
                | ClearingStage::Done
                | ClearingStage::Rejected
                | ClearingStage::Unpaid
        ),
        RepairAction::Unspecified => true,
    }
}

#[cfg(test)]
mod tests;
