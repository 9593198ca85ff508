//! Reversals: whole, once, by the ledger.

use std::sync::Arc;

use florin_payment::Turn;
use florin_proto::payment::v1::{
    CancelTransferRequest, CreateDepositRequest, RefundTransferRequest, ReverseTransferRequest,
    ReverseTransferResponse, TransferRelation, TransferStatus,
};
use florin_rpc::Error;
use tokio::task::JoinSet;
use tonic::{Response, Status};

use crate::bank::{Bank, customer, places, reason, staff, until_decided};

fn request(id: &str) -> ReverseTransferRequest {
    ReverseTransferRequest { transfer_id: id.into(), description: "mistake".into() }
}

async fn reverse(
    bank: &Bank,
    key: &str,
    id: &str,
) -> Result<Response<ReverseTransferResponse>, Status> {
    bank.payment.reverse_transfer(&staff("ReverseTransfer", key), request(id)).await
}

async fn paid(bank: &Bank, key: &str, amount: &str) -> String {
    let id = bank.accepted(key, amount).await;
    assert_eq!(bank.turn().await, Turn::Done);
    id
}

fn cause(refused: Result<Response<ReverseTransferResponse>, Status>) -> String {
    let error = Error::from_status(&refused.unwrap_err());
    assert_eq!(error.reason(), "TRANSFER_NOT_RETURNABLE");
    error.metadata()["cause"].clone()
}

#[tokio::test]
async fn a_transfer_is_undone_whole_by_a_transfer_of_its_own() {
    for place in places() {
        let bank = Bank::open(place).await;
        let id = paid(&bank, "k", "10").await;
        let accepted = reverse(&bank, "r", &id).await.unwrap().into_inner();
        let own = accepted.transfer_id;
        // Beside an ordinary transfer in the same batch.
        let other = bank.accepted("other", "1").await;
        assert_eq!(bank.turn().await, Turn::Done);
        let done = bank.get(&own).await;
        assert_eq!(done.status(), TransferStatus::Completed);
        assert_eq!(
            (done.relation(), done.original_transfer_id.as_str()),
            (TransferRelation::Reversal, id.as_str())
        );
        assert_ne!(done.transaction_id, bank.get(&id).await.transaction_id);
        assert_eq!(bank.status(&other).await, TransferStatus::Completed);
        assert_eq!((bank.ledger.balance(bank.from), bank.ledger.balance(bank.to)), (9_900, 100));
        let told = bank.ledger.posted();
        assert!(told.iter().any(|one| one.reference == format!("{own}/post")));
    }
}

/// "A double reversal: both racers saw POSTED, both booked the compensation" (open-bank #528).
#[tokio::test]
async fn of_racing_reversals_one_is_accepted_and_the_money_goes_back_once() {
    for place in places() {
        let mut bank = Bank::open(place).await;
        let id = paid(&bank, "k", "10").await;
        let replicas = [bank.payment.clone(), bank.replica().await];
        for payment in &replicas {
            until_decided(|| async { Ok(payment.hear_of_the_date().await?) }).await.unwrap();
        }
        let bank = Arc::new(bank);
        let mut calls = JoinSet::new();
        for number in 0..20 {
            let (payment, id) = (replicas[number % 2].clone(), id.clone());
            calls.spawn(async move {
                let ctx = staff("ReverseTransfer", &format!("r{number}"));
                match until_decided(|| payment.reverse_transfer(&ctx, request(&id))).await {
                    Ok(_) => true,
                    refused => {
                        assert_eq!(cause(refused), "REVERSED");
                        false
                    }
                }
            });
        }
        let accepted = calls.join_all().await.into_iter().filter(|accepted| *accepted).count();
        assert_eq!(accepted, 1);
        while bank.turn().await != Turn::Idle {}
        assert_eq!((bank.ledger.balance(bank.from), bank.ledger.balance(bank.to)), (10_000, 0));
    }
}

#[tokio::test]
async fn an_answer_that_was_lost_reverses_once() {
    for place in places() {
        let bank = Bank::open(place).await;
        let id = paid(&bank, "k", "10").await;
        let own = reverse(&bank, "r", &id).await.unwrap().into_inner().transfer_id;
        bank.ledger.set_loses_answers(true);
        assert_eq!(bank.turn().await, Turn::Undecided);
        assert_eq!(bank.status(&own).await, TransferStatus::Posting);
        bank.ledger.set_loses_answers(false);
        bank.let_time_pass().await;
        assert_eq!(bank.turn().await, Turn::Done);
        assert_eq!(bank.status(&own).await, TransferStatus::Completed);
        assert_eq!((bank.ledger.balance(bank.from), bank.ledger.balance(bank.to)), (10_000, 0));
        assert_eq!(bank.ledger.posted().len(), 2);
    }
}

#[tokio::test]
async fn a_reversal_that_the_money_has_left_fails_and_another_may_be_tried() {
    for place in places() {
        let bank = Bank::open(place).await;
        let id = paid(&bank, "k", "10").await;
        bank.put_account(2, 0, Vec::new());
        let own = reverse(&bank, "r1", &id).await.unwrap().into_inner().transfer_id;
        assert_eq!(bank.turn().await, Turn::Done);
        let failed = bank.get(&own).await;
        assert_eq!(failed.failure.unwrap().reason, "INSUFFICIENT_FUNDS");
        assert_eq!(bank.ledger.voids()[0].0, format!("{own}/post"));
        bank.put_account(2, 1_000, Vec::new());
        reverse(&bank, "r2", &id).await.unwrap();
        assert_eq!(bank.turn().await, Turn::Done);
        assert_eq!((bank.ledger.balance(bank.from), bank.ledger.balance(bank.to)), (10_000, 0));
        assert_eq!(cause(reverse(&bank, "r3", &id).await), "REVERSED");
    }
}

#[tokio::test]
async fn refunds_and_a_reversal_exclude_each_other() {
    for place in places() {
        let bank = Bank::open(place).await;
        let (refunded, reversed) = (paid(&bank, "a", "10").await, paid(&bank, "b", "5").await);
        let refund = |id: &str| RefundTransferRequest {
            transfer_id: id.into(),
            amount: "1".into(),
            currency: "EUR".into(),
            description: String::new(),
        };
        let ctx = staff("RefundTransfer", "refund");
        bank.payment.refund_transfer(&ctx, refund(&refunded)).await.unwrap();
        assert_eq!(cause(reverse(&bank, "r1", &refunded).await), "REFUNDED");
        reverse(&bank, "r2", &reversed).await.unwrap();
        let ctx = staff("RefundTransfer", "too late");
        let late = bank.payment.refund_transfer(&ctx, refund(&reversed)).await;
        assert_eq!(reason(late), "TRANSFER_NOT_RETURNABLE");
    }
}

#[tokio::test]
async fn cash_is_reversed_and_what_has_not_moved_is_not() {
    for place in places() {
        let bank = Bank::open(place).await;
        let cash = CreateDepositRequest {
            to: bank.to.to_string(),
            amount: "5".into(),
            currency: "EUR".into(),
            description: String::new(),
        };
        let deposit =
            bank.payment.create_deposit(&staff("CreateDeposit", "d"), cash).await.unwrap();
        let id = deposit.into_inner().transfer_id;
        assert_eq!(cause(reverse(&bank, "early", &id).await), "NOT_COMPLETED");
        bank.turn().await;
        let own = reverse(&bank, "r", &id).await.unwrap().into_inner().transfer_id;
        bank.turn().await;
        assert_eq!(bank.status(&own).await, TransferStatus::Completed);
        assert_eq!(bank.ledger.balance(bank.to), 0);
        let nobody = reverse(&bank, "n", "trf_01900000-0000-7000-8000-000000000000").await;
        assert_eq!(reason(nobody), "TRANSFER_NOT_FOUND");
    }
}

#[tokio::test]
async fn what_somebody_else_reversed_in_the_ledger_ends_a_reversal_unpaid() {
    for place in places() {
        let bank = Bank::open(place).await;
        let id = paid(&bank, "k", "10").await;
        bank.ledger.reversed_by_another(&bank.get(&id).await.transaction_id);
        let own = reverse(&bank, "r", &id).await.unwrap().into_inner().transfer_id;
        assert_eq!(bank.turn().await, Turn::Done);
        let failed = bank.get(&own).await;
        assert_eq!(failed.status(), TransferStatus::Failed);
        assert_eq!(failed.failure.unwrap().reason, "ALREADY_REVERSED");
        assert_eq!(bank.ledger.voids()[0].0, format!("{own}/post"));
        assert_eq!((bank.ledger.balance(bank.from), bank.ledger.balance(bank.to)), (10_000, 0));
    }
}

#[tokio::test]
async fn who_was_wrongly_paid_does_not_stop_the_bank_from_taking_it_back() {
    for place in places() {
        let bank = Bank::open(place).await;
        let (one, two) = (paid(&bank, "a", "10").await, paid(&bank, "b", "5").await);
        let refund = RefundTransferRequest {
            transfer_id: two,
            amount: "1".into(),
            currency: "EUR".into(),
            description: String::new(),
        };
        let by_staff = staff("RefundTransfer", "refund");
        let by_bob = customer(bank.bob, "RefundTransfer", "refund");
        let refunded = bank.payment.refund_transfer(&by_staff, refund.clone()).await.unwrap();
        let own = bank.payment.refund_transfer(&by_bob, refund).await.unwrap();
        let reversed = reverse(&bank, "r", &one).await.unwrap().into_inner().transfer_id;
        let refunded = refunded.into_inner().transfer_id;
        let cancel = async |who: &str, id: &str| {
            let ctx = match who {
                "bob" => customer(bank.bob, "CancelTransfer", id),
                _ => staff("CancelTransfer", id),
            };
            let request = CancelTransferRequest { transfer_id: id.into() };
            reason(bank.payment.cancel_transfer(&ctx, request).await)
        };
        for id in [&reversed, &refunded] {
            assert_eq!(cancel("bob", id).await, "TRANSFER_NOT_FOUND");
            assert_eq!(bank.status(id).await, TransferStatus::Processing);
        }
        assert_eq!(cancel("bob", &own.into_inner().transfer_id).await, "OK", "it is his");
        assert_eq!(cancel("staff", &reversed).await, "OK");
        assert_eq!(bank.turn().await, Turn::Done);
        assert_eq!(bank.status(&refunded).await, TransferStatus::Completed);
    }
}

/// Also where the key's own row is gone, and another sort of payment is meant.
#[tokio::test]
async fn the_key_of_a_reversal_reverses_nothing_else() {
    for place in places() {
        let bank = Bank::open(place).await;
        let id = paid(&bank, "k", "10").await;
        let cash = CreateDepositRequest {
            to: bank.to.to_string(),
            amount: "5".into(),
            currency: "EUR".into(),
            description: String::new(),
        };
        let deposit =
            bank.payment.create_deposit(&staff("CreateDeposit", "d"), cash).await.unwrap();
        bank.turn().await;
        reverse(&bank, "r", &id).await.unwrap();
        bank.prune_keys().await;
        let other = reverse(&bank, "r", &deposit.into_inner().transfer_id).await;
        assert_eq!(reason(other), "IDEMPOTENCY_KEY_REUSED");
    }
}
