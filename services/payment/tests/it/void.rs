//! A transfer is FAILED only once its reference is void (ADR 6).

use florin_payment::Turn;
use florin_proto::{account::v1::HolderRole, payment::v1::TransferStatus};

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
            assert_eq!(bank.turn().await, Turn::Undecided);
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
        assert_eq!(bank.turn().await, Turn::Undecided);
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
