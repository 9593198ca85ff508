//! The table of the idempotency key.

use std::{collections::BTreeSet, sync::Arc};

use florin_proto::cif::v1::{KycStatus, RegisterCustomerRequest};
use florin_rpc::{CallContext, Error};

use crate::office::{alena, mill, places, reason, teller, teller_with_key, was_replayed};

fn ctx(key: &str) -> CallContext {
    teller_with_key("/florin.cif.v1.CifService/RegisterCustomer", key)
}

#[tokio::test]
async fn the_first_executes_and_the_second_gets_the_identical_answer() {
    for place in places() {
        let office = place.open().await;
        let first = office.cif.register_customer(&ctx("k"), alena(1)).await;
        assert!(!was_replayed(&first));
        let second = office.cif.register_customer(&ctx("k"), alena(1)).await;
        assert!(was_replayed(&second));
        assert_eq!(first.unwrap().into_inner(), second.unwrap().into_inner());
        assert_eq!(office.count("SELECT count(*) FROM customers").await, 1);
        // After a restart too.
        let restarted = place.open().await;
        let third = restarted.cif.register_customer(&ctx("k"), alena(1)).await;
        assert!(was_replayed(&third));
    }
}

#[tokio::test]
async fn another_request_with_the_key_is_refused_and_another_principals_key_is_another() {
    for place in places() {
        let office = place.open().await;
        office.cif.register_customer(&ctx("k"), alena(1)).await.unwrap();
        let other = office.cif.register_customer(&ctx("k"), alena(2)).await;
        let status = other.as_ref().unwrap_err();
        assert_eq!(Error::from_status(status).http_status(), 422);
        assert_eq!(reason(other), "IDEMPOTENCY_KEY_REUSED");
        let mut somebody = ctx("k");
        somebody.principal.subject = "jan".to_owned();
        let own = office.cif.register_customer(&somebody, alena(2)).await;
        assert!(!was_replayed(&own) && own.is_ok());
        let mut method = ctx("k");
        method.method = "/florin.cif.v1.CifService/Other";
        assert_eq!(reason(office.cif.register_customer(&method, mill(1)).await), "OK");
    }
}

#[tokio::test]
async fn a_decided_refusal_is_stored_and_a_malformed_request_is_not() {
    for place in places() {
        let office = place.open().await;
        office.register(alena(1)).await;
        let refused = office.cif.register_customer(&ctx("r"), alena(1)).await;
        assert!(!was_replayed(&refused));
        assert_eq!(reason(refused), "CUSTOMER_EXISTS");
        let again = office.cif.register_customer(&ctx("r"), alena(1)).await;
        assert!(was_replayed(&again));
        assert_eq!(reason(again), "CUSTOMER_EXISTS");
        let nobody = RegisterCustomerRequest::default();
        let malformed = office.cif.register_customer(&ctx("m"), nobody).await;
        assert_eq!(reason(malformed), "INVALID_REQUEST");
        let mended = office.cif.register_customer(&ctx("m"), alena(3)).await;
        assert!(!was_replayed(&mended) && mended.is_ok());
        let mut without = teller("RegisterCustomer");
        without.idempotency_key = None;
        let missing = office.cif.register_customer(&without, alena(4)).await;
        assert_eq!(reason(missing), "IDEMPOTENCY_KEY_MISSING");
    }
}

#[tokio::test]
async fn of_a_hundred_at_once_one_executes_and_each_other_replays_or_is_told_to_wait() {
    for place in places() {
        // Two replicas on one database: duplicates meet in memory and at the unique key.
        let replicas = [Arc::new(place.open().await), Arc::new(place.open().await)];
        let mut calls = Vec::new();
        for number in 0..100 {
            let office = Arc::clone(&replicas[number % 2]);
            calls.push(tokio::spawn(async move {
                office.cif.register_customer(&ctx("race"), alena(1)).await
            }));
        }
        let (mut fresh, mut ids) = (0, BTreeSet::new());
        for call in calls {
            let answer = call.await.unwrap();
            let replayed = was_replayed(&answer);
            match answer {
                Ok(response) => {
                    fresh += i32::from(!replayed);
                    ids.insert(response.into_inner().customer.unwrap().customer_id);
                }
                Err(status) => {
                    let error = Error::from_status(&status);
                    assert_eq!(error.reason(), "IDEMPOTENCY_KEY_IN_USE");
                    assert!(error.retry_delay().is_some() && error.http_status() == 409);
                }
            }
        }
        assert_eq!((fresh, ids.len()), (1, 1));
        assert_eq!(replicas[0].count("SELECT count(*) FROM customers").await, 1);
        assert_eq!(replicas[0].events().await, ["customer_registered"]);
    }
}

#[tokio::test]
async fn of_two_keys_for_the_same_national_id_one_wins() {
    for place in places() {
        let office = Arc::new(place.open().await);
        let calls = ["a", "b"].map(|key| {
            let office = Arc::clone(&office);
            tokio::spawn(async move { office.cif.register_customer(&ctx(key), alena(1)).await })
        });
        let mut reasons = Vec::new();
        for call in calls {
            reasons.push(reason(call.await.unwrap()));
        }
        reasons.sort();
        assert_eq!(reasons, ["CUSTOMER_EXISTS", "OK"]);
    }
}

#[tokio::test]
async fn a_caller_that_goes_away_leaves_the_key_usable() {
    for place in places() {
        let office = place.open().await;
        for _ in 0..5 {
            let gone = ctx("gone");
            let call = office.cif.register_customer(&gone, alena(1));
            // Polled once, then dropped in the middle.
            let _ = tokio::time::timeout(std::time::Duration::ZERO, call).await;
        }
        let answer = office.cif.register_customer(&ctx("gone"), alena(1)).await;
        let customer = answer.unwrap().into_inner().customer.unwrap();
        assert_eq!(customer.kyc_status(), KycStatus::Pending);
        assert_eq!(office.count("SELECT count(*) FROM customers").await, 1);
    }
}
