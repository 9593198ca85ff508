//! Rebuilds, alone and beside the running consumer.

use std::sync::atomic::{AtomicBool, Ordering};

use florin_kernel::Role;
use florin_proto::{account::v1::HolderRole, common::v1::Reason, ops::v1::ListOutboxEventsRequest};
use florin_reporting::rebuild;
use florin_rpc::Error;
use florin_store::{Tx, sql};
use florin_testkit::place::number;

use crate::world::{Posting, World, changed, of_account};

async fn execute(world: &World, statement: &str) {
    let run = async |tx: Tx| sql::execute(&tx, statement, []).await.map(|_| ());
    world.db.write(run).await.unwrap();
}

async fn with_history(world: &World) {
    let (anna, boris) = (world.customer().await, world.customer().await);
    for owner in [anna, boris] {
        let account = world.account_of(owner).await;
        let postings = (2..300).map(|version| Posting {
            text: "Nájem a voda",
            counterparty: "Bytové družstvo",
            ..Posting::new(account, version)
        });
        world.post(postings.collect()).await;
        let holders = [(anna, HolderRole::Owner), (boris, HolderRole::Viewer)];
        world.settled(&world.account.append(vec![changed(account, 300, &holders)]).await).await;
    }
}

#[tokio::test]
async fn two_rebuilds_give_the_tables_that_the_consumer_gave() {
    for world in World::running().await {
        with_history(&world).await;
        let consumed = world.content().await;
        for generation in [2, 3] {
            let applied = rebuild(&world.db, |role, ask| world.fetch(role, ask)).await.unwrap();
            assert_eq!(applied, 2 * 300);
            assert_eq!(world.content().await, consumed);
            assert_eq!(
                number(&world.db, "SELECT MAX(number) FROM generations").await.unwrap(),
                generation
            );
        }
        assert_eq!(number(&world.db, "SELECT COUNT(*) FROM generations").await.unwrap(), 1);
        assert_eq!(
            number(&world.db, "SELECT COUNT(DISTINCT generation) FROM entry_words").await.unwrap(),
            1
        );
    }
}

#[tokio::test]
async fn a_rebuild_mends_what_was_lost_or_invented() {
    for world in World::running().await {
        with_history(&world).await;
        let right = world.content().await;
        execute(&world, "DELETE FROM entries WHERE account_version = 7").await;
        execute(&world, "UPDATE entries SET minor = minor + 1 WHERE account_version = 8").await;
        assert_ne!(world.content().await, right);
        rebuild(&world.db, |role, ask| world.fetch(role, ask)).await.unwrap();
        assert_eq!(world.content().await, right);
    }
}

#[tokio::test]
async fn events_go_on_while_a_rebuild_runs_and_the_old_history_answers() {
    for world in World::running().await {
        with_history(&world).await;
        let customer = world.customer().await;
        let account = world.account_of(customer).await;
        let version = std::sync::atomic::AtomicI64::new(2);
        let fetch = async |role: Role, ask: ListOutboxEventsRequest| {
            // A posting between any two pages, consumed before the page is read.
            let next = version.fetch_add(1, Ordering::Relaxed);
            world.post(vec![Posting::new(account, next)]).await;
            let answered = world.found(of_account(account)).await;
            assert_eq!(i64::try_from(answered.len()).unwrap(), (next - 1).min(50));
            world.fetch(role, ask).await
        };
        rebuild(&world.db, fetch).await.unwrap();
        let rebuilt = world.content().await;
        let postings = version.load(Ordering::Relaxed) - 2;
        assert!(postings > 1);
        let entries = format!("SELECT COUNT(*) FROM entries WHERE account_id = '{account}'");
        assert_eq!(number(&world.db, &entries).await.unwrap(), postings);
        rebuild(&world.db, |role, ask| world.fetch(role, ask)).await.unwrap();
        assert_eq!(world.content().await, rebuilt);
    }
}

#[tokio::test]
async fn a_rebuild_that_fails_leaves_everything_as_it_was() {
    for world in World::running().await {
        with_history(&world).await;
        let before = world.content().await;
        let first = AtomicBool::new(true);
        let fetch = async |role: Role, ask: ListOutboxEventsRequest| {
            if role == Role::Account && !first.swap(false, Ordering::Relaxed) {
                return Err(Error::new(Reason::Unavailable, "away"));
            }
            world.fetch(role, ask).await
        };
        let error = rebuild(&world.db, fetch).await.unwrap_err();
        assert_eq!(error.reason(), "UNAVAILABLE");
        assert_eq!(world.content().await, before);
        assert_eq!(number(&world.db, "SELECT COUNT(*) FROM generations").await.unwrap(), 1);
        // The next one is free to begin.
        rebuild(&world.db, |role, ask| world.fetch(role, ask)).await.unwrap();
        assert_eq!(world.content().await, before);
    }
}

#[tokio::test]
async fn one_rebuild_at_a_time() {
    for world in World::running().await {
        with_history(&world).await;
        let inner = AtomicBool::new(false);
        let fetch = async |role: Role, ask: ListOutboxEventsRequest| {
            if !inner.swap(true, Ordering::Relaxed) {
                let second = rebuild(&world.db, |role, ask| world.fetch(role, ask)).await;
                assert_eq!(second.unwrap_err().reason(), "CONCURRENT_CHANGE");
            }
            world.fetch(role, ask).await
        };
        rebuild(&world.db, fetch).await.unwrap();
    }
}
