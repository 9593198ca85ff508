//! The worker and everything that can happen to it.

use std::sync::Arc;

use florin_payment::{Payment, Turn};
use florin_proto::payment::v1::{CreateTransferRequest, TransferStatus};
use tokio::task::JoinSet;

use crate::{
    bank::{Bank, account_id, places},
    ledger::Ledger,
};

/// Starts a turn of a worker that can be killed.
fn working(payment: &Payment) -> tokio::task::JoinHandle<Turn> {
    let worker = payment.worker();
    tokio::spawn(async move { worker.turn().await.unwrap() })
}

async fn kill(turn: tokio::task::JoinHandle<Turn>) {
    turn.abort();
    assert!(turn.await.unwrap_err().is_cancelled());
}

/// Exactly one effect, told once.
async fn assert_moved_once(bank: &Bank, id: &str, amount: i64) {
    let done = bank.get(id).await;
    assert_eq!(done.status(), TransferStatus::Completed);
    assert_eq!(bank.ledger.posted().len(), 1);
    assert_eq!(bank.ledger.balance(bank.from), 10_000 - amount);
    assert_eq!(bank.ledger.balance(bank.to), amount);
    assert_eq!(
        bank.events(id).await,
        [("transfer_accepted".into(), 1), ("transfer_completed".into(), 2)]
    );
}

#[tokio::test]
async fn a_refusal_of_the_ledger_fails_that_transfer_and_no_neighbour() {
    for place in places() {
        let bank = Bank::open(place).await;
        bank.put_account(3, 0, Vec::new());
        bank.ledger.freeze(account_id(3));
        let to = |id: florin_kernel::AccountId| CreateTransferRequest {
            to: id.to_string(),
            ..bank.order("60")
        };
        let mut ids = Vec::new();
        for (key, request) in [
            ("frozen", to(account_id(3))),
            ("nobody", to(account_id(9))),
            ("paid", to(bank.to)),
            ("poor", to(bank.to)),
        ] {
            let accepted = bank.transfer(key, request).await.unwrap();
            ids.push(accepted.into_inner().transfer_id);
        }
        assert_eq!(bank.turn().await, Turn::Done);
        assert_eq!(bank.ledger.calls(), 1, "one call for all");
        let mut reasons = Vec::new();
        for id in &ids {
            let transfer = bank.get(id).await;
            let failure = transfer.failure.clone().unwrap_or_default();
            assert_eq!(transfer.steps.last().unwrap().reason, failure.reason);
            if !failure.reason.is_empty() {
                assert_eq!(failure.domain, "account.florin.bank");
                assert_eq!(failure.metadata["scripted"], "yes", "the ledger's facts are kept");
            }
            reasons.push((transfer.status(), failure.reason));
        }
        let failed = |reason: &str| (TransferStatus::Failed, reason.to_owned());
        assert_eq!(
            reasons,
            [
                failed("ACCOUNT_FROZEN"),
                failed("ACCOUNT_NOT_FOUND"),
                (TransferStatus::Completed, String::new()),
                failed("INSUFFICIENT_FUNDS"),
            ]
        );
        assert_eq!(
            bank.events(&ids[0]).await,
            [("transfer_accepted".into(), 1), ("transfer_failed".into(), 2)]
        );
        assert_eq!(bank.ledger.posted().len(), 1);
        bank.let_time_pass().await;
        assert_eq!(bank.turn().await, Turn::Idle, "an end is an end");
    }
}

#[tokio::test]
async fn nothing_fails_because_the_ledger_is_away() {
    for place in places() {
        let bank = Bank::open(place).await;
        let id = bank.accepted("k", "10").await;
        bank.ledger.set_away(true);
        for _ in 0..3 {
            assert_eq!(bank.turn().await, Turn::Undecided);
            assert_eq!(bank.status(&id).await, TransferStatus::Posting);
            bank.let_time_pass().await;
        }
        bank.ledger.set_away(false);
        assert_eq!(bank.turn().await, Turn::Done);
        assert_moved_once(&bank, &id, 1_000).await;
    }
}

#[tokio::test]
async fn an_answer_that_was_lost_moves_no_money_twice() {
    for place in places() {
        let bank = Bank::open(place).await;
        let id = bank.accepted("k", "10").await;
        bank.ledger.set_loses_answers(true);
        assert_eq!(bank.turn().await, Turn::Undecided);
        assert_eq!(bank.ledger.posted().len(), 1, "it was posted");
        assert_eq!(bank.status(&id).await, TransferStatus::Posting);
        assert_eq!(bank.turn().await, Turn::Idle, "it waits first");
        bank.ledger.set_loses_answers(false);
        // References guard money, whatever became of the key that created the transfer.
        assert_eq!(bank.prune_keys().await, 1);
        bank.let_time_pass().await;
        assert_eq!(bank.turn().await, Turn::Done);
        assert_moved_once(&bank, &id, 1_000).await;
    }
}

#[tokio::test]
async fn a_worker_that_dies_before_the_ledger_acts_is_replaced() {
    for place in places() {
        let bank = Bank::open(place).await;
        let id = bank.accepted("k", "10").await;
        Ledger::close(&bank.ledger.before);
        let turn = working(&bank.payment);
        Ledger::wait_for(&bank.ledger.arrived).await;
        assert_eq!(bank.status(&id).await, TransferStatus::Posting, "committed before the call");
        kill(turn).await;
        Ledger::open(&bank.ledger.before);
        assert_eq!(bank.turn().await, Turn::Idle, "the lease still holds");
        bank.let_time_pass().await;
        assert_eq!(bank.turn().await, Turn::Done);
        assert_moved_once(&bank, &id, 1_000).await;
    }
}

#[tokio::test]
async fn a_worker_that_dies_after_the_ledger_acted_is_replaced() {
    for place in places() {
        let bank = Bank::open(place).await;
        let id = bank.accepted("k", "10").await;
        Ledger::close(&bank.ledger.after);
        let turn = working(&bank.payment);
        Ledger::wait_for(&bank.ledger.worked).await;
        kill(turn).await;
        Ledger::open(&bank.ledger.after);
        assert_eq!(bank.status(&id).await, TransferStatus::Posting);
        bank.let_time_pass().await;
        assert_eq!(bank.turn().await, Turn::Done);
        assert_moved_once(&bank, &id, 1_000).await;
    }
}

#[tokio::test]
async fn a_process_that_dies_after_the_acceptance_leaves_its_transfers_to_others() {
    for place in places() {
        let mut bank = Bank::open(place).await;
        let id = bank.accepted("k", "10").await;
        let other = bank.replica().await;
        assert_eq!(other.worker().turn().await.unwrap(), Turn::Done);
        assert_moved_once(&bank, &id, 1_000).await;
    }
}

#[tokio::test]
async fn a_worker_whose_lease_has_ended_writes_nothing() {
    for place in places() {
        let mut bank = Bank::open(place).await;
        let id = bank.accepted("k", "10").await;
        Ledger::close(&bank.ledger.after);
        let slow = working(&bank.payment);
        Ledger::wait_for(&bank.ledger.worked).await;
        bank.let_time_pass().await;
        let other = bank.replica().await;
        let fast = working(&other);
        Ledger::wait_for(&bank.ledger.worked).await;
        // Both have the ledger's answer now; only the younger lease counts.
        Ledger::open(&bank.ledger.after);
        slow.await.unwrap();
        fast.await.unwrap();
        assert_moved_once(&bank, &id, 1_000).await;
    }
}

#[tokio::test]
async fn workers_of_two_replicas_share_the_work_and_double_nothing() {
    const TRANSFERS: usize = 200;
    for place in places() {
        let mut bank = Bank::open_with(place, |config| config.batch = 7).await;
        let other = bank.replica().await;
        let bank = Arc::new(bank);
        let mut accepting = JoinSet::new();
        for number in 0..TRANSFERS {
            let bank = Arc::clone(&bank);
            accepting.spawn(async move { bank.accepted(&format!("k{number}"), "0.50").await });
        }
        let mut working = JoinSet::new();
        for payment in [bank.payment.clone(), bank.payment.clone(), other.clone(), other] {
            working.spawn(async move {
                // Idle only ends it once all have been accepted and ended.
                while payment.worker().turn().await.unwrap() == Turn::Done {}
            });
        }
        let ids = accepting.join_all().await;
        working.join_all().await;
        while bank.turn().await != Turn::Idle {}
        assert_eq!(bank.ledger.posted().len(), TRANSFERS);
        assert_eq!((bank.ledger.balance(bank.from), bank.ledger.balance(bank.to)), (0, 10_000));
        for id in &ids {
            assert_eq!(bank.status(id).await, TransferStatus::Completed);
        }
        let twice = "SELECT COUNT(*) FROM (SELECT aggregate FROM outbox GROUP BY aggregate, \
                     version HAVING COUNT(*) > 1) AS doubled";
        assert_eq!(bank.count(twice).await, 0);
        let told = i64::try_from(2 * TRANSFERS).unwrap();
        assert_eq!(bank.count("SELECT COUNT(*) FROM outbox").await, told);
    }
}

#[tokio::test]
async fn a_poisoned_transfer_does_not_hold_up_its_neighbours() {
    for place in places() {
        let bank = Bank::open(place).await;
        let mut ids = Vec::new();
        for number in 0..5 {
            let description = if number == 3 { "poison" } else { "rent" };
            let request =
                CreateTransferRequest { description: description.into(), ..bank.order("1") };
            let accepted = bank.transfer(&format!("k{number}"), request).await.unwrap();
            ids.push(accepted.into_inner().transfer_id);
        }
        assert_eq!(bank.turn().await, Turn::Done);
        for (number, id) in ids.iter().enumerate() {
            let expected =
                if number == 3 { TransferStatus::Posting } else { TransferStatus::Completed };
            assert_eq!(bank.status(id).await, expected);
        }
    }
}

#[tokio::test]
async fn a_transfer_that_stays_refused_comes_back_ever_more_seldom() {
    for place in places() {
        let bank = Bank::open(place).await;
        let poison = CreateTransferRequest { description: "poison".into(), ..bank.order("1") };
        bank.transfer("k", poison).await.unwrap();
        let mut waits = Vec::new();
        for _ in 0..5 {
            assert_eq!(bank.turn().await, Turn::Done, "nobody waits for it");
            assert_eq!(bank.turn().await, Turn::Idle);
            waits.push(bank.count("SELECT due_at - unanswered_at FROM transfers").await);
            bank.let_time_pass().await;
        }
        assert_eq!(waits, [60, 120, 240, 480, 600].map(|seconds| seconds * 1_000_000));
        let metrics = bank.metrics();
        assert!(metrics.contains("florin_payment_stuck_total{role=\"payment\"} 5"), "{metrics}");
    }
}

#[tokio::test]
async fn a_reference_used_for_something_else_never_fails_a_transfer() {
    for place in places() {
        let bank = Bank::open(place).await;
        let id = bank.accepted("k", "10").await;
        bank.ledger.occupy(&format!("{id}/post"));
        assert_eq!(bank.turn().await, Turn::Done);
        assert_eq!(bank.status(&id).await, TransferStatus::Posting, "people must look");
        assert_eq!(bank.events(&id).await.len(), 1);
    }
}

#[tokio::test]
async fn a_running_worker_is_woken_by_the_acceptance_and_ends_with_the_shutdown() {
    for place in places() {
        // A poll so rare that only the waking explains the end.
        let bank = Bank::open_with(place, |config| config.poll_ms = 3_600_000).await;
        let end = tokio_util::sync::CancellationToken::new();
        let worker = tokio::spawn(bank.payment.worker().run(end.clone()));
        let id = bank.accepted("k", "10").await;
        while bank.status(&id).await != TransferStatus::Completed {
            tokio::task::yield_now().await;
        }
        end.cancel();
        worker.await.unwrap();
    }
}

#[tokio::test]
async fn a_row_that_is_no_transfer_holds_up_no_other() {
    for place in places() {
        let bank = Bank::open(place).await;
        let broken = bank.accepted("k1", "10").await;
        let id = bank.accepted("k2", "10").await;
        bank.execute(&format!("UPDATE transfers SET steps = '?' WHERE id = '{broken}'")).await;
        assert_eq!(bank.turn().await, Turn::Done);
        assert_moved_once(&bank, &id, 1_000).await;
    }
}

#[tokio::test]
async fn a_posting_that_comes_back_to_a_failed_transfer_is_counted_and_changes_nothing() {
    for place in places() {
        let bank = Bank::open(place).await;
        let id = bank.accepted("k", "10").await;
        Ledger::close(&bank.ledger.after);
        let slow = working(&bank.payment);
        Ledger::wait_for(&bank.ledger.worked).await;
        // Somebody believed a refusal too early.
        bank.execute(
            "UPDATE transfers SET status = 5, failure_reason = 'INSUFFICIENT_FUNDS', \
             failure_message = '', failure_domain = 'account.florin.bank', failure_facts = '{}', \
             due_at = NULL, steps = REPLACE(steps, ']]', '],[5,9,\"\"]]')",
        )
        .await;
        assert_eq!(bank.status(&id).await, TransferStatus::Failed);
        Ledger::open(&bank.ledger.after);
        slow.await.unwrap();
        assert_eq!(bank.status(&id).await, TransferStatus::Failed);
        let metrics = bank.metrics();
        assert!(
            metrics.contains("florin_payment_contradicted_total{role=\"payment\"} 1"),
            "{metrics}"
        );
    }
}

#[tokio::test]
async fn what_a_worker_does_is_counted_and_the_same_answer_twice_is_no_contradiction() {
    for place in places() {
        let mut bank = Bank::open(place).await;
        bank.accepted("paid", "10").await;
        bank.accepted("poor", "1000").await;
        Ledger::close(&bank.ledger.after);
        let slow = working(&bank.payment);
        Ledger::wait_for(&bank.ledger.worked).await;
        bank.let_time_pass().await;
        let other = bank.replica().await;
        let fast = working(&other);
        Ledger::wait_for(&bank.ledger.worked).await;
        Ledger::open(&bank.ledger.after);
        fast.await.unwrap();
        slow.await.unwrap();
        bank.ledger.set_away(true);
        bank.accepted("away", "1").await;
        assert_eq!(bank.turn().await, Turn::Undecided);
        let metrics = bank.metrics();
        for line in [
            "florin_payment_contradicted_total{role=\"payment\"} 0",
            "florin_payment_undecided_total{role=\"payment\"} 1",
            "florin_payment_batches_total{role=\"payment\"} 2",
            "florin_payment_taken_total{role=\"payment\"} 3",
        ] {
            assert!(metrics.contains(line), "{line} in {metrics}");
        }
    }
}
