//! Who sees what.

use florin_kernel::{AccountId, CustomerId};
use florin_proto::{account::v1::HolderRole, reporting::v1::SearchTransactionsRequest};

use crate::world::{
    Posting, World, as_customer, changed, new_id, of_account, of_customer, staff, versions,
};

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
async fn any_part_in_an_account_shows_it_and_the_end_of_that_part_hides_it() {
    for world in World::running().await {
        let (owner, guest) = (world.customer().await, world.customer().await);
        let account = world.account_of(owner).await;
        world.post(vec![Posting::new(account, 2)]).await;
        let ctx = as_customer(guest);
        let seen = async || world.search(&ctx, of_account(account)).await.map(|page| page.entries);
        assert_eq!(seen().await.unwrap_err().reason(), "HISTORY_NOT_FOUND");
        let part = |role| [(owner, HolderRole::Owner), (guest, role)];
        for (version, role) in [(3, HolderRole::Viewer), (4, HolderRole::AuthorisedUser)] {
            let ids = world.account.append(vec![changed(account, version, &part(role))]).await;
            world.settled(&ids).await;
            assert_eq!(versions(&seen().await.unwrap()), [2]);
        }
        let alone = [(owner, HolderRole::Owner)];
        let ids = world.account.append(vec![changed(account, 6, &alone)]).await;
        world.settled(&ids).await;
        assert!(seen().await.is_err());
        // An older event that comes late does not win.
        let stale = changed(account, 5, &part(HolderRole::Viewer));
        world.settled(&world.account.append(vec![stale]).await).await;
        assert_eq!(seen().await.unwrap_err().reason(), "HISTORY_NOT_FOUND");
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
