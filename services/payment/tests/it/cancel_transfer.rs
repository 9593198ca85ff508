//! Cancelling, alone and against a worker.

use florin_payment::Turn;
use florin_proto::payment::v1::{
    CancelTransferRequest, CancelTransferResponse, CreateDepositRequest, TransferStatus,
};
use tonic::{Response, Status};

use crate::bank::{Bank, customer, customer_id, places, reason, staff};

async fn cancel(
    bank: &Bank,
    key: &str,
    id: &str,
) -> Result<Response<CancelTransferResponse>, Status> {
    let ctx = customer(bank.alice, "CancelTransfer", key);
    let request = CancelTransferRequest { transfer_id: id.into() };
    bank.payment.cancel_transfer(&ctx, request).await
}

#[tokio::test]
async fn a_transfer_is_cancelled_while_nothing_has_moved() {
    for place in places() {
        let bank = Bank::open(place).await;
        let id = bank.accepted("k", "10").await;
        let cancelled = cancel(&bank, "c", &id).await.unwrap().into_inner().transfer.unwrap();
        assert_eq!(cancelled.status(), TransferStatus::Cancelled);
        assert_eq!(cancelled, bank.get(&id).await);
        assert_eq!(
            bank.events(&id).await,
            [("transfer_accepted".into(), 1), ("transfer_cancelled".into(), 2)]
        );
        let audited = format!("SELECT COUNT(*) FROM audit WHERE reference = '{id}'");
        assert_eq!(bank.count(&audited).await, 2);
        bank.let_time_pass().await;
        assert_eq!(bank.turn().await, Turn::Idle);
        assert_eq!(bank.ledger.calls(), 0);

        let again = cancel(&bank, "c", &id).await.unwrap();
        assert_eq!(again.metadata().get("idempotent-replayed").unwrap(), "true");
        assert_eq!(again.into_inner().transfer, Some(cancelled));
        assert_eq!(reason(cancel(&bank, "other", &id).await), "TRANSFER_NOT_CANCELLABLE");
    }
}

#[tokio::test]
async fn a_transfer_that_may_have_reached_the_ledger_is_not_cancelled() {
    for place in places() {
        let bank = Bank::open(place).await;
        let id = bank.accepted("k", "10").await;
        bank.ledger.set_away(true);
        bank.turn().await;
        assert_eq!(bank.status(&id).await, TransferStatus::Posting);
        assert_eq!(reason(cancel(&bank, "c", &id).await), "TRANSFER_NOT_CANCELLABLE");
        bank.ledger.set_away(false);
        bank.let_time_pass().await;
        bank.turn().await;
        // The refusal was decided under the lock and is stored.
        let again = cancel(&bank, "c", &id).await.unwrap_err();
        assert_eq!(again.metadata().get("idempotent-replayed").unwrap(), "true");
        assert_eq!(bank.status(&id).await, TransferStatus::Completed);
    }
}

#[tokio::test]
async fn who_may_not_pay_from_the_account_cancels_nothing() {
    for place in places() {
        let bank = Bank::open(place).await;
        let id = bank.accepted("k", "10").await;
        let request = || CancelTransferRequest { transfer_id: id.clone() };
        for who in [bank.bob, bank.carol, customer_id(9)] {
            let ctx = customer(who, "CancelTransfer", "c");
            assert_eq!(
                reason(bank.payment.cancel_transfer(&ctx, request()).await),
                "TRANSFER_NOT_FOUND"
            );
        }
        assert_eq!(bank.status(&id).await, TransferStatus::Processing);
        let to = bank.to.to_string();
        let cash = CreateDepositRequest {
            to,
            amount: "1".into(),
            currency: "EUR".into(),
            description: String::new(),
        };
        let ctx = staff("CreateDeposit", "d");
        let deposit = bank.payment.create_deposit(&ctx, cash).await.unwrap();
        let request = CancelTransferRequest { transfer_id: deposit.into_inner().transfer_id };
        let ctx = customer(bank.bob, "CancelTransfer", "c");
        let refused = bank.payment.cancel_transfer(&ctx, request.clone()).await;
        assert_eq!(reason(refused), "TRANSFER_NOT_FOUND");
        let ctx = staff("CancelTransfer", "c");
        bank.payment.cancel_transfer(&ctx, request).await.unwrap();
    }
}

#[tokio::test]
async fn a_cancel_that_races_a_worker_ends_in_one_of_two_ways_and_no_third() {
    for place in places() {
        let bank = Bank::open(place).await;
        let mut moved = 0;
        for number in 0..30 {
            let id = bank.accepted(&format!("k{number}"), "1").await;
            let (cancel_key, retry_key) = (format!("c{number}"), format!("d{number}"));
            let worker = bank.payment.worker();
            let (first, second, turn) = tokio::join!(
                cancel(&bank, &cancel_key, &id),
                cancel(&bank, &retry_key, &id),
                worker.turn(),
            );
            turn.unwrap();
            while bank.turn().await != Turn::Idle {}
            let cancelled = [first.is_ok(), second.is_ok()];
            for refused in [first, second].into_iter().filter(Result::is_err) {
                assert_eq!(reason(refused), "TRANSFER_NOT_CANCELLABLE");
            }
            let posted = bank.ledger.posted().len();
            let status = bank.status(&id).await;
            if status == TransferStatus::Completed {
                moved += 1;
                assert_eq!(cancelled, [false, false]);
            } else {
                assert_eq!(status, TransferStatus::Cancelled);
                assert_ne!(cancelled[0], cancelled[1], "one of two cancels did it");
            }
            assert_eq!(posted, moved, "money moved for the completed ones alone");
            assert_eq!(bank.events(&id).await.len(), 2);
        }
    }
}
