//! Refunds: several, in sum at most the original.

use std::sync::Arc;

use florin_payment::Turn;
use florin_proto::payment::v1::{
    CreateDepositRequest, RefundTransferRequest, RefundTransferResponse, TransferRelation,
    TransferStatus,
};
use florin_rpc::{CallContext, Error};
use tokio::task::JoinSet;
use tonic::{Response, Status};

use crate::bank::{Bank, customer, places, reason, staff, until_decided};

fn request(id: &str, amount: &str) -> RefundTransferRequest {
    RefundTransferRequest {
        transfer_id: id.into(),
        amount: amount.into(),
        currency: "EUR".into(),
        description: "sorry".into(),
    }
}

async fn refund(
    bank: &Bank,
    key: &str,
    id: &str,
    amount: &str,
) -> Result<Response<RefundTransferResponse>, Status> {
    let ctx = staff("RefundTransfer", key);
    bank.payment.refund_transfer(&ctx, request(id, amount)).await
}

async fn paid(bank: &Bank, key: &str, amount: &str) -> String {
    let id = bank.accepted(key, amount).await;
    assert_eq!(bank.turn().await, Turn::Done);
    assert_eq!(bank.status(&id).await, TransferStatus::Completed);
    id
}

fn left(refused: Result<Response<RefundTransferResponse>, Status>) -> String {
    let error = Error::from_status(&refused.unwrap_err());
    assert_eq!(error.reason(), "REFUND_EXCEEDS_ORIGINAL");
    error.metadata()["left"].clone()
}

#[tokio::test]
async fn a_transfer_is_refunded_in_parts_up_to_what_it_was() {
    for place in places() {
        let bank = Bank::open(place).await;
        let id = paid(&bank, "k", "10").await;
        let first = refund(&bank, "r1", &id, "6").await.unwrap().into_inner();
        let told = first.transfer.unwrap();
        assert_eq!(
            (told.relation(), told.original_transfer_id.as_str()),
            (TransferRelation::Refund, id.as_str())
        );
        // The first is still on its way, and counts.
        assert_eq!(left(refund(&bank, "r2", &id, "4.01").await), "4.00");
        refund(&bank, "r3", &id, "4").await.unwrap();
        assert_eq!(left(refund(&bank, "r4", &id, "0.01").await), "0.00");
        assert_eq!(bank.turn().await, Turn::Done);
        assert_eq!((bank.ledger.balance(bank.from), bank.ledger.balance(bank.to)), (10_000, 0));
        let done = bank.get(&first.transfer_id).await;
        assert_eq!(done.status(), TransferStatus::Completed);
        let posted = bank.ledger.posted();
        let of_refund = posted.iter().find(|one| one.correlation == first.transfer_id).unwrap();
        assert_eq!((of_refund.kind.as_str(), of_refund.description.as_str()), ("refund", "sorry"));
    }
}

#[tokio::test]
async fn a_refund_that_ends_unpaid_gives_its_part_back() {
    for place in places() {
        let bank = Bank::open(place).await;
        let id = paid(&bank, "k", "10").await;
        // Bob has spent it.
        bank.put_account(2, 0, Vec::new());
        let refunded = refund(&bank, "r1", &id, "10").await.unwrap().into_inner().transfer_id;
        assert_eq!(left(refund(&bank, "r2", &id, "1").await), "0.00");
        assert_eq!(bank.turn().await, Turn::Done);
        assert_eq!(bank.status(&refunded).await, TransferStatus::Failed);
        bank.put_account(2, 1_000, Vec::new());
        refund(&bank, "r3", &id, "10").await.unwrap();
        assert_eq!(bank.turn().await, Turn::Done);
        assert_eq!((bank.ledger.balance(bank.from), bank.ledger.balance(bank.to)), (10_000, 0));
    }
}

/// "Two refunds with two keys, the version column never checked" (open-bank #579).
#[tokio::test]
async fn refunds_with_many_keys_at_two_replicas_never_exceed_the_original() {
    for place in places() {
        let mut bank = Bank::open(place).await;
        let id = paid(&bank, "k", "10").await;
        let replicas = [bank.payment.clone(), bank.replica().await];
        for payment in &replicas {
            until_decided(|| async { Ok(payment.hear_of_the_date().await?) }).await.unwrap();
        }
        let bank = Arc::new(bank);
        let mut calls = JoinSet::new();
        for number in 0..40 {
            let (payment, id) = (replicas[number % 2].clone(), id.clone());
            calls.spawn(async move {
                let ctx: CallContext = staff("RefundTransfer", &format!("r{number}"));
                let call = || payment.refund_transfer(&ctx, request(&id, "1"));
                match until_decided(call).await {
                    Ok(_) => true,
                    Err(status) => {
                        assert_eq!(reason::<()>(Err(status)), "REFUND_EXCEEDS_ORIGINAL");
                        false
                    }
                }
            });
        }
        let accepted = calls.join_all().await.into_iter().filter(|accepted| *accepted).count();
        assert_eq!(accepted, 10);
        while bank.turn().await != Turn::Idle {}
        assert_eq!((bank.ledger.balance(bank.from), bank.ledger.balance(bank.to)), (10_000, 0));
    }
}

#[tokio::test]
async fn the_same_key_refunds_once_also_after_it_was_pruned_and_beside_a_transfers() {
    for place in places() {
        let bank = Bank::open(place).await;
        let id = paid(&bank, "k", "10").await;
        let first = refund(&bank, "k", &id, "3").await.unwrap().into_inner();
        for _ in 0..2 {
            let again = refund(&bank, "k", &id, "3").await.unwrap();
            assert_eq!(again.metadata().get("idempotent-replayed").unwrap(), "true");
            assert_eq!(again.into_inner(), first);
            bank.prune_keys().await;
        }
        assert_eq!(reason(refund(&bank, "k", &id, "4").await), "IDEMPOTENCY_KEY_REUSED");
        // Staff's own transfer under that key is another request.
        let ctx = staff("CreateTransfer", "k");
        bank.payment.create_transfer(&ctx, bank.order("1")).await.unwrap();
        assert_eq!(bank.count("SELECT COUNT(*) FROM transfers").await, 3);
    }
}

#[tokio::test]
async fn what_did_not_move_is_cash_or_a_refund_itself_is_not_refunded() {
    for place in places() {
        let bank = Bank::open(place).await;
        let waits = bank.accepted("waits", "1").await;
        let cause = |refused: Result<Response<RefundTransferResponse>, Status>| {
            let error = Error::from_status(&refused.unwrap_err());
            assert_eq!(error.reason(), "TRANSFER_NOT_RETURNABLE");
            error.metadata()["cause"].clone()
        };
        assert_eq!(cause(refund(&bank, "a", &waits, "1").await), "NOT_COMPLETED");
        bank.turn().await;
        let refunded = refund(&bank, "b", &waits, "1").await.unwrap().into_inner().transfer_id;
        bank.turn().await;
        assert_eq!(cause(refund(&bank, "c", &refunded, "1").await), "IS_RETURN");
        let cash = CreateDepositRequest {
            to: bank.to.to_string(),
            amount: "1".into(),
            currency: "EUR".into(),
            description: String::new(),
        };
        let deposit =
            bank.payment.create_deposit(&staff("CreateDeposit", "d"), cash).await.unwrap();
        bank.turn().await;
        assert_eq!(
            cause(refund(&bank, "e", &deposit.into_inner().transfer_id, "1").await),
            "IS_CASH"
        );
        let other = RefundTransferRequest { currency: "USD".into(), ..request(&waits, "1") };
        let ctx = staff("RefundTransfer", "f");
        assert_eq!(reason(bank.payment.refund_transfer(&ctx, other).await), "CURRENCY_MISMATCH");
    }
}

#[tokio::test]
async fn who_was_paid_may_refund_and_nobody_else_finds_the_transfer() {
    for place in places() {
        let bank = Bank::open(place).await;
        let id = paid(&bank, "k", "10").await;
        for who in [bank.alice, bank.carol] {
            let ctx = customer(who, "RefundTransfer", "r");
            let refused = bank.payment.refund_transfer(&ctx, request(&id, "1")).await;
            assert_eq!(reason(refused), "TRANSFER_NOT_FOUND");
        }
        let ctx = customer(bank.bob, "RefundTransfer", "r");
        bank.payment.refund_transfer(&ctx, request(&id, "1")).await.unwrap();
        let tried = bank.accepted("tried", "1").await;
        let refused = bank.payment.refund_transfer(&ctx_of(&bank), request(&tried, "1")).await;
        assert_eq!(reason(refused), "TRANSFER_NOT_FOUND", "it has not been paid");
        // Who was paid by a refund sees it, so it is told what hinders.
        let refunded = refund(&bank, "back", &id, "1").await.unwrap().into_inner().transfer_id;
        while bank.turn().await != Turn::Idle {}
        let ctx = customer(bank.alice, "RefundTransfer", "again");
        let refused = bank.payment.refund_transfer(&ctx, request(&refunded, "1")).await;
        assert_eq!(reason(refused), "TRANSFER_NOT_RETURNABLE");
        // Staff acts on behalf of the owner of the account that pays back.
        let audited = format!(
            "SELECT COUNT(*) FROM audit WHERE reference = '{refunded}' AND on_behalf_of = '{}'",
            bank.bob
        );
        assert_eq!(bank.count(&audited).await, 1);
    }
}

fn ctx_of(bank: &Bank) -> CallContext {
    customer(bank.bob, "RefundTransfer", "r2")
}
