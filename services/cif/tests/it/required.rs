//! What the contract calls REQUIRED is asked for.

use std::collections::BTreeMap;

use florin_proto::cif::v1::{Identification, Organisation, Person, register_customer_request};
use florin_testkit::contract::{self, unnamed};

use crate::office::{Place, places, teller, violations};

/// The REQUIRED fields of a message, below a path.
fn required(message: &str, path: &str) -> Vec<String> {
    contract::required("cif", message, path).unwrap()
}

/// The fields that an empty message of each RPC is refused for, by the message's name.
async fn refused(place: &Place) -> BTreeMap<&'static str, Vec<String>> {
    let office = place.open().await;
    let mut found = BTreeMap::new();
    macro_rules! empty {
        ($($call:ident($message:literal);)*) => {
            $({
                let told = office.cif.$call(&teller($message), Default::default()).await;
                let fields = violations(told).into_iter().map(|(field, _)| field).collect();
                found.insert($message, fields);
            })*
        };
    }
    empty! {
        import_customers("ImportCustomersRequest");
        get_customer("GetCustomerRequest");
        update_customer("UpdateCustomerRequest");
        decide_kyc("DecideKycRequest");
        rate_risk("RateRiskRequest");
        add_relation("AddRelationRequest");
        list_relations("ListRelationsRequest");
        remove_relation("RemoveRelationRequest");
    }
    found
}

#[tokio::test]
async fn each_required_field_of_a_request_is_missed() {
    let place = places().remove(0);
    let refused = refused(&place).await;
    let asked: Vec<_> = contract::requests("cif").unwrap().into_iter().collect();
    assert_eq!(refused.keys().copied().collect::<Vec<_>>(), asked);
    for (message, fields) in refused {
        let taken = unnamed(&required(message, ""), &fields);
        assert!(taken.is_empty(), "{message} is taken without {taken:?}: {fields:?}");
    }
}

#[tokio::test]
async fn each_required_field_of_a_party_is_missed() {
    let place = places().remove(0);
    let office = place.open().await;
    let one = vec![Identification::default()];
    let parties = [
        (
            register_customer_request::Party::Person(Person {
                identifications: one,
                ..Person::default()
            }),
            [
                required("Person", "person."),
                required("Identification", "person.identifications[0]."),
            ],
        ),
        (
            register_customer_request::Party::Organisation(Organisation::default()),
            [required("Organisation", "organisation."), Vec::new()],
        ),
    ];
    for (party, required) in parties {
        let request = florin_proto::cif::v1::RegisterCustomerRequest {
            party: Some(party),
            ..Default::default()
        };
        let told = office.cif.register_customer(&teller("RegisterCustomer"), request).await;
        let fields: Vec<_> = violations(told).into_iter().map(|(field, _)| field).collect();
        let taken = unnamed(&required.concat(), &fields);
        assert!(taken.is_empty(), "it is taken without {taken:?}: {fields:?}");
    }
}
