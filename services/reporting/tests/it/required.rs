//! The contract calls no field of a search REQUIRED, for either of two will do.

use florin_proto::reporting::v1::SearchTransactionsRequest;
use florin_testkit::contract::required;

use crate::world::{Posting, World, of_account, of_customer, staff};

#[tokio::test]
async fn an_account_or_a_customer_is_asked_for_and_neither_is_required_alone() {
    let world = World::running().await.remove(0);
    let customer = world.customer().await;
    let account = world.account_of(customer).await;
    world.post(vec![Posting::new(account, 2)]).await;
    for ask in [of_account(account), of_customer(customer)] {
        assert_eq!(world.found(ask).await.len(), 1);
    }
    let nothing = SearchTransactionsRequest::default();
    let error = world.search(&staff(), nothing).await.unwrap_err();
    let missed: Vec<_> = error.field_violations().iter().map(|one| one.field.as_str()).collect();
    assert_eq!(missed, ["account_id"]);
    let required = required("reporting", "SearchTransactionsRequest", "").unwrap();
    assert!(required.is_empty(), "{required:?}");
}
