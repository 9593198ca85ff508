//! What the contract calls REQUIRED is asked for.

use std::collections::BTreeMap;

use florin_proto::cif::v1::{Identification, Organisation, Person, register_customer_request};
use prost_reflect::DescriptorPool;

use crate::office::{Place, places, teller, violations};

const REQUIRED: i32 = 2;

/// The REQUIRED fields of a message, below a path.
fn required(message: &str, path: &str) -> Vec<String> {
    let pool = DescriptorPool::decode(florin_proto::FILE_DESCRIPTOR_SET).unwrap();
    let behaviour = pool.get_extension_by_name("google.api.field_behavior").unwrap();
    let message = pool.get_message_by_name(&format!("florin.cif.v1.{message}")).unwrap();
    let is_required = |field: &prost_reflect::FieldDescriptor| {
        let options = field.options();
        let told = options.get_extension(&behaviour);
        told.as_list().unwrap().iter().any(|one| one.as_enum_number() == Some(REQUIRED))
    };
    let fields = message.fields().filter(is_required);
    fields.map(|field| format!("{path}{}", field.name())).collect()
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
    for (message, fields) in refused(&place).await {
        let required = required(message, "");
        assert!(!required.is_empty(), "{message}");
        for field in required {
            // An absent customer of an update is told by its id.
            let missed = |told: &String| *told == field || told.starts_with(&format!("{field}."));
            assert!(fields.iter().any(missed), "{message}.{field}: {fields:?}");
        }
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
        for field in required.concat() {
            assert!(fields.contains(&field), "{field}: {fields:?}");
        }
    }
}
