//! Own data, and nothing else.

use florin_proto::cif::v1::{
    Contact, Customer, GetCustomerRequest, ListRelationsRequest, Person, UpdateCustomerRequest,
    customer::Party,
};
use prost_types::FieldMask;

use crate::office::{alena, customer, places, reason};

fn rename(id: &str, path: &str) -> UpdateCustomerRequest {
    let person = Person { given_name: "Eva".to_owned(), ..Person::default() };
    let contact = Contact { email: "own@example.com".to_owned(), ..Contact::default() };
    UpdateCustomerRequest {
        customer: Some(Customer {
            customer_id: id.to_owned(),
            party: Some(Party::Person(person)),
            contact: Some(contact),
            ..Customer::default()
        }),
        update_mask: Some(FieldMask { paths: vec![path.to_owned()] }),
    }
}

#[tokio::test]
async fn a_customer_sees_and_reaches_itself_and_does_not_find_another() {
    for place in places() {
        let office = place.open().await;
        let own = office.register(alena(1)).await.customer_id;
        let other = office.register(alena(2)).await.customer_id;
        let get = |id: &str| GetCustomerRequest { customer_id: id.to_owned() };
        let relations =
            |id: &str| ListRelationsRequest { customer_id: id.to_owned(), ..Default::default() };
        let (cif, ctx) = (&office.cif, || customer("method", &own));
        assert_eq!(reason(cif.get_customer(&ctx(), get(&own)).await), "OK");
        assert_eq!(reason(cif.get_customer(&ctx(), get(&other)).await), "CUSTOMER_NOT_FOUND");
        assert_eq!(reason(cif.list_relations(&ctx(), relations(&own)).await), "OK");
        let foreign = cif.list_relations(&ctx(), relations(&other)).await;
        assert_eq!(reason(foreign), "CUSTOMER_NOT_FOUND");
        let contact = cif.update_customer(&ctx(), rename(&own, "contact.email")).await;
        assert_eq!(reason(contact), "OK");
        let foreign = cif.update_customer(&ctx(), rename(&other, "contact.email")).await;
        assert_eq!(reason(foreign), "CUSTOMER_NOT_FOUND");
        let identity = cif.update_customer(&ctx(), rename(&own, "person.given_name")).await;
        assert_eq!(reason(identity), "ROLE_MISSING");
    }
}
