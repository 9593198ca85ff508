//! Keys answer clients: one key, one transfer, one answer.

use std::{collections::HashSet, sync::Arc};

use florin_payment::{Payment, Turn};
use florin_proto::payment::v1::{CreateTransferRequest, CreateTransferResponse};
use prost::Message;
use tokio::task::JoinSet;
use tonic::{Response, Status};

use crate::bank::{Bank, customer, places, reason};

const PARALLEL: usize = 100;

type Outcome = Result<Response<CreateTransferResponse>, Status>;

async fn create(
    payment: &Payment,
    who: florin_kernel::CustomerId,
    key: &str,
    order: CreateTransferRequest,
) -> Outcome {
    let ctx = customer(who, "CreateTransfer", key);
    payment.create_transfer(&ctx, order).await
}

/// Answers that are not replays.
fn firsts(outcomes: &[Outcome]) -> usize {
    let first = |response: &&Response<CreateTransferResponse>| {
        response.metadata().get("idempotent-replayed").is_none()
    };
    outcomes.iter().filter_map(|outcome| outcome.as_ref().ok()).filter(first).count()
}

#[tokio::test]
async fn the_same_key_a_hundred_times_at_once_is_one_transfer() {
    for place in places() {
        let mut bank = Bank::open(place).await;
        let replicas = [bank.payment.clone(), bank.replica().await];
        let bank = Arc::new(bank);
        let mut calls = JoinSet::new();
        for number in 0..PARALLEL {
            let (payment, order, who) = (replicas[number % 2].clone(), bank.order("1"), bank.alice);
            calls.spawn(async move { create(&payment, who, "same", order).await });
        }
        let outcomes = calls.join_all().await;
        assert!(firsts(&outcomes) <= 1);
        let mut answers = HashSet::new();
        for outcome in outcomes {
            match outcome {
                Ok(response) => drop(answers.insert(response.into_inner().encode_to_vec())),
                Err(status) => {
                    let error = florin_rpc::Error::from_status(&status);
                    assert_eq!(
                        (error.reason(), error.http_status()),
                        ("IDEMPOTENCY_KEY_IN_USE", 409)
                    );
                    assert!(error.retry_delay().is_some());
                }
            }
        }
        assert_eq!(answers.len(), 1, "every answer is the same to the byte");
        assert_eq!(bank.count("SELECT COUNT(*) FROM transfers").await, 1);
        while bank.turn().await != Turn::Idle {}
        assert_eq!(bank.ledger.posted().len(), 1);
    }
}

#[tokio::test]
async fn a_key_with_another_payload_is_refused_and_keeps_its_first_answer() {
    for place in places() {
        let bank = Bank::open(place).await;
        let first = bank.transfer("k", bank.order("1")).await.unwrap();
        for other in [
            bank.order("2"),
            CreateTransferRequest { description: "other".into(), ..bank.order("1") },
        ] {
            let status = bank.transfer("k", other).await.unwrap_err();
            let error = florin_rpc::Error::from_status(&status);
            assert_eq!((error.reason(), error.http_status()), ("IDEMPOTENCY_KEY_REUSED", 422));
        }
        let replay = bank.transfer("k", bank.order("1")).await.unwrap();
        assert_eq!(replay.metadata().get("idempotent-replayed").unwrap(), "true");
        assert_eq!(replay.get_ref().encode_to_vec(), first.get_ref().encode_to_vec());
        assert_eq!(bank.count("SELECT COUNT(*) FROM transfers").await, 1);
    }
}

#[tokio::test]
async fn two_payloads_under_one_key_at_once_are_one_transfer() {
    for place in places() {
        let mut bank = Bank::open(place).await;
        let replicas = [bank.payment.clone(), bank.replica().await];
        let mut calls = JoinSet::new();
        for number in 0..PARALLEL {
            let order = bank.order(if number % 3 == 0 { "1" } else { "2" });
            let (payment, who) = (replicas[number % 2].clone(), bank.alice);
            calls.spawn(async move { create(&payment, who, "same", order).await });
        }
        let outcomes = calls.join_all().await;
        assert_eq!(bank.count("SELECT COUNT(*) FROM transfers").await, 1);
        let mut ids = HashSet::new();
        for outcome in outcomes {
            match outcome {
                Ok(response) => drop(ids.insert(response.into_inner().transfer_id)),
                Err(status) => {
                    let reason = reason::<()>(Err(status));
                    let known = ["IDEMPOTENCY_KEY_REUSED", "IDEMPOTENCY_KEY_IN_USE"];
                    assert!(known.contains(&reason.as_str()), "{reason}");
                }
            }
        }
        assert_eq!(ids.len(), 1);
    }
}

#[tokio::test]
async fn keys_of_two_customers_and_of_two_methods_are_two_keys() {
    for place in places() {
        let bank = Bank::open(place).await;
        bank.put_account(2, 1_000, vec![(bank.bob, florin_proto::account::v1::HolderRole::Owner)]);
        bank.transfer("k", bank.order("1")).await.unwrap();
        let back = CreateTransferRequest {
            from: bank.to.to_string(),
            to: bank.from.to_string(),
            ..bank.order("1")
        };
        create(&bank.payment, bank.bob, "k", back).await.unwrap();
        assert_eq!(bank.count("SELECT COUNT(*) FROM transfers").await, 2);
    }
}

#[tokio::test]
async fn a_replay_needs_no_other_service() {
    for place in places() {
        let bank = Bank::open(place).await;
        let first = bank.transfer("k", bank.order("1")).await.unwrap();
        // Alice loses her account: the answer to what she did stays hers.
        bank.put_account(1, 0, Vec::new());
        let replay = bank.transfer("k", bank.order("1")).await.unwrap();
        assert_eq!(replay.into_inner(), first.into_inner());
    }
}

#[tokio::test]
async fn the_same_key_after_a_crash_meets_its_commit() {
    for place in places() {
        let mut bank = Bank::open(place).await;
        let first = bank.transfer("k", bank.order("1")).await.unwrap().into_inner();
        let restarted = bank.replica().await;
        let again = create(&restarted, bank.alice, "k", bank.order("1")).await.unwrap();
        assert_eq!(again.metadata().get("idempotent-replayed").unwrap(), "true");
        assert_eq!(again.into_inner(), first);
    }
}

#[tokio::test]
async fn a_request_cut_off_anywhere_and_its_retry_are_one_transfer() {
    for place in places() {
        let bank = Bank::open(place).await;
        for cut in 0..60 {
            let key = format!("k{cut}");
            let (payment, order, who) = (bank.payment.clone(), bank.order("0.01"), bank.alice);
            let (in_task, its_key) = (order.clone(), key.clone());
            let call = tokio::spawn(async move { create(&payment, who, &its_key, in_task).await });
            for _ in 0..cut {
                tokio::task::yield_now().await;
            }
            call.abort();
            let answered = create(&bank.payment, who, &key, order).await.unwrap();
            let of_key = format!("SELECT COUNT(*) FROM transfers WHERE idempotency_key = '{key}'");
            assert_eq!(bank.count(&of_key).await, 1, "cut after {cut} turns");
            if let Ok(Ok(first)) = call.await {
                assert_eq!(first.into_inner(), answered.into_inner());
            }
        }
        while bank.turn().await != Turn::Idle {}
        assert_eq!(bank.ledger.posted().len(), 60);
    }
}
