//! A transfer is FAILED only once its reference is void (ADR 6).

use florin_payment::Turn;
use florin_proto::{account::v1::HolderRole, payment::v1::TransferStatus};

use tokio_stream::StreamExt as _;

use crate::{
    bank::{Bank, places},
    ledger::Ledger,
};

async fn assert_failed(bank: &Bank, id: &str, reason: &str) {
    let failed = bank.get(id).await;
    assert_eq!(failed.status(), TransferStatus::Failed);
    let failure = failed.failure.unwrap();
    assert_eq!((failure.reason.as_str(), failure.domain.as_str()), (reason, "account.florin.bank"));
    let events = [("transfer_accepted".into(), 1), ("transfer_failed".into(), 2)];
    assert_eq!(bank.events(id).await, events);
    assert!(bank.ledger.posted().is_empty());
}

#[tokio::test]
async fn what_the_ledger_refuses_is_voided_before_it_fails_and_a_late_posting_is_refused() {
    for place in places() {
        let bank = Bank::open(place).await;
        let id = bank.accepted("k", "150").await;
        assert_eq!(bank.turn().await, Turn::Done);
        assert_failed(&bank, &id, "INSUFFICIENT_FUNDS").await;
        let reference = format!("{id}/post");
        let void = (reference.clone(), "INSUFFICIENT_FUNDS".to_owned());
        assert_eq!(bank.ledger.voids(), [void]);
        // Funds come, and with them a call that was held up on its way.
        bank.put_account(1, 20_000, vec![(bank.alice, HolderRole::Owner)]);
        assert_eq!(bank.ledger.arrives_late(&reference).as_deref(), Some("REFERENCE_VOIDED"));
        assert_failed(&bank, &id, "INSUFFICIENT_FUNDS").await;
    }
}

#[tokio::test]
async fn a_refused_transfer_that_cannot_be_voided_stays_open_and_is_paid_when_funds_come() {
    for place in places() {
        let bank = Bank::open(place).await;
        let id = bank.accepted("k", "150").await;
        bank.ledger.set_voids_away(true);
        for _ in 0..3 {
            // The ledger posts: no other transfer waits longer for this one.
            assert_eq!(bank.turn().await, Turn::Done);
            let work = bank.work(&id).await;
            let told = "INSUFFICIENT_FUNDS, and the reference is not void yet: UNAVAILABLE: ";
            assert!(work.last_cause.starts_with(told), "{}", work.last_cause);
            assert!(work.last_cause.contains("(request "), "{}", work.last_cause);
            assert_eq!(bank.status(&id).await, TransferStatus::Posting);
            bank.let_time_pass().await;
        }
        assert_eq!(bank.events(&id).await.len(), 1);
        bank.put_account(1, 20_000, vec![(bank.alice, HolderRole::Owner)]);
        assert_eq!(bank.turn().await, Turn::Done);
        assert_eq!(bank.status(&id).await, TransferStatus::Completed);
        assert_eq!((bank.ledger.posted().len(), bank.ledger.voids().len()), (1, 0));
    }
}

#[tokio::test]
async fn a_void_whose_answer_was_lost_fails_the_transfer_for_the_first_reason() {
    for place in places() {
        let bank = Bank::open(place).await;
        let id = bank.accepted("k", "150").await;
        bank.ledger.set_loses_voids(true);
        assert_eq!(bank.turn().await, Turn::Done);
        assert_eq!(bank.status(&id).await, TransferStatus::Posting);
        bank.ledger.set_loses_voids(false);
        // Funds come too late: what is void stays void.
        bank.put_account(1, 20_000, vec![(bank.alice, HolderRole::Owner)]);
        bank.let_time_pass().await;
        assert_eq!(bank.turn().await, Turn::Done);
        assert_failed(&bank, &id, "INSUFFICIENT_FUNDS").await;
    }
}

#[tokio::test]
async fn a_posting_that_overtakes_the_void_completes_the_transfer() {
    for place in places() {
        let bank = Bank::open(place).await;
        let id = bank.accepted("k", "150").await;
        bank.ledger.set_overtaken(bank.from, 10_000);
        assert_eq!(bank.turn().await, Turn::Done);
        let done = bank.get(&id).await;
        assert_eq!(done.status(), TransferStatus::Completed);
        assert!(done.transaction_id.starts_with("txn_"));
        assert_eq!(florin_events::position::decode(&done.position).unwrap().len(), 2);
        assert_eq!((bank.ledger.balance(bank.from), bank.ledger.balance(bank.to)), (5_000, 15_000));
        assert!(bank.ledger.voids().is_empty());
    }
}

#[tokio::test]
async fn a_worker_that_dies_between_refusal_and_end_is_replaced() {
    for place in places() {
        let bank = Bank::open(place).await;
        let id = bank.accepted("k", "150").await;
        Ledger::close(&bank.ledger.after);
        let worker = bank.payment.worker();
        let turn = tokio::spawn(async move { worker.turn().await.unwrap() });
        Ledger::wait_for(&bank.ledger.worked).await;
        turn.abort();
        assert!(turn.await.unwrap_err().is_cancelled());
        Ledger::open(&bank.ledger.after);
        assert!(bank.ledger.voids().is_empty());
        bank.let_time_pass().await;
        assert_eq!(bank.turn().await, Turn::Done);
        assert_failed(&bank, &id, "INSUFFICIENT_FUNDS").await;
    }
}

/// What the ledger refuses for a reason of the common contract keeps its domain, whether the
/// answer to the void arrives or not; a cause that no contract knows is told as what it is.
#[tokio::test]
async fn a_failure_after_a_lost_void_has_a_reason_of_the_contract() {
    for place in places() {
        let bank = Bank::open(place).await;
        let causes = [
            ("INSUFFICIENT_FUNDS", "INSUFFICIENT_FUNDS", "account.florin.bank"),
            ("CURRENCY_MISMATCH", "CURRENCY_MISMATCH", "common.florin.bank"),
            ("OF_A_LATER_RELEASE", "REFERENCE_VOIDED", "account.florin.bank"),
        ];
        for (number, (cause, reason, domain)) in causes.into_iter().enumerate() {
            let id = bank.accepted(&format!("k{number}"), "150").await;
            bank.ledger.put_void(&format!("{id}/post"), cause);
            assert_eq!(bank.turn().await, Turn::Done);
            let failure = bank.get(&id).await.failure.unwrap();
            assert_eq!((failure.reason.as_str(), failure.domain.as_str()), (reason, domain));
        }
    }
}

#[tokio::test]
async fn of_two_refusals_the_one_that_voided_the_reference_is_the_reason() {
    for place in places() {
        let bank = Bank::open(place).await;
        let id = bank.accepted("k", "150").await;
        // Refused for funds here, and voided meanwhile for what another worker was told.
        bank.ledger.set_voided_first("ACCOUNT_FROZEN");
        assert_eq!(bank.turn().await, Turn::Done);
        assert_failed(&bank, &id, "ACCOUNT_FROZEN").await;
    }
}

#[tokio::test]
async fn what_was_paid_is_told_before_the_ledger_is_asked_to_void_the_others() {
    for place in places() {
        let bank = Bank::open(place).await;
        let paid = bank.accepted("paid", "10").await;
        let poor = bank.accepted("poor", "150").await;
        Ledger::close(&bank.ledger.before_voids);
        let worker = bank.payment.worker();
        let turn = tokio::spawn(async move { worker.turn().await.unwrap() });
        Ledger::wait_for(&bank.ledger.voiding).await;
        assert_eq!(bank.status(&paid).await, TransferStatus::Completed);
        assert_eq!(bank.status(&poor).await, TransferStatus::Posting);
        Ledger::open(&bank.ledger.before_voids);
        assert_eq!(turn.await.unwrap(), Turn::Done);
        assert_eq!(bank.status(&poor).await, TransferStatus::Failed);
    }
}

#[tokio::test]
async fn a_void_that_the_ledger_fails_at_is_an_alarm() {
    for place in places() {
        let bank = Bank::open(place).await;
        let id = bank.accepted("k", "150").await;
        bank.ledger.set_fails_voids(true);
        assert_eq!(bank.turn().await, Turn::Done);
        assert_eq!(bank.status(&id).await, TransferStatus::Posting);
        let stuck = "florin_payment_stuck_total{role=\"payment\"} 1";
        assert!(bank.metrics().contains(stuck), "{}", bank.metrics());
    }
}

#[tokio::test]
async fn what_a_program_failed_that_voids_nothing_is_voided_later() {
    for place in places() {
        let bank = Bank::open(place).await;
        let [failed, moved] = [bank.accepted("f", "150").await, bank.accepted("m", "150").await];
        bank.turn().await;
        assert_eq!(bank.payment.void_failed().await.unwrap(), 0);
        let told = bank.payment.export_transfers().map(Result::unwrap).collect::<Vec<_>>().await;
        assert!(told.iter().all(|one| one.voided && one.failure_reason == "INSUFFICIENT_FUNDS"));
        // As such a program leaves them; the money of one moved after all.
        bank.ledger.forget_voids();
        bank.execute("UPDATE transfers SET voided_at = NULL").await;
        bank.ledger.occupy(&format!("{moved}/post"));
        assert_eq!(bank.payment.void_failed().await.unwrap(), 1);
        let reference = format!("{failed}/post");
        assert_eq!(bank.ledger.voids(), [(reference, "INSUFFICIENT_FUNDS".to_owned())]);
        let noted = "SELECT count(*) FROM transfers WHERE voided_at IS NOT NULL";
        assert_eq!(bank.count(noted).await, 1);
        let contradicted = "florin_payment_contradicted_total{role=\"payment\"} 1";
        assert!(bank.metrics().contains(contradicted), "{}", bank.metrics());
    }
}
