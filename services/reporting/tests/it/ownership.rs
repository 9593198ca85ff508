//! Who sees what.

use florin_kernel::{AccountId, CustomerId};
use florin_proto::{account::v1::HolderRole, reporting::v1::SearchTransactionsRequest};

use crate::world::{Posting, World, as_customer, new_id, of_account, of_customer, staff, versions};

#[tokio::test]
async fn a_customer_sees_the_accounts_that_it_holds_and_no_others() {
    for world in World::running().await {
        let (anna, boris) = (world.customer().await, world.customer().await);
        let (own, other) = (world.account_of(anna).await, world.account_of(boris).await);
        world.post(vec![Posting::new(own, 2), Posting::new(other, 2)]).await;
        let ctx = as_customer(anna);
        assert_eq!(world.search(&ctx, of_account(own)).await.unwrap().entries.len(), 1);
        let all = world.search(&ctx, of_customer(anna)).await.unwrap().entries;
        assert_eq!((all.len(), all[0].account_id.clone()), (1, own.to_string()));
        let both = |account: AccountId, customer: CustomerId| SearchTransactionsRequest {
            customer_id: customer.to_string(),
            ..of_account(account)
        };
        assert_eq!(world.search(&ctx, both(own, anna)).await.unwrap().entries.len(), 1);
        for ask in [
            of_account(other),
            of_customer(boris),
            both(own, boris),
            both(other, anna),
            both(other, boris),
            of_account(new_id(AccountId::from_parts)),
            of_customer(new_id(CustomerId::from_parts)),
        ] {
            let error = world.search(&ctx, ask).await.unwrap_err();
            assert_eq!((error.reason(), error.http_status()), ("HISTORY_NOT_FOUND", 404));
        }
    }
}

#[tokio::test]
async fn any_part_in_an_account_shows_it_and_its_end_hides_it_before_its_event_comes() {
    for world in World::running().await {
        let (owner, guest) = (world.customer().await, world.customer().await);
        let account = world.account_of(owner).await;
        world.post(vec![Posting::new(account, 2)]).await;
        let ctx = as_customer(guest);
        let seen = async || world.search(&ctx, of_account(account)).await.map(|page| page.entries);
        assert_eq!(seen().await.unwrap_err().reason(), "HISTORY_NOT_FOUND");
        for role in [HolderRole::Viewer, HolderRole::AuthorisedUser] {
            world.directory.put_account(account, &[(owner, HolderRole::Owner), (guest, role)]);
            assert_eq!(versions(&seen().await.unwrap()), [2]);
        }
        let all = world.search(&ctx, of_customer(guest)).await.unwrap().entries;
        assert_eq!(versions(&all), [2]);
        // No event has told of the end.
        world.directory.put_account(account, &[(owner, HolderRole::Owner)]);
        assert_eq!(seen().await.unwrap_err().reason(), "HISTORY_NOT_FOUND");
        assert!(world.search(&ctx, of_customer(guest)).await.unwrap().entries.is_empty());
    }
}

#[tokio::test]
async fn nobody_sees_anything_while_account_does_not_answer() {
    for world in World::running().await {
        let owner = world.customer().await;
        let account = world.account_of(owner).await;
        world.post(vec![Posting::new(account, 2)]).await;
        world.directory.set_away();
        for ctx in [as_customer(owner), staff()] {
            for ask in [of_account(account), of_customer(owner)] {
                let error = world.search(&ctx, ask).await.unwrap_err();
                assert_eq!((error.reason(), error.http_status()), ("UNAVAILABLE", 503));
            }
        }
    }
}

#[tokio::test]
async fn a_customer_is_searched_over_all_pages_of_its_accounts() {
    for world in World::running().await {
        let owner = world.customer().await;
        for _ in 0..5 {
            let account = world.account_of(owner).await;
            world.post(vec![Posting::new(account, 2)]).await;
        }
        let all = world.search(&as_customer(owner), of_customer(owner)).await.unwrap().entries;
        assert_eq!(all.len(), 5);
        // More accounts than a search goes through.
        for _ in 0..16 {
            let account = new_id(AccountId::from_parts);
            world.directory.put_account(account, &[(owner, HolderRole::Owner)]);
        }
        let error = world.search(&as_customer(owner), of_customer(owner)).await.unwrap_err();
        let violation = &error.field_violations()[0];
        assert_eq!(
            (violation.field.as_str(), violation.rule.as_str()),
            ("customer_id", "TOO_MANY")
        );
    }
}

#[tokio::test]
async fn staff_sees_every_history_and_an_empty_one_is_no_absent_one() {
    for world in World::running().await {
        let customer = world.customer().await;
        let none = world.search(&staff(), of_customer(customer)).await.unwrap();
        assert!(none.entries.is_empty() && none.next_page_token.is_empty());
        let account = world.account_of(customer).await;
        assert!(world.found(of_account(account)).await.is_empty());
        world.post(vec![Posting::new(account, 2)]).await;
        assert_eq!(world.found(of_account(account)).await.len(), 1);
        assert_eq!(world.found(of_customer(customer)).await.len(), 1);
        let unknown = of_account(new_id(AccountId::from_parts));
        let error = world.search(&staff(), unknown).await.unwrap_err();
        assert_eq!(error.reason(), "HISTORY_NOT_FOUND");
    }
}
