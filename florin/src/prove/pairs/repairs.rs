//! What two persons have decided: two, never one; what the ledger has of it; and that what was
//! repaired is where they put it.

use std::collections::HashMap;

use anyhow::Result;
use florin_kernel::Money;
use florin_proto::{
    money_of,
    payment::v1::{ClearingStage, ExportClearingResponse, Repair, RepairAction, RepairStatus},
};

use super::{Pairing, time_of};
use crate::{connect::Caller, ops::transfers::repairs};

/// What people have said of what went out, by what it is of: the last word of each.
#[derive(Debug, Default)]
pub(super) struct Repaired {
    ends: HashMap<String, RepairAction>,
    count: u64,
}

impl Repaired {
    /// How many repairs there are.
    pub(super) const fn count(&self) -> u64 {
        self.count
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
        let (id, status, action) = (&repair.approval_id, repair.status(), repair.action());
        let approved =
            matches!(status, RepairStatus::Executing | RepairStatus::Done | RepairStatus::Failed);
        if approved && (repair.checker.is_empty() || repair.checker == repair.maker) {
            let text = format!("{id} was approved by {:?} alone", repair.maker);
            self.report.breach("repairs", &text);
        }
        let settles = matches!(action, RepairAction::Settle | RepairAction::Reject);
        if settles && status == RepairStatus::Done {
            repaired.ends.insert(repair.clearing_id.clone(), action);
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

    /// What people have ended is where they put it, whatever was said since.
    pub(super) fn is_as_repaired(&mut self, item: &ExportClearingResponse, repaired: &Repaired) {
        let Some(action) = repaired.ends.get(&item.clearing_id) else { return };
        let (id, stage) = (&item.clearing_id, item.stage());
        let is_right = match action {
            RepairAction::Settle => matches!(stage, ClearingStage::Settled | ClearingStage::Done),
            RepairAction::Reject => {
                matches!(stage, ClearingStage::Rejected | ClearingStage::Unpaid)
            }
            RepairAction::Unspecified
            | RepairAction::Return
            | RepairAction::Credit
            | RepairAction::BookOut
            | RepairAction::Dismiss => true,
        };
        // Another repair may have overruled it since they were read.
        let young = time_of(item.changed_at.as_ref()) > self.settled_before;
        if !is_right && !young {
            let (stage, action) = (stage.as_str_name(), action.as_str_name());
            let text = format!("{id} was repaired by {action} and is {stage}");
            self.report.breach("repairs", &text);
        }
    }
}

#[cfg(test)]
mod tests {
    use florin_kernel::UnixMicros;
    use florin_proto::{
        account::v1::{TransactionReference, VoidedReference},
        payment::v1::{ClearingDirection, Recall, RecallDirection, RecallStatus},
        timestamp, wire_money,
    };

    use super::*;
    use crate::prove::{
        pairs::{
            booked::{Ledger, PAYMENT},
            recalls::Returns,
        },
        report::Report,
    };

    const SETTLED: UnixMicros = UnixMicros(1_000_000_000);
    const OLD: UnixMicros = UnixMicros(1);

    fn eur(amount: &str) -> Option<florin_proto::common::v1::Money> {
        Some(wire_money(Money::parse("EUR", amount).unwrap()))
    }

    fn repair(action: RepairAction, status: RepairStatus) -> Repair {
        let is_booked = matches!(action, RepairAction::Credit | RepairAction::BookOut);
        Repair {
            approval_id: "apr_1".to_owned(),
            clearing_id: "net/1".to_owned(),
            action: action.into(),
            status: status.into(),
            amount: eur("5.00"),
            maker: "eva".to_owned(),
            checker: "ian".to_owned(),
            changed_at: Some(timestamp(OLD)),
            posting_reference: if is_booked { "apr_1/repair".into() } else { String::new() },
            ..Repair::default()
        }
    }

    fn take(ledger: &mut Ledger, reference: &str, amount: &str) {
        let posted = TransactionReference {
            transaction_id: "txn_1".to_owned(),
            caller: PAYMENT.to_owned(),
            reference: reference.to_owned(),
            debits: eur(amount).into_iter().collect(),
            recorded_at: Some(timestamp(OLD)),
            ..TransactionReference::default()
        };
        ledger.take_transaction(posted).unwrap();
    }

    /// Breaches and unfinished after pairing a repair with what the ledger has under its reference.
    fn of(repair: &Repair, posted: &[&str], voided: bool) -> (u64, u64) {
        let (mut ledger, mut report) = (Ledger::default(), Report::default());
        for amount in posted {
            take(&mut ledger, "apr_1/repair", amount);
        }
        if voided {
            ledger.take_void(VoidedReference {
                caller: PAYMENT.to_owned(),
                reference: "apr_1/repair".to_owned(),
                cause: "ACCOUNT_FROZEN".to_owned(),
            });
        }
        let (ledger, report) = (&mut ledger, &mut report);
        let mut pairing = Pairing::new(ledger, SETTLED, report);
        pairing.repair(repair, &mut Repaired::default()).unwrap();
        pairing.left_over();
        (report.breaches(), report.stuck())
    }

    #[test]
    fn a_repair_that_is_done_has_one_transaction_and_any_other_none() {
        let credit = |status| repair(RepairAction::Credit, status);
        let done = credit(RepairStatus::Done);
        assert_eq!(of(&done, &["5.00"], false), (0, 0));
        assert_eq!(of(&done, &[], false), (1, 0));
        assert_eq!(of(&done, &["5.01"], false), (1, 0));
        assert_eq!(of(&done, &["5.00", "5.00"], false), (1, 0));
        assert_eq!(of(&done, &["5.00"], true), (1, 0));
        for status in [RepairStatus::Proposed, RepairStatus::Rejected, RepairStatus::Lapsed] {
            assert_eq!(of(&credit(status), &[], false), (0, 0), "{status:?}");
            assert_eq!(of(&credit(status), &["5.00"], false), (1, 0), "{status:?}");
        }
        assert_eq!(of(&credit(RepairStatus::Failed), &[], true), (0, 0));
        assert_eq!(of(&credit(RepairStatus::Failed), &[], false), (1, 0));
        assert_eq!(of(&credit(RepairStatus::Failed), &["5.00"], false), (1, 0));
        assert_eq!(of(&credit(RepairStatus::Executing), &[], false), (0, 1));
        assert_eq!(of(&credit(RepairStatus::Executing), &["5.00"], false), (0, 1));
    }

    #[test]
    fn nobody_approves_alone() {
        let alone = |checker: &str| {
            let settled = repair(RepairAction::Settle, RepairStatus::Done);
            of(&Repair { checker: checker.to_owned(), ..settled }, &[], false)
        };
        assert_eq!(alone("ian"), (0, 0));
        assert_eq!(alone("eva"), (1, 0));
        assert_eq!(alone(""), (1, 0));
        let withdrawn = repair(RepairAction::Settle, RepairStatus::Rejected);
        assert_eq!(of(&Repair { checker: "eva".to_owned(), ..withdrawn }, &[], false), (0, 0));
    }

    /// Breaches and unfinished of something between the banks after these repairs.
    fn stands(item: &ExportClearingResponse, repairs: &[Repair]) -> (u64, u64) {
        let (mut ledger, mut report) = (Ledger::default(), Report::default());
        let (ledger, report) = (&mut ledger, &mut report);
        let mut pairing = Pairing::new(ledger, SETTLED, report);
        let mut repaired = Repaired::default();
        for one in repairs {
            pairing.repair(one, &mut repaired).unwrap();
        }
        pairing.clearing(item).unwrap();
        pairing.is_as_repaired(item, &repaired);
        (report.breaches(), report.stuck())
    }

    fn out(stage: ClearingStage) -> ExportClearingResponse {
        ExportClearingResponse {
            clearing_id: "net/1".to_owned(),
            direction: ClearingDirection::Out.into(),
            stage: stage.into(),
            changed_at: Some(timestamp(OLD)),
            ..ExportClearingResponse::default()
        }
    }

    #[test]
    fn what_was_repaired_is_where_people_put_it_by_their_last_word() {
        let settled = repair(RepairAction::Settle, RepairStatus::Done);
        let rejected = repair(RepairAction::Reject, RepairStatus::Done);
        let proposed = repair(RepairAction::Settle, RepairStatus::Proposed);
        let (done, unpaid) = (out(ClearingStage::Done), out(ClearingStage::Unpaid));
        assert_eq!(stands(&done, std::slice::from_ref(&settled)), (0, 0));
        assert_eq!(stands(&unpaid, std::slice::from_ref(&settled)), (1, 0));
        assert_eq!(stands(&done, std::slice::from_ref(&rejected)), (1, 0));
        assert_eq!(stands(&unpaid, std::slice::from_ref(&proposed)), (0, 0));
        assert_eq!(stands(&done, &[rejected, settled]), (0, 0));
    }

    #[test]
    fn a_word_against_an_end_is_a_breach_and_what_waits_for_people_is_unfinished() {
        let said = "ACSC by x".to_owned();
        let against = ExportClearingResponse { contradiction: said, ..out(ClearingStage::Unpaid) };
        assert_eq!(stands(&against, &[]), (1, 0));
        for (stage, waits) in [
            (ClearingStage::Received, 1),
            (ClearingStage::ToSuspense, 1),
            (ClearingStage::Returning, 1),
            (ClearingStage::Kept, 1),
            (ClearingStage::Done, 0),
        ] {
            let direction = ClearingDirection::In.into();
            let came = ExportClearingResponse { direction, ..out(stage) };
            assert_eq!(stands(&came, &[]), (0, waits), "{stage:?}");
        }
    }

    #[test]
    fn a_recall_that_people_have_ended_has_its_debit_and_no_return() {
        let of = |status: RecallStatus, repaired_by: &str| {
            let (mut ledger, mut report) = (Ledger::default(), Report::default());
            take(&mut ledger, "rcl_1/debit", "5.00");
            let (ledger, report) = (&mut ledger, &mut report);
            let mut pairing = Pairing::new(ledger, SETTLED, report);
            let recall = Recall {
                recall_id: "rcl_1".to_owned(),
                direction: RecallDirection::In.into(),
                status: status.into(),
                amount: eur("5.00"),
                answer: "CUST".to_owned(),
                changed_at: Some(timestamp(OLD)),
                debit_reference: "rcl_1/debit".to_owned(),
                repaired_by: repaired_by.to_owned(),
                ..Recall::default()
            };
            pairing.recall(&recall, &mut Returns::default()).unwrap();
            report.breaches()
        };
        assert_eq!(of(RecallStatus::Rejected, "apr_1"), 0);
        assert_eq!(of(RecallStatus::Rejected, ""), 1);
        assert_eq!(of(RecallStatus::Accepted, "apr_1"), 0);
        assert_eq!(of(RecallStatus::Accepted, ""), 1);
    }
}
