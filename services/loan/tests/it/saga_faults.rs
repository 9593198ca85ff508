//! Each step of the saga of a disbursement failed, and repeated.

use florin_loan::Turn;
use florin_proto::{
    account::v1::Reason,
    loan::v1::{LoanStatus, MovementStatus, UndoDisbursementRequest},
};
use florin_store::{Tx, sql};
use florin_testkit::place::number;

use crate::{
    bank::{Bank, person, places},
    ledger::Ledger,
};

/// The loan is paid out, once.
async fn must_be_paid_once(bank: &Bank, id: &str) {
    let loan = bank.loan(id).await;
    assert_eq!(loan.status(), LoanStatus::Active);
    assert_eq!(loan.movements.first().unwrap().status(), MovementStatus::Done);
    assert_eq!(bank.ledger.balance(bank.account), 100_000);
    assert_eq!((bank.ledger.posted().len(), bank.ledger.voids().len()), (1, 0));
    let steps = "SELECT COUNT(*) FROM loan_steps WHERE kind = 7";
    assert_eq!(number(&bank.db, steps).await.unwrap(), 1);
    let told = bank.events(id).await;
    assert_eq!(told.iter().filter(|(kind, _)| kind == "loan_disbursed").count(), 1);
    assert_eq!(bank.turn().await, Turn::Idle);
}

/// Nothing was paid, and nothing ever will be.
async fn must_have_ended_unpaid(bank: &Bank, id: &str, status: MovementStatus) {
    let loan = bank.loan(id).await;
    assert_eq!(loan.status(), LoanStatus::Accepted);
    assert_eq!(loan.movements.first().unwrap().status(), status);
    assert_eq!(bank.ledger.balance(bank.account), 0);
    assert_eq!((bank.ledger.posted().len(), bank.ledger.voids().len()), (0, 1));
    assert_eq!(bank.turn().await, Turn::Idle);
}

#[tokio::test]
async fn a_ledger_that_is_away_leaves_it_pending() {
    for place in places() {
        let bank = Bank::open(place).await;
        let id = bank.accepted().await;
        bank.disburse(&id, "").await.unwrap();
        bank.ledger.set_away(true);
        for _ in 0..2 {
            assert_eq!(bank.turn().await, Turn::Undecided);
            assert_eq!(bank.turn().await, Turn::Idle);
            bank.let_time_pass().await;
        }
        assert_eq!(bank.loan(&id).await.status(), LoanStatus::Accepted);
        let attempts = "SELECT attempts FROM movements";
        assert_eq!(number(&bank.db, attempts).await.unwrap(), 2);
        bank.ledger.set_away(false);
        assert_eq!(bank.turn().await, Turn::Done);
        must_be_paid_once(&bank, &id).await;
    }
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again_and_pays_once() {
    for place in places() {
        let bank = Bank::open(place).await;
        let id = bank.accepted().await;
        bank.disburse(&id, "").await.unwrap();
        bank.ledger.set_loses_answers(true);
        assert_eq!(bank.turn().await, Turn::Undecided);
        assert_eq!(bank.ledger.posted().len(), 1);
        bank.ledger.set_loses_answers(false);
        bank.let_time_pass().await;
        assert_eq!(bank.turn().await, Turn::Done);
        must_be_paid_once(&bank, &id).await;
    }
}

#[tokio::test]
async fn a_worker_that_ends_after_taking_is_followed_by_another() {
    for place in places() {
        let bank = Bank::open(place).await;
        let id = bank.accepted().await;
        bank.disburse(&id, "").await.unwrap();
        // Taken, and then nothing more: neither the ledger nor the table hears of it.
        Ledger::close(&bank.ledger.before);
        let worker = bank.lending.worker();
        let turn = tokio::spawn(async move { worker.turn().await });
        Ledger::wait_for(&bank.ledger.arrived).await;
        turn.abort();
        assert!(turn.await.unwrap_err().is_cancelled());
        assert_eq!(bank.turn().await, Turn::Idle);
        bank.let_time_pass().await;
        Ledger::open(&bank.ledger.before);
        assert_eq!(bank.turn().await, Turn::Done);
        must_be_paid_once(&bank, &id).await;
    }
}

#[tokio::test]
async fn a_worker_that_ends_after_posting_is_followed_by_another() {
    for place in places() {
        let bank = Bank::open(place).await;
        let id = bank.accepted().await;
        bank.disburse(&id, "").await.unwrap();
        Ledger::close(&bank.ledger.after);
        let worker = bank.lending.worker();
        let turn = tokio::spawn(async move { worker.turn().await });
        Ledger::wait_for(&bank.ledger.worked).await;
        turn.abort();
        assert!(turn.await.unwrap_err().is_cancelled());
        assert_eq!(bank.loan(&id).await.status(), LoanStatus::Accepted);
        bank.let_time_pass().await;
        Ledger::open(&bank.ledger.after);
        assert_eq!(bank.turn().await, Turn::Done);
        must_be_paid_once(&bank, &id).await;
    }
}

#[tokio::test]
async fn two_workers_that_hold_it_at_once_settle_it_once() {
    for place in places() {
        let mut bank = Bank::open(place).await;
        let other = bank.replica().await;
        let id = bank.accepted().await;
        bank.disburse(&id, "").await.unwrap();
        Ledger::close(&bank.ledger.after);
        let worker = bank.lending.worker();
        let first = tokio::spawn(async move { worker.turn().await });
        Ledger::wait_for(&bank.ledger.worked).await;
        // Its lease is over while the first still waits for the answer.
        bank.let_time_pass().await;
        let worker = other.worker();
        let second = tokio::spawn(async move { worker.turn().await });
        Ledger::wait_for(&bank.ledger.worked).await;
        Ledger::open(&bank.ledger.after);
        assert_eq!(first.await.unwrap().unwrap(), Turn::Done);
        assert_eq!(second.await.unwrap().unwrap(), Turn::Done);
        must_be_paid_once(&bank, &id).await;
    }
}

#[tokio::test]
async fn a_refusal_is_no_end_before_the_reference_is_void() {
    for place in places() {
        let bank = Bank::open(place).await;
        let id = bank.accepted().await;
        bank.ledger.refuse(bank.account, Some(Reason::AccountFrozen));
        bank.disburse(&id, "").await.unwrap();
        bank.ledger.set_voids_away(true);
        assert_eq!(bank.turn().await, Turn::Undecided);
        let status = bank.loan(&id).await.movements.first().unwrap().status();
        assert_eq!(status, MovementStatus::Pending);
        bank.ledger.set_voids_away(false);
        // Voided, and the answer is lost.
        bank.ledger.set_loses_voids(true);
        bank.let_time_pass().await;
        assert_eq!(bank.turn().await, Turn::Undecided);
        bank.ledger.set_loses_voids(false);
        // The account takes money again: too late for this one.
        bank.ledger.refuse(bank.account, None);
        bank.let_time_pass().await;
        assert_eq!(bank.turn().await, Turn::Done);
        must_have_ended_unpaid(&bank, &id, MovementStatus::Failed).await;
        let loan = bank.loan(&id).await;
        let failure = loan.movements.first().unwrap().failure.clone().unwrap();
        assert_eq!(failure.reason, "ACCOUNT_FROZEN");
    }
}

#[tokio::test]
async fn an_undo_that_meets_money_on_its_way_ends_as_the_ledger_decided() {
    for place in places() {
        let bank = Bank::open(place).await;
        let undo = async |id: &str| {
            let request = UndoDisbursementRequest { loan_id: id.to_owned() };
            let ctx = person("UndoDisbursement", "clerk");
            bank.lending.undo_disbursement(&ctx, request).await.unwrap()
        };
        // Posted, and the answer is on its way.
        let id = bank.accepted().await;
        bank.disburse(&id, "").await.unwrap();
        Ledger::close(&bank.ledger.after);
        let worker = bank.lending.worker();
        let posting = tokio::spawn(async move { worker.turn().await });
        Ledger::wait_for(&bank.ledger.worked).await;
        undo(&id).await;
        assert_eq!(bank.turn().await, Turn::Done);
        Ledger::open(&bank.ledger.after);
        assert_eq!(posting.await.unwrap().unwrap(), Turn::Done);
        must_be_paid_once(&bank, &id).await;
        // Voided before it is posted.
        let bank = Bank::open(places().remove(0)).await;
        let id = bank.accepted().await;
        bank.disburse(&id, "").await.unwrap();
        Ledger::close(&bank.ledger.before);
        let worker = bank.lending.worker();
        let posting = tokio::spawn(async move { worker.turn().await });
        Ledger::wait_for(&bank.ledger.arrived).await;
        let request = UndoDisbursementRequest { loan_id: id.clone() };
        let ctx = person("UndoDisbursement", "clerk");
        bank.lending.undo_disbursement(&ctx, request).await.unwrap();
        assert_eq!(bank.turn().await, Turn::Done);
        Ledger::open(&bank.ledger.before);
        assert_eq!(posting.await.unwrap().unwrap(), Turn::Done);
        must_have_ended_unpaid(&bank, &id, MovementStatus::Undone).await;
    }
}

#[tokio::test]
async fn a_settlement_that_fails_leaves_neighbours_and_is_repeated() {
    for place in places() {
        let bank = Bank::open(place).await;
        let (broken, sound) = (bank.accepted().await, bank.accepted().await);
        for id in [&broken, &sound] {
            bank.disburse(id, "").await.unwrap();
        }
        // The steps of one cannot be read: it is paid by the ledger, and waits for people.
        let spoil = async |from: &'static str, to: &'static str| {
            let update = format!("UPDATE loans SET version = version {to} {from} WHERE id = $1");
            let spoiled =
                async |tx: Tx| sql::execute(&tx, update.as_str(), [broken.as_str().into()]).await;
            bank.db.write(spoiled).await.unwrap();
        };
        spoil("1", "+").await;
        assert!(bank.lending.worker().turn().await.is_err());
        assert_eq!(bank.loan(&sound).await.status(), LoanStatus::Active);
        spoil("1", "-").await;
        bank.let_time_pass().await;
        assert_eq!(bank.turn().await, Turn::Done);
        assert_eq!(bank.loan(&broken).await.status(), LoanStatus::Active);
        assert_eq!(bank.ledger.balance(bank.account), 200_000);
        assert_eq!(bank.ledger.posted().len(), 2);
    }
}
