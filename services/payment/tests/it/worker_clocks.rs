//! What guards a transfer's end where no clock and no lease can be relied on.

use florin_payment::Turn;
use florin_proto::payment::v1::TransferStatus;

use crate::{
    bank::{Bank, places},
    ledger::Ledger,
};

/// Two hours, which is what a computer's clock in local time is ahead in summer.
const AHEAD_MICROS: i64 = 7_200_000_000;

/// Whether the last answer was a refusal that the worker did not believe.
async fn is_disbelieved(bank: &Bank, id: &str) -> bool {
    let waits = "SELECT COUNT(*) FROM transfers WHERE due_at = unanswered_at + 17000000";
    bank.status(id).await == TransferStatus::Posting && bank.count(waits).await == 1
}

#[tokio::test]
async fn a_refusal_is_not_believed_where_the_worker_before_has_not_given_the_transfer_back() {
    for place in places() {
        let bank = Bank::open(place).await;
        let id = bank.accepted("k", "150").await;
        Ledger::close(&bank.ledger.before);
        let worker = bank.payment.worker();
        let turn = tokio::spawn(async move { worker.turn().await.unwrap() });
        Ledger::wait_for(&bank.ledger.arrived).await;
        turn.abort();
        turn.await.unwrap_err();
        Ledger::open(&bank.ledger.before);
        // The lease has ended by a clock that stepped ahead: the call may still be on its way.
        bank.let_time_pass().await;
        assert_eq!(bank.turn().await, Turn::Done);
        assert!(is_disbelieved(&bank, &id).await);
        assert_eq!(bank.events(&id).await, [("transfer_accepted".into(), 1)]);
        bank.let_calls_die_out().await;
        assert_eq!(bank.turn().await, Turn::Done);
        assert_eq!(bank.status(&id).await, TransferStatus::Failed);
    }
}

#[tokio::test]
async fn a_first_refusal_of_a_transfer_that_nobody_had_is_believed_at_once() {
    for place in places() {
        let bank = Bank::open(place).await;
        let id = bank.accepted("k", "150").await;
        assert_eq!(bank.turn().await, Turn::Done);
        assert_eq!(bank.status(&id).await, TransferStatus::Failed);
    }
}

#[tokio::test]
async fn transfers_that_a_clock_ahead_has_put_off_are_taken_and_told() {
    for place in places() {
        let bank = Bank::open(place).await;
        let ahead = format!("due_at + {AHEAD_MICROS}");
        let due = bank.accepted("due", "10").await;
        bank.execute(&format!("UPDATE transfers SET due_at = {ahead}")).await;
        let leased = bank.accepted("leased", "20").await;
        bank.execute(&format!(
            "UPDATE transfers SET lease_token = 'x', lease_until = {ahead} WHERE id = '{leased}'"
        ))
        .await;
        assert_eq!(bank.turn().await, Turn::Done);
        for id in [&due, &leased] {
            assert_eq!(bank.status(id).await, TransferStatus::Completed);
        }
        let metrics = bank.metrics();
        assert!(metrics.contains("florin_payment_ahead_total{role=\"payment\"} 1"), "{metrics}");
    }
}

#[tokio::test]
async fn a_mark_in_the_future_puts_a_refusal_off_no_longer_than_one_of_now() {
    for place in places() {
        let bank = Bank::open(place).await;
        let id = bank.accepted("k", "150").await;
        bank.execute(&format!("UPDATE transfers SET unanswered_at = due_at + {AHEAD_MICROS}"))
            .await;
        let mark = bank.count("SELECT unanswered_at FROM transfers").await;
        assert_eq!(bank.turn().await, Turn::Done);
        assert!(is_disbelieved(&bank, &id).await);
        let lowered = bank.count("SELECT unanswered_at FROM transfers").await;
        assert!(lowered < mark - AHEAD_MICROS / 2, "{lowered} of {mark}");
        bank.let_calls_die_out().await;
        assert_eq!(bank.turn().await, Turn::Done);
        assert_eq!(bank.status(&id).await, TransferStatus::Failed);
    }
}
