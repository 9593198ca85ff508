//! Finding over the blind index.

use florin_proto::cif::v1::{Contact, FindCustomersRequest, find_customers_request::By};

use crate::office::{
    Office, alena, mill, national_id, places, reason, registered, teller, violations,
};

async fn find(office: &Office, by: By) -> Vec<String> {
    let request = FindCustomersRequest { by: Some(by), ..Default::default() };
    let answer = office.cif.find_customers(&teller("FindCustomers"), request).await.unwrap();
    answer.into_inner().customers.into_iter().map(|one| one.customer_id).collect()
}

#[tokio::test]
async fn finds_by_each_value_in_its_normal_form() {
    for place in places() {
        let office = place.open().await;
        let first = office.register(alena(1)).await.customer_id;
        let mut shared = alena(2);
        shared.contact =
            Some(Contact { email: "ALENA.1@example.COM".into(), ..Contact::default() });
        let second = office.register(shared).await.customer_id;
        let mill = office.register(mill(42)).await.customer_id;
        let by_email = find(&office, By::Email("alena.1@Example.com".into())).await;
        assert_eq!(by_email, [second.clone(), first.clone()]);
        assert_eq!(
            find(&office, By::Phone("+420600000001".into())).await,
            std::slice::from_ref(&first)
        );
        assert_eq!(find(&office, By::Identification(national_id("7055210002"))).await, [second]);
        assert_eq!(
            find(&office, By::Identification(registered("CZ", "00 00 00 42"))).await,
            [mill]
        );
        assert!(find(&office, By::Identification(registered("DK", "00000042"))).await.is_empty());
        // The same keys after a restart.
        let office = place.open().await;
        assert_eq!(find(&office, By::Identification(national_id("705521/0001"))).await, [first]);
    }
}

#[tokio::test]
async fn refuses_nothing_and_malformed_values() {
    for place in places() {
        let office = place.open().await;
        let bys = [
            None,
            Some(By::Email("x".into())),
            Some(By::Email(String::new())),
            Some(By::Phone("601".into())),
            Some(By::Identification(national_id(" "))),
            Some(By::Identification(registered("CZ", "-"))),
        ];
        for by in bys {
            let request = FindCustomersRequest { by, ..Default::default() };
            let refused = office.cif.find_customers(&teller("FindCustomers"), request).await;
            assert_eq!(violations(refused).len(), 1);
        }
    }
}

#[tokio::test]
async fn pages_through_all_that_share_an_address() {
    for place in places() {
        let office = place.open().await;
        let mut ids = Vec::new();
        for number in 1..=5 {
            let mut one = alena(number);
            one.contact = Some(Contact { email: "a@example.com".into(), ..Contact::default() });
            ids.insert(0, office.register(one).await.customer_id);
        }
        let mut request = FindCustomersRequest {
            by: Some(By::Email("A@example.com".into())),
            page_size: 2,
            ..FindCustomersRequest::default()
        };
        let mut found = Vec::new();
        for page in 1..=3 {
            let ctx = teller("FindCustomers");
            let answer = office.cif.find_customers(&ctx, request.clone()).await.unwrap();
            let answer = answer.into_inner();
            found.extend(answer.customers.into_iter().map(|one| one.customer_id));
            assert_eq!(answer.next_page_token.is_empty(), page == 3);
            request.page_token = answer.next_page_token;
            if page == 2 {
                // The token goes on with the same address only.
                let by = Some(By::Email("b@example.com".into()));
                let other = FindCustomersRequest { by, ..request.clone() };
                let refused = office.cif.find_customers(&ctx, other).await;
                assert_eq!(reason(refused), "PAGE_TOKEN_INVALID");
            }
        }
        assert_eq!(found, ids);
        request.page_size = 201;
        let refused = office.cif.find_customers(&teller("FindCustomers"), request).await;
        assert_eq!(violations(refused), [("page_size".to_owned(), "OUT_OF_RANGE".to_owned())]);
    }
}
