//! Events repeated, out of order, unknown and malformed.

use florin_events::{ConsumeError, Consumer, Envelope};
use florin_proto::account::v1::{HolderRole, TransactionPosted};
use florin_reporting::History;
use florin_store::Tx;

use crate::world::{Posting, World, changed, new_event, opened, worlds};

async fn apply(world: &World, events: &[&Envelope]) {
    let applied: Result<(), ConsumeError> =
        world.db.write(async |tx: Tx| History.apply_all(&tx, events).await).await;
    applied.unwrap();
}

/// Events of two accounts and their customers, recorded and not yet delivered.
async fn recorded(world: &World) -> Vec<Envelope> {
    let customers: Vec<_> =
        (0..2).map(|_| crate::world::new_id(florin_kernel::CustomerId::from_parts)).collect();
    let mut events = Vec::new();
    for (n, owner) in customers.iter().enumerate() {
        let account = crate::world::new_id(florin_kernel::AccountId::from_parts);
        let other = customers[1 - n];
        events.push(opened(account, &[(*owner, HolderRole::Owner)]));
        for version in 2..12 {
            events.push(match version {
                4 => {
                    changed(account, 4, &[(*owner, HolderRole::Owner), (other, HolderRole::Viewer)])
                }
                8 => changed(account, 8, &[(other, HolderRole::Owner)]),
                _ => Posting { text: "Nájem a voda", ..Posting::new(account, version) }.event(),
            });
        }
    }
    world.account.append(events).await;
    world.account.envelopes().await
}

#[tokio::test]
async fn disorder_and_repetition_give_the_same_history() {
    for (ordered, shuffled) in worlds().await.into_iter().zip(worlds().await) {
        let events = recorded(&ordered).await;
        for event in &events {
            apply(&ordered, &[event]).await;
        }
        let expected = ordered.content().await;
        // Of each account 8 entries of three words.
        assert_eq!(expected.len(), 16 + 48);
        // Backwards, each twice, then all at once.
        for event in events.iter().rev() {
            apply(&shuffled, &[event, event]).await;
        }
        assert_eq!(shuffled.content().await, expected);
        let all: Vec<_> = events.iter().collect();
        apply(&shuffled, &all).await;
        assert_eq!(shuffled.content().await, expected);
    }
}

#[tokio::test]
async fn a_kind_that_is_not_known_yet_is_passed_over() {
    for world in World::running().await {
        let told = new_event("account_renamed", "acc_x", 2, &TransactionPosted::default());
        let ids = world.account.append(vec![told]).await;
        world.settled(&ids).await;
        assert!(world.content().await.is_empty());
    }
}

#[tokio::test]
async fn a_transaction_that_cannot_be_read_is_a_dead_letter_and_holds_up_nothing() {
    for world in World::running().await {
        let customer = world.customer().await;
        let account = world.account_of(customer).await;
        let wrong = Posting { amount: "1.234", ..Posting::new(account, 2) };
        world.account.append(vec![wrong.event()]).await;
        world.post(vec![Posting::new(account, 3)]).await;
        let query = "SELECT reason FROM dead_letters WHERE kind = 'transaction_posted'";
        let row = florin_store::sql::query_one(world.db.read(), query, []).await.unwrap();
        let reason: String = row.unwrap().try_get("", "reason").unwrap();
        assert_eq!(reason, "legs.amount: amount must have at most 2 decimals in EUR");
    }
}
