//! Updating.

use florin_proto::cif::v1::{
    Address, Contact, Customer, FindCustomersRequest, Person, UpdateCustomerRequest,
    UpdateCustomerResponse, customer::Party, find_customers_request::By,
};
use prost_types::FieldMask;
use tonic::{Response, Status};

use crate::office::{Office, alena, mill, national_id, places, reason, teller, violations};

fn change(id: &str, paths: &[&str], person: Person, contact: Contact) -> UpdateCustomerRequest {
    UpdateCustomerRequest {
        customer: Some(Customer {
            customer_id: id.to_owned(),
            party: Some(Party::Person(person)),
            contact: Some(contact),
            ..Customer::default()
        }),
        update_mask: Some(FieldMask { paths: paths.iter().map(|p| (*p).to_owned()).collect() }),
    }
}

async fn update(
    office: &Office,
    request: UpdateCustomerRequest,
) -> Result<Response<UpdateCustomerResponse>, Status> {
    office.cif.update_customer(&teller("UpdateCustomer"), request).await
}

async fn found(office: &Office, by: By) -> usize {
    let request = FindCustomersRequest { by: Some(by), ..Default::default() };
    let answer = office.cif.find_customers(&teller("FindCustomers"), request).await;
    answer.unwrap().into_inner().customers.len()
}

#[tokio::test]
async fn changes_what_the_mask_names_and_nothing_else() {
    for place in places() {
        let office = place.open().await;
        let before = office.register(alena(1)).await;
        let id = before.customer_id.as_str();
        let person = Person { family_name: "Dvořáková".to_owned(), ..Person::default() };
        let address = Address { town: "Brno".into(), country: "CZ".into(), ..Address::default() };
        let contact = Contact {
            email: "new@example.com".into(),
            phone: "ignored".into(),
            address: Some(address),
        };
        let paths = ["person.family_name", "contact.email", "contact.address"];
        let answer = update(&office, change(id, &paths, person, contact)).await.unwrap();
        let answer = answer.into_inner();
        let after = answer.customer.unwrap();
        assert_eq!(after.version, 2);
        assert!(!answer.position.is_empty());
        let Some(Party::Person(person)) = &after.party else { panic!("a person") };
        assert_eq!(
            (person.given_name.as_str(), person.family_name.as_str()),
            ("Alena", "Dvořáková")
        );
        let reached = after.contact.unwrap();
        assert_eq!(
            (reached.email.as_str(), reached.phone.as_str()),
            ("new@example.com", "+420600000001")
        );
        assert_eq!(reached.address.unwrap().town, "Brno");
        assert_eq!(office.events().await, ["customer_registered", "customer_updated"]);
        assert_eq!(found(&office, By::Email("NEW@example.com".into())).await, 1);
        assert_eq!(found(&office, By::Email("alena.1@example.com".into())).await, 0);
        assert_eq!(found(&office, By::Phone("+420600000001".into())).await, 1);
    }
}

#[tokio::test]
async fn an_update_that_changes_nothing_has_no_event_and_no_version() {
    for place in places() {
        let office = place.open().await;
        let before = office.register(alena(1)).await;
        let same = change(
            &before.customer_id,
            &["contact.phone"],
            Person::default(),
            Contact { phone: "+420600000001".into(), ..Contact::default() },
        );
        let answer = update(&office, same).await.unwrap().into_inner();
        assert_eq!((answer.customer.unwrap().version, answer.position.as_str()), (1, ""));
        assert_eq!(office.events().await.len(), 1);
    }
}

#[tokio::test]
async fn refuses_unknown_paths_wrong_values_and_fields_of_the_other_party() {
    for place in places() {
        let office = place.open().await;
        let before = office.register(alena(1)).await;
        let id = before.customer_id.as_str();
        let bad = change(
            id,
            &["person.given_name", "kyc_status", "contact.email", "person.date_of_birth"],
            Person { date_of_birth: "2999-01-01".into(), ..Person::default() },
            Contact { email: "x".into(), ..Contact::default() },
        );
        let expected = [
            ("customer.person.given_name", "REQUIRED"),
            ("update_mask", "UNKNOWN_PATH"),
            ("customer.contact.email", "MALFORMED_EMAIL"),
            ("customer.person.date_of_birth", "DATE_IN_FUTURE"),
        ];
        let told = violations(update(&office, bad).await);
        assert_eq!(told, expected.map(|(f, r)| (f.to_owned(), r.to_owned())));
        let empty = change(id, &[], Person::default(), Contact::default());
        assert_eq!(violations(update(&office, empty).await)[0].0, "update_mask");
        let nobody = violations(update(&office, UpdateCustomerRequest::default()).await);
        assert_eq!(nobody.len(), 2);
        let mill = office.register(mill(1)).await;
        let wrong = change(
            &mill.customer_id,
            &["person.given_name"],
            Person { given_name: "Jan".into(), ..Person::default() },
            Contact::default(),
        );
        let told = violations(update(&office, wrong).await);
        assert_eq!(told, [("update_mask".to_owned(), "WRONG_PARTY".to_owned())]);
        assert_eq!(office.count("SELECT max(version) FROM customers").await, 1);
    }
}

#[tokio::test]
async fn refuses_a_stale_version_and_another_customers_identification() {
    for place in places() {
        let office = place.open().await;
        let first = office.register(alena(1)).await;
        office.register(alena(2)).await;
        let person =
            |id: &str| Person { identifications: vec![national_id(id)], ..Person::default() };
        let id = first.customer_id.as_str();
        let rename = |number: &str| {
            change(id, &["person.identifications"], person(number), Contact::default())
        };
        assert_eq!(reason(update(&office, rename("705521/0002")).await), "CUSTOMER_EXISTS");
        let mut stale = rename("705521/0003");
        stale.customer.as_mut().unwrap().version = 7;
        assert_eq!(reason(update(&office, stale).await), "VERSION_STALE");
        let mut right = rename("705521/0003");
        right.customer.as_mut().unwrap().version = 1;
        assert_eq!(reason(update(&office, right).await), "OK");
        // The old number is free again, the new one is not.
        assert_eq!(found(&office, By::Identification(national_id("7055210001"))).await, 0);
        assert_eq!(found(&office, By::Identification(national_id("7055210003"))).await, 1);
        office.register(alena(1)).await;
        let again = office.cif.register_customer(&teller("RegisterCustomer"), alena(3)).await;
        assert_eq!(reason(again), "CUSTOMER_EXISTS");
        let unknown = change(
            "cus_0190b6b8-5f2c-7d3e-8a4b-1c2d3e4f5a6b",
            &["contact.email"],
            Person::default(),
            Contact::default(),
        );
        assert_eq!(reason(update(&office, unknown).await), "CUSTOMER_NOT_FOUND");
    }
}

#[tokio::test]
async fn of_two_updates_from_one_version_one_is_stale() {
    for place in places() {
        let office = std::sync::Arc::new(place.open().await);
        let first = office.register(alena(1)).await;
        let calls = ["a@example.com", "b@example.com"].map(|email| {
            let (office, id) = (std::sync::Arc::clone(&office), first.customer_id.clone());
            tokio::spawn(async move {
                let contact = Contact { email: email.to_owned(), ..Contact::default() };
                let mut request = change(&id, &["contact.email"], Person::default(), contact);
                request.customer.as_mut().unwrap().version = 1;
                update(&office, request).await
            })
        });
        let mut reasons = Vec::new();
        for call in calls {
            reasons.push(reason(call.await.unwrap()));
        }
        reasons.sort();
        assert_eq!(reasons, ["OK", "VERSION_STALE"]);
    }
}
