//! Finding over the blind index.

use florin_proto::cif::v1::{Contact, FindCustomersRequest, find_customers_request::By};

use crate::office::{Office, alena, mill, places, teller, violations};

async fn find(office: &Office, by: By) -> Vec<String> {
    let request = FindCustomersRequest { by: Some(by) };
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
        assert_eq!(find(&office, By::NationalId("7055210002".into())).await, [second]);
        assert_eq!(find(&office, By::RegistrationNumber("00 00 00 42".into())).await, [mill]);
        assert!(find(&office, By::NationalId("00000042".into())).await.is_empty());
        // The same keys after a restart.
        let office = place.open().await;
        assert_eq!(find(&office, By::NationalId("705521/0001".into())).await, [first]);
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
            Some(By::NationalId(" ".into())),
            Some(By::RegistrationNumber("-".into())),
        ];
        for by in bys {
            let request = FindCustomersRequest { by };
            let refused = office.cif.find_customers(&teller("FindCustomers"), request).await;
            assert_eq!(violations(refused).len(), 1);
        }
    }
}
