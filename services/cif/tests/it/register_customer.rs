//! Registering.

use florin_proto::cif::v1::{
    Address, KycStatus, RegisterCustomerRequest, RiskRating, customer::Party,
    register_customer_request,
};
use florin_store::{Tx, idempotency};

use crate::office::{
    alena, mill, national_id, places, reason, registered, teller, teller_with_key, violations,
    with_reference,
};

#[tokio::test]
async fn registers_a_person_and_an_organisation_as_pending_and_of_medium_risk() {
    for place in places() {
        let office = place.open().await;
        let ctx = teller("RegisterCustomer");
        let answer = office.cif.register_customer(&ctx, alena(1)).await.unwrap().into_inner();
        let customer = answer.customer.unwrap();
        assert!(customer.customer_id.starts_with("cus_"));
        assert_eq!(customer.kyc_status(), KycStatus::Pending);
        assert_eq!(customer.risk_rating(), RiskRating::Medium);
        assert_eq!((customer.version, customer.registered_at), (1, customer.changed_at));
        assert!(matches!(&customer.party, Some(Party::Person(p)) if p.family_name == "Nováková"));
        assert!(!answer.position.is_empty());
        let mill = office.register(mill(1)).await;
        assert!(matches!(&mill.party, Some(Party::Organisation(_))));
        assert_eq!(office.events().await, ["customer_registered", "customer_registered"]);
        assert_eq!(office.count("SELECT count(*) FROM audit").await, 2);
        let actor = "SELECT count(*) FROM audit WHERE actor = 'https://id.test|branch|eva'";
        assert_eq!(office.count(actor).await, 2);
    }
}

#[tokio::test]
async fn tells_all_broken_rules_at_once_and_changes_nothing() {
    for place in places() {
        let office = place.open().await;
        let mut request = alena(1);
        if let Some(register_customer_request::Party::Person(person)) = &mut request.party {
            person.given_name = "\u{7}".to_owned();
            person.family_name = "x".repeat(101);
            person.date_of_birth = "2999-01-01".to_owned();
            person.identifications[0].number = "//".to_owned();
            person.nationality = "XX".to_owned();
        }
        let contact = request.contact.as_mut().unwrap();
        contact.email = "nobody".to_owned();
        contact.phone = "0601".to_owned();
        contact.address = Some(Address { street: "x".repeat(201), ..Address::default() });
        request.reference = "r".repeat(129);
        let found = office.cif.register_customer(&teller("RegisterCustomer"), request).await;
        let expected = [
            ("reference", "TOO_LONG"),
            ("person.given_name", "CONTROL_CHARACTER"),
            ("person.family_name", "TOO_LONG"),
            ("person.nationality", "UNKNOWN_COUNTRY"),
            ("person.date_of_birth", "DATE_IN_FUTURE"),
            ("person.identifications[0].number", "MALFORMED_IDENTIFIER"),
            ("contact.email", "MALFORMED_EMAIL"),
            ("contact.phone", "MALFORMED_PHONE"),
            ("contact.address.street", "TOO_LONG"),
            ("contact.address.country", "REQUIRED"),
        ];
        assert_eq!(violations(found), expected.map(|(f, r)| (f.to_owned(), r.to_owned())));
        let nobody = RegisterCustomerRequest::default();
        let found = office.cif.register_customer(&teller("RegisterCustomer"), nobody).await;
        assert_eq!(violations(found), [("person".to_owned(), "REQUIRED".to_owned())]);
        assert_eq!(office.count("SELECT count(*) FROM customers").await, 0);
        assert_eq!(office.count("SELECT count(*) FROM idempotency_keys").await, 0);
    }
}

#[tokio::test]
async fn refuses_a_second_customer_with_the_same_identification() {
    for place in places() {
        let office = place.open().await;
        office.register(alena(1)).await;
        let mut other = alena(2);
        if let Some(register_customer_request::Party::Person(person)) = &mut other.party {
            person.identifications.push(national_id("7055210001"));
        }
        let ctx = teller("RegisterCustomer");
        assert_eq!(reason(office.cif.register_customer(&ctx, other).await), "CUSTOMER_EXISTS");
        office.register(mill(1)).await;
        let again = office.cif.register_customer(&teller("RegisterCustomer"), mill(1)).await;
        assert_eq!(reason(again), "CUSTOMER_EXISTS");
        assert_eq!(office.count("SELECT count(*) FROM customers").await, 2);
        assert_eq!(office.events().await.len(), 2);
        // Of the refused one nothing is kept: its other number is free.
        office.register(alena(2)).await;
    }
}

#[tokio::test]
async fn one_number_is_two_identifications_in_two_countries() {
    for place in places() {
        let office = place.open().await;
        let of = |country: &str| {
            let mut mill = mill(1);
            if let Some(register_customer_request::Party::Organisation(who)) = &mut mill.party {
                who.identifications = vec![registered(country, "12345678")];
            }
            mill
        };
        office.register(of("CZ")).await;
        office.register(of("DK")).await;
        let again = office.cif.register_customer(&teller("RegisterCustomer"), of("DK")).await;
        assert_eq!(reason(again), "CUSTOMER_EXISTS");
        assert_eq!(office.count("SELECT count(*) FROM customer_identifiers").await, 2);
    }
}

#[tokio::test]
async fn a_reference_names_one_customer_for_ever_even_after_its_key_was_pruned() {
    for place in places() {
        let office = place.open().await;
        let first = office.register(with_reference(alena(1), "row-1")).await;
        let far = office.db.write(async |tx: Tx| tx.now().await).await.unwrap();
        let pruned = idempotency::prune(&office.db, far.plus_micros(1_000_000)).await.unwrap();
        assert_eq!(pruned, 1);
        let office = place.open().await;
        let again = office.register(with_reference(alena(1), "row-1")).await;
        assert_eq!(again, first);
        let other = with_reference(alena(2), "row-1");
        let ctx = teller("RegisterCustomer");
        let refused = office.cif.register_customer(&ctx, other.clone()).await;
        assert_eq!(reason(refused), "REFERENCE_REUSED");
        let mut another_caller = teller("RegisterCustomer");
        another_caller.principal.client = "other".to_owned();
        let allowed = office.cif.register_customer(&another_caller, other).await;
        assert_eq!(reason(allowed), "OK");
        assert_eq!(office.count("SELECT count(*) FROM customers").await, 2);
    }
}

#[tokio::test]
async fn a_refused_registration_leaves_its_reference_free() {
    for place in places() {
        let office = place.open().await;
        office.register(alena(1)).await;
        let ctx = teller_with_key("RegisterCustomer", "one");
        let taken = with_reference(alena(1), "row-9");
        assert_eq!(reason(office.cif.register_customer(&ctx, taken).await), "CUSTOMER_EXISTS");
        assert_eq!(office.count("SELECT count(*) FROM customer_references").await, 0);
        let free = with_reference(alena(2), "row-9");
        assert_eq!(office.register(free).await.reference, "row-9");
    }
}
