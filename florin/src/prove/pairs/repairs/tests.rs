//! What two persons have decided, paired.

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
fn what_was_in_suspense_is_where_people_put_it() {
    let came = |stage| ExportClearingResponse {
        direction: ClearingDirection::In.into(),
        last_cause: String::new(),
        ..out(stage)
    };
    let done =
        |action| Repair { posting_reference: String::new(), ..repair(action, RepairStatus::Done) };
    let of = |stage, action| stands(&came(stage), &[done(action)]).0;
    for action in [RepairAction::Credit, RepairAction::BookOut] {
        assert_eq!(of(ClearingStage::Done, action), 0, "{action:?}");
        assert_eq!(of(ClearingStage::Kept, action), 1, "{action:?}");
        assert_eq!(of(ClearingStage::Returning, action), 1, "{action:?}");
    }
    assert_eq!(of(ClearingStage::Returning, RepairAction::Return), 0);
    assert_eq!(of(ClearingStage::Kept, RepairAction::Return), 0, "rejected again");
    assert_eq!(of(ClearingStage::Received, RepairAction::Return), 1);
    assert_eq!(of(ClearingStage::Done, RepairAction::Dismiss), 0);
    assert_eq!(of(ClearingStage::Kept, RepairAction::Dismiss), 1);
    // Rejected once more, people decide once more.
    let both = [done(RepairAction::Return), done(RepairAction::Credit)];
    assert_eq!(stands(&came(ClearingStage::Kept), &both).0, 1);
}

#[test]
fn only_what_people_have_settled_is_completed_beside_a_hold_that_was_released() {
    let of = |repairs: &[Repair]| {
        let (mut ledger, mut report) = (Ledger::default(), Report::default());
        let mut pairing = Pairing::new(&mut ledger, SETTLED, &mut report);
        pairing.released.push("trf_1".to_owned());
        let mut repaired = Repaired::default();
        for one in repairs {
            pairing.repair(one, &mut repaired).unwrap();
        }
        pairing.compare_released(&repaired);
        report.breaches()
    };
    let of_transfer =
        |action, status| Repair { transfer_id: "trf_1".to_owned(), ..repair(action, status) };
    assert_eq!(of(&[of_transfer(RepairAction::Settle, RepairStatus::Done)]), 0);
    assert_eq!(of(&[]), 1);
    assert_eq!(of(&[of_transfer(RepairAction::Settle, RepairStatus::Proposed)]), 1);
    assert_eq!(of(&[of_transfer(RepairAction::Reject, RepairStatus::Done)]), 1);
    assert_eq!(of(&[repair(RepairAction::Settle, RepairStatus::Done)]), 1, "another transfer");
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
