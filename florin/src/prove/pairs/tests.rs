mod between_banks;

use florin_proto::{
    account::v1::{Hold, HoldReference, TransactionReference, VoidedReference},
    payment::v1::{
        ClearingDirection, ClearingStage, ExportClearingResponse, Recall, RecallDirection,
        RecallStatus,
    },
    timestamp, wire_money,
};

use super::{booked::PAYMENT, *};

const SETTLED: UnixMicros = UnixMicros(1_000_000_000);
const OLD: UnixMicros = UnixMicros(1);
const YOUNG: UnixMicros = UnixMicros(1_000_000_001);

fn eur(amount: &str) -> Money {
    Money::parse("EUR", amount).unwrap()
}

fn posted(reference: &str, id: &str, amount: &str) -> TransactionReference {
    TransactionReference {
        transaction_id: id.to_owned(),
        caller: PAYMENT.to_owned(),
        reference: reference.to_owned(),
        debits: vec![wire_money(eur(amount))],
        recorded_at: Some(timestamp(OLD)),
        ..TransactionReference::default()
    }
}

fn transfer(id: &str, status: TransferStatus, at: UnixMicros) -> ExportTransfersResponse {
    let completed = status == TransferStatus::Completed;
    ExportTransfersResponse {
        transfer_id: id.to_owned(),
        status: status.into(),
        amount: Some(wire_money(eur("5.00"))),
        posting_reference: format!("{id}/post"),
        transaction_id: if completed { "txn_1".to_owned() } else { String::new() },
        changed_at: Some(timestamp(at)),
        ..ExportTransfersResponse::default()
    }
}

/// A transfer of 5.00 that was paid by the transaction of its number.
pub(super) fn completed(id: &str) -> ExportTransfersResponse {
    let transaction_id = id.replace("trf", "txn");
    ExportTransfersResponse { transaction_id, ..transfer(id, TransferStatus::Completed, OLD) }
}

/// A transaction of 5.00 that reverses another, or none.
pub(super) fn reversing(reference: &str, id: &str, reverses: &str) -> TransactionReference {
    TransactionReference { reverses: reverses.to_owned(), ..posted(reference, id, "5.00") }
}

pub(super) fn pairing<'p>(ledger: &'p mut Ledger, report: &'p mut Report) -> Pairing<'p> {
    Pairing::new(ledger, SETTLED, report)
}

/// Breaches and unfinished after pairing a FAILED transfer with its void.
fn of_failed(reason: &str, noted: bool, at: UnixMicros, cause: Option<&str>) -> (u64, u64) {
    let (mut ledger, mut report) = (Ledger::default(), Report::default());
    if let Some(cause) = cause {
        ledger.take_void(VoidedReference {
            caller: PAYMENT.to_owned(),
            reference: "trf_1/post".to_owned(),
            cause: cause.to_owned(),
        });
    }
    let failed = ExportTransfersResponse {
        failure_reason: reason.to_owned(),
        voided: noted,
        ..transfer("trf_1", TransferStatus::Failed, at)
    };
    let mut pairing = Pairing::new(&mut ledger, SETTLED, &mut report);
    pairing.transfer(&failed).unwrap();
    pairing.left_over();
    (report.breaches(), report.stuck())
}

#[test]
fn a_failed_transfer_has_its_reference_voided_for_the_same_reason() {
    assert_eq!(of_failed("FROZEN", true, OLD, Some("FROZEN")), (0, 0));
    assert_eq!(of_failed("FROZEN", true, OLD, Some("OTHER")), (1, 0));
    assert_eq!(of_failed("REFERENCE_VOIDED", true, OLD, Some("OF_LATER")), (0, 0));
    assert_eq!(of_failed("FROZEN", true, OLD, None), (1, 0));
    assert_eq!(of_failed("FROZEN", true, YOUNG, None), (0, 0));
    // Of a program that voids nothing: `payment` has it voided later.
    assert_eq!(of_failed("FROZEN", false, OLD, None), (0, 1));
    assert_eq!(of_failed("", false, OLD, Some("FROZEN")), (0, 0));
}

fn hold(reference: &str) -> HoldReference {
    hold_in(reference, HoldStatus::Open, "0.00")
}

fn hold_in(reference: &str, status: HoldStatus, captured: &str) -> HoldReference {
    let hold = Hold {
        status: status.into(),
        reference: reference.to_owned(),
        captured: Some(wire_money(eur(captured))),
        ..Hold::default()
    };
    HoldReference { hold: Some(hold), caller: PAYMENT.to_owned(), placed_at: Some(timestamp(OLD)) }
}

/// The breaches after pairing these.
fn breaches(
    transfers: &[ExportTransfersResponse],
    transactions: Vec<TransactionReference>,
    holds: Vec<HoldReference>,
) -> u64 {
    let (mut ledger, mut report) = (Ledger::default(), Report::default());
    for transaction in transactions {
        ledger.take_transaction(transaction).unwrap();
    }
    for hold in holds {
        ledger.take_hold(hold).unwrap();
    }
    let mut pairing = Pairing::new(&mut ledger, SETTLED, &mut report);
    for transfer in transfers {
        pairing.transfer(transfer).unwrap();
    }
    pairing.compare_released(&repairs::Repaired::default());
    pairing.left_over();
    report.breaches()
}

#[test]
fn a_completed_transfer_with_its_one_transaction_is_clean() {
    let done = [transfer("trf_1", TransferStatus::Completed, OLD)];
    assert_eq!(breaches(&done, vec![posted("trf_1/post", "txn_1", "5.00")], vec![]), 0);
}

#[test]
fn names_a_completed_transfer_without_its_transaction_or_of_another_amount() {
    let done = [transfer("trf_1", TransferStatus::Completed, OLD)];
    assert_eq!(breaches(&done, vec![], vec![]), 1);
    assert_eq!(breaches(&done, vec![posted("trf_1/post", "txn_1", "5.01")], vec![]), 1);
    assert_eq!(breaches(&done, vec![posted("trf_1/post", "txn_2", "5.00")], vec![]), 1);
}

#[test]
fn names_the_right_amount_on_the_wrong_account() {
    let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    let done = ExportTransfersResponse {
        debited: names(&["acc_1"]),
        credited: names(&["5010", "acc_2"]),
        ..transfer("trf_1", TransferStatus::Completed, OLD)
    };
    for (debited, credited, found) in [
        (&["acc_1"][..], &["5010", "acc_2"][..], 0),
        (&["acc_1"], &["5010", "acc_3"], 1),
        (&["acc_1"], &["acc_2"], 1),
        (&["acc_9"], &["5010", "acc_2"], 1),
        // A ledger of before tells nothing of it.
        (&[], &[], 0),
    ] {
        let posted = TransactionReference {
            debited: names(debited),
            credited: names(credited),
            ..posted("trf_1/post", "txn_1", "5.00")
        };
        let done = [done.clone()];
        assert_eq!(breaches(&done, vec![posted], vec![]), found, "{debited:?} {credited:?}");
    }
}

#[test]
fn names_a_transaction_doubled_under_another_reference() {
    let done = [transfer("trf_1", TransferStatus::Completed, OLD)];
    let ledger =
        vec![posted("trf_1/post", "txn_1", "5.00"), posted("trf_1/post2", "txn_9", "5.00")];
    assert_eq!(breaches(&done, ledger, vec![]), 1);
}

#[test]
fn names_money_that_an_unpaid_transfer_moved_or_holds() {
    for status in [TransferStatus::Failed, TransferStatus::Cancelled] {
        let ended = [transfer("trf_1", status, OLD)];
        assert_eq!(breaches(&ended, vec![], vec![]), 0);
        assert_eq!(breaches(&ended, vec![posted("trf_1/post", "txn_1", "5.00")], vec![]), 1);
        assert_eq!(breaches(&ended, vec![], vec![hold("trf_1/hold")]), 1);
    }
}

#[test]
fn names_an_open_hold_without_an_unfinished_transfer() {
    assert_eq!(breaches(&[], vec![], vec![hold("trf_1/hold")]), 1);
    let waits = [transfer("trf_1", TransferStatus::AwaitingScore, OLD)];
    assert_eq!(breaches(&waits, vec![], vec![hold("trf_1/hold")]), 0);
}

#[test]
fn a_completed_transfer_has_its_hold_captured() {
    let done = [transfer("trf_1", TransferStatus::Completed, OLD)];
    for (status, captured, found) in [
        (HoldStatus::Captured, "5.00", 0),
        // Captured in part; the rest was given back by its caller or by time.
        (HoldStatus::Released, "4.00", 0),
        (HoldStatus::Expired, "4.00", 0),
        // Given back whole: right only where people have had it settled after all.
        (HoldStatus::Released, "0.00", 1),
        (HoldStatus::Expired, "0.00", 1),
        (HoldStatus::Open, "0.00", 1),
        (HoldStatus::Open, "4.00", 1),
    ] {
        let posted = vec![posted("trf_1/post", "txn_1", "5.00")];
        let holds = vec![hold_in("trf_1/hold", status, captured)];
        assert_eq!(breaches(&done, posted, holds), found, "{status:?} {captured}");
    }
}

#[test]
fn an_unpaid_transfer_has_nothing_captured() {
    let failed = [transfer("trf_1", TransferStatus::Failed, OLD)];
    for (status, captured, found) in [
        (HoldStatus::Released, "0.00", 0),
        (HoldStatus::Expired, "0.00", 0),
        (HoldStatus::Captured, "5.00", 1),
        (HoldStatus::Released, "1.00", 1),
    ] {
        let holds = vec![hold_in("trf_1/hold", status, captured)];
        assert_eq!(breaches(&failed, vec![], holds), found, "{status:?} {captured}");
    }
}

#[test]
fn names_an_open_hold_whose_time_is_over_whoever_placed_it() {
    // A sweeper that is behind breaks nothing; one that does not come does.
    let late = SETTLED.plus_micros(-micros(LATE));
    for (over, found) in [
        (OLD, (1, 0)),
        (late, (1, 0)),
        (late.plus_micros(1), (0, 1)),
        (SETTLED, (0, 1)),
        (YOUNG, (0, 0)),
    ] {
        let (mut ledger, mut report) = (Ledger::default(), Report::default());
        let mut hold = hold("aut_1/hold");
        hold.caller = "card".to_owned();
        hold.hold.as_mut().unwrap().expire_time = Some(timestamp(over));
        ledger.take_hold(hold).unwrap();
        let (ledger, report) = (&mut ledger, &mut report);
        Pairing::new(ledger, SETTLED, &mut *report).left_over();
        assert_eq!((report.breaches(), report.stuck()), found, "{over:?}");
    }
}

#[test]
fn the_open_hold_of_a_transfer_that_ended_just_now_is_in_flight() {
    for (status, transactions) in [
        (TransferStatus::Completed, vec![posted("trf_1/post", "txn_1", "5.00")]),
        (TransferStatus::Failed, vec![]),
        (TransferStatus::Cancelled, vec![]),
    ] {
        let young = [transfer("trf_1", status, YOUNG)];
        let holds = || vec![hold("trf_1/hold")];
        assert_eq!(breaches(&young, transactions.clone(), holds()), 0, "{status:?}");
        let old = [transfer("trf_1", status, OLD)];
        assert_eq!(breaches(&old, transactions, holds()), 1, "{status:?}");
    }
}

#[test]
fn what_changed_just_now_is_in_flight() {
    let young = [
        transfer("trf_1", TransferStatus::Completed, YOUNG),
        transfer("trf_2", TransferStatus::Posting, YOUNG),
    ];
    assert_eq!(breaches(&young, vec![], vec![]), 0);
}

#[test]
fn names_a_voided_reference_of_a_transfer_that_did_not_fail_or_of_none() {
    let void = |reference: &str| VoidedReference {
        caller: PAYMENT.to_owned(),
        reference: reference.to_owned(),
        cause: "INSUFFICIENT_FUNDS".to_owned(),
    };
    let breaches = |status: Option<TransferStatus>| {
        let (mut ledger, mut report) = (Ledger::default(), Report::default());
        ledger.take_void(void("trf_1/post"));
        ledger.take_void(VoidedReference { caller: "client:x".into(), ..void("trf_2/post") });
        let paid = status == Some(TransferStatus::Completed);
        if paid {
            ledger.take_transaction(posted("trf_1/post", "txn_1", "5.00")).unwrap();
        }
        let mut pairing = Pairing::new(&mut ledger, SETTLED, &mut report);
        if let Some(status) = status {
            pairing.transfer(&transfer("trf_1", status, OLD)).unwrap();
        }
        pairing.left_over();
        report.breaches()
    };
    assert_eq!(breaches(Some(TransferStatus::Failed)), 0);
    assert_eq!(breaches(Some(TransferStatus::Posting)), 0, "it is about to fail");
    for status in [TransferStatus::Completed, TransferStatus::Cancelled] {
        assert_eq!(breaches(Some(status)), 1);
    }
    assert_eq!(breaches(None), 1);
}
