//! Who sees a transfer.

use florin_proto::payment::v1::GetTransferRequest;

use crate::bank::{Bank, customer, customer_id, places, reason, staff};

async fn sees(bank: &Bank, who: florin_kernel::CustomerId, id: &str) -> bool {
    let ctx = customer(who, "GetTransfer", "");
    let request = GetTransferRequest { transfer_id: id.into() };
    let told = reason(bank.payment.get_transfer(&ctx, request).await);
    assert!(["OK", "TRANSFER_NOT_FOUND"].contains(&told.as_str()), "{told}");
    told == "OK"
}

#[tokio::test]
async fn holders_of_the_paying_account_see_all_and_of_the_paid_one_what_was_paid() {
    for place in places() {
        let bank = Bank::open(place).await;
        let paid = bank.accepted("k1", "10").await;
        let failed = bank.accepted("k2", "1000").await;
        assert!(!sees(&bank, bank.bob, &paid).await, "nothing has been paid yet");
        bank.turn().await;
        for (who, sees_paid, sees_failed) in [
            (bank.alice, true, true),
            (bank.carol, true, true),
            (bank.bob, true, false),
            (customer_id(9), false, false),
        ] {
            assert_eq!(sees(&bank, who, &paid).await, sees_paid);
            assert_eq!(sees(&bank, who, &failed).await, sees_failed);
        }
    }
}

#[tokio::test]
async fn an_id_of_nothing_is_not_found_and_a_malformed_one_is_invalid() {
    for place in places() {
        let bank = Bank::open(place).await;
        let ctx = customer(bank.alice, "GetTransfer", "");
        for (id, expected) in [
            ("trf_018bcfe5-6800-7707-8707-070707070707".to_owned(), "TRANSFER_NOT_FOUND"),
            (bank.from.to_string(), "INVALID_REQUEST"),
            (String::new(), "INVALID_REQUEST"),
        ] {
            let request = GetTransferRequest { transfer_id: id };
            assert_eq!(reason(bank.payment.get_transfer(&ctx, request).await), expected);
        }
    }
}

#[tokio::test]
async fn staff_learn_what_keeps_a_transfer_and_customers_do_not() {
    for place in places() {
        let bank = Bank::open(place).await;
        let id = bank.accepted("k", "1").await;
        bank.ledger.set_away(true);
        bank.turn().await;
        let get = async |ctx| {
            let request = GetTransferRequest { transfer_id: id.clone() };
            bank.payment.get_transfer(&ctx, request).await.unwrap().into_inner().work
        };
        let work = get(staff("GetTransfer", "")).await.unwrap();
        assert_eq!(work.attempts, 1);
        assert!(work.last_cause.starts_with("UNAVAILABLE: scripted (request "), "{work:?}");
        assert!(work.next_attempt_at.is_some());
        assert_eq!(get(customer(bank.alice, "GetTransfer", "")).await, None);
        bank.ledger.set_away(false);
        bank.let_time_pass().await;
        bank.turn().await;
        let work = get(staff("GetTransfer", "")).await.unwrap();
        assert_eq!((work.attempts, work.next_attempt_at), (2, None));
    }
}
