//! Transfers that are taken on as the work of this process: POSTING in the commit that accepts
//! them, and handed to a worker in memory.

use florin_payment::{Payment, Turn};
use florin_proto::payment::v1::{
    CancelTransferRequest, CreateTransferRequest, Transfer, TransferStatus,
};
use tokio_util::sync::CancellationToken;

use crate::{
    bank::{Bank, account_id, customer, places, reason, staff},
    ledger::Ledger,
    saga_faults::{LIMIT, MOST_POINTS, crash_at},
};

fn states(transfer: &Transfer) -> Vec<TransferStatus> {
    transfer.steps.iter().map(florin_proto::payment::v1::TransferStep::status).collect()
}

async fn assert_moved_once(bank: &Bank, id: &str, amount: i64) {
    let done = bank.get(id).await;
    let told = [TransferStatus::Processing, TransferStatus::Posting, TransferStatus::Completed];
    assert_eq!(states(&done), told);
    assert_eq!(bank.ledger.posted().len(), 1);
    assert_eq!(bank.ledger.balance(bank.to), amount);
    assert_eq!(
        bank.events(id).await,
        [("transfer_accepted".into(), 1), ("transfer_completed".into(), 2)]
    );
}

/// Runs workers of a replica until they have nothing to do.
async fn finish(payment: &Payment) {
    let start = std::time::Instant::now();
    while payment.worker().turn().await.unwrap() != Turn::Idle {
        assert!(start.elapsed() < LIMIT, "it does not end");
    }
}

#[tokio::test]
async fn what_a_worker_waits_for_is_posting_when_it_is_accepted_and_told_as_before() {
    for place in places() {
        let bank = Bank::open(place).await;
        let worker = bank.payment.worker();
        let here = worker.attend();
        let accepted = bank.transfer("k", bank.order("10")).await.unwrap().into_inner();
        let told = accepted.transfer.clone().unwrap();
        assert_eq!(accepted.status(), TransferStatus::Processing);
        assert_eq!(states(&told), [TransferStatus::Processing]);
        let id = accepted.transfer_id.clone();
        let stored = bank.get(&id).await;
        assert_eq!(states(&stored), [TransferStatus::Processing, TransferStatus::Posting]);
        assert_eq!(stored.steps[0].at, told.steps[0].at);
        assert!(stored.steps.iter().all(|step| step.at.is_some()));
        assert_eq!(bank.work(&id).await.attempts, 1);
        let leased = "SELECT COUNT(*) FROM transfers WHERE lease_until > 0 AND lease_token <> ''";
        assert_eq!(bank.count(leased).await, 1);
        // The key answers what it answered, from its own row and from the transfer.
        let again = bank.transfer("k", bank.order("10")).await.unwrap().into_inner();
        assert_eq!(again, accepted);
        assert_eq!(bank.prune_keys().await, 1);
        let again = bank.transfer("k", bank.order("10")).await.unwrap().into_inner();
        assert_eq!(again, accepted);
        // Whoever has it may have asked the ledger.
        let ctx = customer(bank.alice, "CancelTransfer", "c");
        let cancel = CancelTransferRequest { transfer_id: id.clone() };
        let refused = bank.payment.cancel_transfer(&ctx, cancel).await;
        assert_eq!(reason(refused), "TRANSFER_NOT_CANCELLABLE");
        assert_eq!(worker.turn().await.unwrap(), Turn::Done);
        assert_moved_once(&bank, &id, 1_000).await;
        let written = "SELECT COUNT(*) FROM transfers WHERE lease_token IS NULL \
                       AND lease_until IS NULL AND due_at IS NULL";
        assert_eq!(bank.count(written).await, 1);
        drop(here);
        let waits = bank.accepted("later", "1").await;
        assert_eq!(bank.status(&waits).await, TransferStatus::Processing, "nobody waits for it");
    }
}

#[tokio::test]
async fn a_process_that_dies_with_what_was_handed_over_leaves_it_to_others_when_the_lease_ends() {
    for place in places() {
        let mut bank = Bank::open(place).await;
        let here = bank.payment.worker().attend();
        let id = bank.accepted("k", "10").await;
        drop(here);
        let other = bank.replica().await;
        assert_eq!(other.worker().turn().await.unwrap(), Turn::Idle, "the lease still holds");
        assert_eq!(bank.ledger.calls(), 0);
        bank.let_time_pass().await;
        assert_eq!(other.worker().turn().await.unwrap(), Turn::Done);
        assert_moved_once(&bank, &id, 1_000).await;
        // The first stood still all the while, and writes nothing.
        assert_eq!(bank.turn().await, Turn::Done);
        assert_moved_once(&bank, &id, 1_000).await;
        let metrics = bank.metrics();
        assert!(
            metrics.contains("florin_payment_contradicted_total{role=\"payment\"} 0"),
            "{metrics}"
        );
    }
}

#[tokio::test]
async fn two_that_have_the_same_transfer_at_once_end_it_once() {
    for place in places() {
        let mut bank = Bank::open(place).await;
        let worker = bank.payment.worker();
        let here = worker.attend();
        let paid = bank.accepted("k", "10").await;
        Ledger::close(&bank.ledger.after);
        let slow = tokio::spawn(async move { worker.turn().await.unwrap() });
        Ledger::wait_for(&bank.ledger.worked).await;
        bank.let_time_pass().await;
        let other = bank.replica().await;
        let fast = tokio::spawn(async move { other.worker().turn().await.unwrap() });
        Ledger::wait_for(&bank.ledger.worked).await;
        Ledger::open(&bank.ledger.after);
        slow.await.unwrap();
        fast.await.unwrap();
        assert_moved_once(&bank, &paid, 1_000).await;
        drop(here);
    }
}

#[tokio::test]
async fn what_is_handed_over_fails_alone_and_holds_up_nothing_of_the_table() {
    for place in places() {
        // The table is looked at after each batch.
        let bank = Bank::open_with(place, |config| (config.poll_ms, config.batch) = (1, 2)).await;
        let waits = bank.accepted("before", "1").await;
        let worker = bank.payment.worker();
        let here = worker.attend();
        let order = |to: u8, amount: &str| CreateTransferRequest {
            to: account_id(to).to_string(),
            ..bank.order(amount)
        };
        let mut ids = Vec::new();
        for (key, request) in
            [("nobody", order(9, "1")), ("paid", order(2, "1")), ("poor", order(2, "1000"))]
        {
            ids.push(bank.transfer(key, request).await.unwrap().into_inner().transfer_id);
        }
        finish(&bank.payment).await;
        let mut ends = Vec::new();
        for id in ids.iter().chain([&waits]) {
            ends.push(bank.status(id).await);
        }
        let (paid, failed) = (TransferStatus::Completed, TransferStatus::Failed);
        assert_eq!(ends, [failed, paid, failed, paid]);
        assert_eq!(bank.ledger.voids().len(), 2);
        drop(here);
    }
}

#[tokio::test]
async fn while_the_ledger_is_away_what_comes_waits_in_the_table_and_can_be_cancelled() {
    for place in places() {
        let bank = Bank::open_with(place, |config| config.workers = 1).await;
        bank.ledger.set_away(true);
        let end = CancellationToken::new();
        let running = tokio::spawn(bank.payment.worker().run(end.clone()));
        let mut number = 0;
        let start = std::time::Instant::now();
        // The first ones may be the worker's; it then hears that the ledger is away.
        let waits = loop {
            assert!(start.elapsed() < LIMIT, "they are still handed over");
            number += 1;
            let id = bank.accepted(&format!("k{number}"), "1").await;
            if bank.status(&id).await == TransferStatus::Processing {
                break id;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        };
        let ctx = customer(bank.alice, "CancelTransfer", "c");
        let cancel = CancelTransferRequest { transfer_id: waits.clone() };
        bank.payment.cancel_transfer(&ctx, cancel).await.unwrap();
        assert_eq!(bank.status(&waits).await, TransferStatus::Cancelled);
        end.cancel();
        running.await.unwrap();
    }
}

#[tokio::test]
async fn a_process_that_stops_gives_back_what_its_workers_did_not_come_to() {
    for place in places() {
        let mut bank = Bank::open(place).await;
        let here = bank.payment.worker().attend();
        let id = bank.accepted("k", "10").await;
        drop(here);
        let end = CancellationToken::new();
        end.cancel();
        bank.payment.worker().run(end).await;
        assert_eq!(bank.ledger.calls(), 0);
        assert_eq!(bank.status(&id).await, TransferStatus::Posting);
        let other = bank.replica().await;
        assert_eq!(other.worker().turn().await.unwrap(), Turn::Done, "without waiting");
        assert_moved_once(&bank, &id, 1_000).await;
    }
}

#[tokio::test]
async fn accepted_and_paid_with_a_crash_at_every_point_is_one_transfer_and_one_posting() {
    for place in places() {
        let bank = Bank::open(place).await;
        let mut point = 0;
        loop {
            point += 1;
            assert!(point < MOST_POINTS, "it has no end");
            let worker = bank.payment.worker();
            let here = worker.attend();
            let key = format!("k{point}");
            let work = async {
                let id = bank.accepted(&key, "0.01").await;
                worker.turn().await.unwrap();
                id
            };
            let done = crash_at(point, work).await.is_some();
            drop(here);
            // The client asks again, whatever became of its first call.
            let id = bank.accepted(&key, "0.01").await;
            let start = std::time::Instant::now();
            while bank.status(&id).await != TransferStatus::Completed {
                assert!(start.elapsed() < LIMIT, "{id} does not end");
                bank.let_time_pass().await;
                bank.turn().await;
            }
            if done {
                break;
            }
        }
        finish(&bank.payment).await;
        assert_eq!(bank.ledger.posted().len(), point);
        let transfers = bank.count("SELECT COUNT(*) FROM transfers WHERE status = 4").await;
        assert_eq!(usize::try_from(transfers).unwrap(), point);
        let told = bank.count("SELECT COUNT(*) FROM outbox").await;
        assert_eq!(usize::try_from(told).unwrap(), 2 * point);
    }
}

#[tokio::test]
async fn cash_and_what_is_returned_is_handed_over_too() {
    for place in places() {
        let bank = Bank::open(place).await;
        let worker = bank.payment.worker();
        let here = worker.attend();
        let id = bank.accepted("k", "10").await;
        finish(&bank.payment).await;
        let request = florin_proto::payment::v1::ReverseTransferRequest {
            transfer_id: id.clone(),
            description: String::new(),
        };
        let ctx = staff("ReverseTransfer", "r");
        bank.payment.reverse_transfer(&ctx, request).await.unwrap();
        let posting = "SELECT COUNT(*) FROM transfers WHERE status = 3 AND relation IS NOT NULL";
        assert_eq!(bank.count(posting).await, 1);
        finish(&bank.payment).await;
        assert_eq!(bank.count(posting).await, 0);
        assert_eq!(bank.ledger.balance(bank.to), 0, "it went back");
        drop(here);
    }
}
