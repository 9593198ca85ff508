//! Recalls, and payments that the network has.

use super::*;

fn recall(status: RecallStatus, answer: &str, at: UnixMicros) -> Recall {
    Recall {
        recall_id: "rcl_1".to_owned(),
        direction: RecallDirection::In.into(),
        status: status.into(),
        clearing_id: "net/1".to_owned(),
        amount: Some(wire_money(eur("5.00"))),
        answer: answer.to_owned(),
        changed_at: Some(timestamp(at)),
        debit_reference: "rcl_1/debit".to_owned(),
        ..Recall::default()
    }
}

fn returned(came: &str) -> ExportClearingResponse {
    ExportClearingResponse {
        clearing_id: "back".to_owned(),
        direction: ClearingDirection::ReturnOut.into(),
        stage: ClearingStage::Done.into(),
        posted_references: vec![format!("{came}/returned")],
        ..ExportClearingResponse::default()
    }
}

/// Breaches after pairing recalls with a debit of that amount and so many returns.
fn of_recalls(told: &[Recall], debits: &[&str], returns: usize) -> u64 {
    let (mut ledger, mut report) = (Ledger::default(), Report::default());
    for amount in debits {
        ledger.take_transaction(posted("rcl_1/debit", "txn_1", amount)).unwrap();
    }
    let mut made = recalls::Returns::default();
    (0..returns).for_each(|_| made.note(&returned("net/1")));
    let mut pairing = Pairing::new(&mut ledger, SETTLED, &mut report);
    for one in told {
        pairing.recall(one, &mut made).unwrap();
    }
    pairing.left_over();
    report.breaches()
}

#[test]
fn an_accepted_recall_has_one_debit_and_one_return() {
    let accepted = recall(RecallStatus::Accepted, "FOCR", OLD);
    assert_eq!(of_recalls(std::slice::from_ref(&accepted), &["5.00"], 1), 0);
    assert_eq!(of_recalls(std::slice::from_ref(&accepted), &["5.00"], 2), 1);
    assert_eq!(of_recalls(std::slice::from_ref(&accepted), &["5.00"], 0), 1);
    assert_eq!(of_recalls(std::slice::from_ref(&accepted), &[], 1), 1);
    assert_eq!(of_recalls(std::slice::from_ref(&accepted), &["5.01"], 1), 1);
    assert_eq!(of_recalls(&[recall(RecallStatus::Accepted, "FOCR", YOUNG)], &[], 0), 0);
    // From suspense, nobody is debited.
    let kept = Recall { debit_reference: String::new(), ..accepted.clone() };
    assert_eq!(of_recalls(std::slice::from_ref(&kept), &[], 1), 0);
    let second = Recall { recall_id: "rcl_2".to_owned(), ..kept };
    assert_eq!(of_recalls(&[accepted, second], &["5.00"], 1), 1, "taken twice");
}

#[test]
fn a_rejected_recall_has_an_answer_and_no_debit() {
    let rejected = recall(RecallStatus::Rejected, "AM04", OLD);
    assert_eq!(of_recalls(std::slice::from_ref(&rejected), &[], 0), 0);
    assert_eq!(of_recalls(std::slice::from_ref(&rejected), &["5.00"], 0), 1);
    assert_eq!(of_recalls(&[recall(RecallStatus::Rejected, "", OLD)], &[], 0), 1);
    assert_eq!(of_recalls(&[recall(RecallStatus::Waiting, "", OLD)], &["5.00"], 0), 1);
}

#[test]
fn a_recall_of_ours_that_is_accepted_has_its_money_back() {
    let ours = Recall {
        direction: RecallDirection::Out.into(),
        transfer_id: "trf_1".to_owned(),
        debit_reference: String::new(),
        ..recall(RecallStatus::Accepted, "FOCR", OLD)
    };
    assert_eq!(of_recalls(std::slice::from_ref(&ours), &[], 0), 1);
    for stage in [ClearingStage::Done, ClearingStage::Kept] {
        let mut made = recalls::Returns::default();
        made.note(&ExportClearingResponse {
            direction: ClearingDirection::ReturnIn.into(),
            stage: stage.into(),
            transfer_id: "trf_1".to_owned(),
            ..ExportClearingResponse::default()
        });
        let (mut ledger, mut report) = (Ledger::default(), Report::default());
        let mut pairing = Pairing::new(&mut ledger, SETTLED, &mut report);
        pairing.recall(&ours, &mut made).unwrap();
        assert_eq!(report.breaches(), 0);
    }
}

#[test]
fn a_payment_that_the_network_has_is_set_aside_whole_and_once() {
    let held = |status, amount: &str| {
        let mut one = hold_in("trf_1/hold", status, "0.00");
        one.hold.as_mut().unwrap().amount = Some(wire_money(eur(amount)));
        one
    };
    let open = || held(HoldStatus::Open, "5.00");
    let captured = || held(HoldStatus::Captured, "5.00");
    let posted = || vec![posted("trf_1/post", "txn_1", "5.00")];
    let of = |status, holds, transactions| {
        breaches(&[transfer("trf_1", status, OLD)], transactions, holds)
    };
    let submitting = TransferStatus::Submitting;
    assert_eq!(of(submitting, vec![open()], vec![]), 0);
    assert_eq!(of(submitting, vec![], vec![]), 1);
    assert_eq!(of(submitting, vec![held(HoldStatus::Open, "4.99")], vec![]), 1);
    assert_eq!(of(submitting, vec![held(HoldStatus::Released, "5.00")], vec![]), 1);
    assert_eq!(of(submitting, vec![captured()], posted()), 1);
    assert_eq!(of(submitting, vec![open(), open()], vec![]), 1);
    let settling = TransferStatus::Settling;
    assert_eq!(of(settling, vec![open()], vec![]), 0);
    assert_eq!(of(settling, vec![captured()], posted()), 0, "about to be written down");
    assert_eq!(of(settling, vec![captured()], vec![]), 1);
    assert_eq!(of(settling, vec![], vec![]), 1);
    let releasing = TransferStatus::Releasing;
    assert_eq!(of(releasing, vec![held(HoldStatus::Released, "5.00")], vec![]), 0);
    assert_eq!(of(releasing, vec![captured()], posted()), 1);
    let young = [transfer("trf_1", submitting, YOUNG)];
    assert_eq!(breaches(&young, vec![], vec![]), 0);
}

#[test]
fn a_hold_is_void_only_of_a_payment_that_ends_unpaid() {
    let of = |status| {
        let (mut ledger, mut report) = (Ledger::default(), Report::default());
        ledger.take_void(VoidedReference {
            caller: PAYMENT.to_owned(),
            reference: "trf_1/hold".to_owned(),
            cause: "INSUFFICIENT_FUNDS".to_owned(),
        });
        let mut pairing = Pairing::new(&mut ledger, SETTLED, &mut report);
        pairing.transfer(&transfer("trf_1", status, YOUNG)).unwrap();
        report.breaches()
    };
    assert_eq!(of(TransferStatus::Failed), 0);
    assert_eq!(of(TransferStatus::Holding), 0);
    assert_eq!(of(TransferStatus::Processing), 1);
    assert_eq!(of(TransferStatus::Completed), 1);
}

#[test]
fn names_money_that_was_credited_and_sent_back() {
    let of = |references: &[&str]| {
        let (mut ledger, mut report) = (Ledger::default(), Report::default());
        for reference in references {
            ledger.take_transaction(posted(reference, "txn_1", "5.00")).unwrap();
        }
        let item = ExportClearingResponse {
            clearing_id: "net/1".to_owned(),
            stage: ClearingStage::Done.into(),
            amount: Some(wire_money(eur("5.00"))),
            posted_references: vec!["net/1/suspense".to_owned()],
            void_references: vec!["net/1/credit".to_owned()],
            changed_at: Some(timestamp(OLD)),
            ..ExportClearingResponse::default()
        };
        let mut pairing = Pairing::new(&mut ledger, SETTLED, &mut report);
        pairing.clearing(&item).unwrap();
        pairing.left_over();
        report.breaches()
    };
    assert_eq!(of(&["net/1/suspense"]), 0);
    assert_eq!(of(&["net/1/suspense", "net/1/credit"]), 1);
    assert_eq!(of(&[]), 1);
}
