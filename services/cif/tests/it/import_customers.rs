//! Importing.

use florin_proto::cif::v1::{
    ImportCustomer, ImportCustomersRequest, ImportCustomersResponse, KycStatus,
    RegisterCustomerRequest, register_customer_request::Party,
};

use crate::office::{Office, alena, mill, places, teller, violations, with_reference};

fn item(customer: RegisterCustomerRequest, reference: &str) -> ImportCustomer {
    ImportCustomer { customer: Some(with_reference(customer, reference)), verified: true }
}

async fn import(office: &Office, items: Vec<ImportCustomer>) -> ImportCustomersResponse {
    let request = ImportCustomersRequest { items };
    let answer = office.cif.import_customers(&teller("ImportCustomers"), request).await;
    answer.unwrap().into_inner()
}

fn outcomes(answer: &ImportCustomersResponse) -> Vec<(&str, bool, &str)> {
    answer
        .results
        .iter()
        .map(|one| {
            let reason = one.refused.as_ref().map_or("", |refused| refused.reason.as_str());
            (one.reference.as_str(), one.replayed, reason)
        })
        .collect()
}

#[tokio::test]
async fn one_items_refusal_never_fails_its_neighbours() {
    for place in places() {
        let office = place.open().await;
        office.register(alena(9)).await;
        let mut unborn = alena(3);
        if let Some(Party::Person(person)) = &mut unborn.party {
            person.date_of_birth = "tomorrow".to_owned();
        }
        let items = vec![
            item(alena(1), "a"),
            item(unborn, "b"),
            item(alena(9), "c"),
            item(mill(1), "d"),
            item(alena(1), "a"),
            item(alena(2), "a"),
            item(alena(1), "e"),
            item(alena(4), ""),
            ImportCustomer::default(),
        ];
        let answer = import(&office, items.clone()).await;
        let expected = [
            ("a", false, ""),
            ("b", false, "INVALID_REQUEST"),
            ("c", false, "CUSTOMER_EXISTS"),
            ("d", false, ""),
            ("a", true, ""),
            ("a", false, "REFERENCE_REUSED"),
            ("e", false, "CUSTOMER_EXISTS"),
            ("", false, "INVALID_REQUEST"),
            ("", false, "INVALID_REQUEST"),
        ];
        assert_eq!(outcomes(&answer), expected);
        let refused = answer.results[1].refused.as_ref().unwrap();
        assert_eq!(refused.domain, "common.florin.bank");
        assert_eq!(refused.violations[0].field, "customer.person.date_of_birth");
        let reused = answer.results[5].refused.as_ref().unwrap();
        assert_eq!(reused.metadata["reference"], "a");
        assert_eq!(answer.results[0].customer_id, answer.results[4].customer_id);
        assert_eq!(office.count("SELECT count(*) FROM customers").await, 3);
        assert_eq!(office.count("SELECT count(*) FROM customer_references").await, 2);

        // The same again: nothing twice, also after a restart.
        let office = place.open().await;
        let again = import(&office, items).await;
        let replayed: Vec<_> = again.results.iter().map(|one| one.replayed).collect();
        assert_eq!(replayed, [true, false, false, true, true, false, false, false, false]);
        assert_eq!(again.results[0].customer_id, answer.results[0].customer_id);
        assert_eq!(office.count("SELECT count(*) FROM customers").await, 3);
    }
}

#[tokio::test]
async fn a_verified_item_is_registered_and_decided_and_its_events_are_of_the_past() {
    for place in places() {
        let office = place.open().await;
        let mut pending = item(mill(1), "p");
        pending.verified = false;
        let answer = import(&office, vec![item(alena(1), "v"), pending]).await;
        let get =
            |id: &str| florin_proto::cif::v1::GetCustomerRequest { customer_id: id.to_owned() };
        let mut found = Vec::new();
        for result in &answer.results {
            let ctx = teller("GetCustomer");
            let got = office.cif.get_customer(&ctx, get(&result.customer_id)).await.unwrap();
            let customer = got.into_inner().customer.unwrap();
            found.push((customer.kyc_status(), customer.version, customer.reference));
        }
        let expected =
            [(KycStatus::Verified, 2, "v".to_owned()), (KycStatus::Pending, 1, "p".to_owned())];
        assert_eq!(found, expected);
        let kinds = ["customer_registered", "kyc_decided", "customer_registered"];
        assert_eq!(office.events().await, kinds);
        let live = "SELECT count(*) FROM outbox WHERE NOT historical";
        assert_eq!(office.count(live).await, 0);
    }
}

#[tokio::test]
async fn takes_five_hundred_and_no_more() {
    for place in places() {
        let office = place.open().await;
        let items: Vec<_> = (0..500).map(|n| item(alena(n), &format!("row-{n}"))).collect();
        let answer = import(&office, items.clone()).await;
        assert!(answer.results.iter().all(|one| one.refused.is_none() && !one.replayed));
        assert_eq!(office.count("SELECT count(*) FROM customers").await, 500);
        assert_eq!(office.count("SELECT count(*) FROM audit").await, 500);
        let more = [items, vec![item(mill(1), "x")]].concat();
        for items in [more, Vec::new()] {
            let request = ImportCustomersRequest { items };
            let refused = office.cif.import_customers(&teller("ImportCustomers"), request).await;
            assert_eq!(violations(refused)[0].0, "items");
        }
    }
}

#[tokio::test]
async fn a_number_goes_to_the_first_item_that_gets_all_of_its_own() {
    for place in places() {
        let office = place.open().await;
        office.register(alena(9)).await;
        let with_two = |own: u32, other: u32| {
            let (mut one, second) = (alena(own), alena(other));
            if let (Some(Party::Person(one)), Some(Party::Person(second))) =
                (&mut one.party, second.party)
            {
                one.identifications.extend(second.identifications);
            }
            one
        };
        // The first is refused for the second of its numbers, so that its first one is free.
        let items = vec![item(with_two(1, 9), "a"), item(alena(1), "b"), item(with_two(2, 1), "c")];
        let answer = import(&office, items).await;
        let expected =
            [("a", false, "CUSTOMER_EXISTS"), ("b", false, ""), ("c", false, "CUSTOMER_EXISTS")];
        assert_eq!(outcomes(&answer), expected);
        let owner = "SELECT count(*) FROM customer_identifiers i JOIN customers c \
                     ON c.id = i.customer_id";
        assert_eq!(office.count(owner).await, 2);
        // The third kept neither.
        office.register(alena(2)).await;
    }
}
