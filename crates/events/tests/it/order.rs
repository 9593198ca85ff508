//! The order of an aggregate's versions, also with two relays.

use florin_events::Outbox;

use crate::world::{broker_worlds, event, worlds};

#[tokio::test]
async fn each_aggregate_arrives_in_the_order_of_its_versions() {
    for world in worlds().await {
        let running = world.start();
        let mut ids = Vec::new();
        for version in 1..=30 {
            // In another order of the aggregates each time.
            let events =
                (0..20).map(|n| event(&format!("a{}", (n * 7 + version) % 20), version, "x"));
            ids.extend(world.append(events.collect()).await);
        }
        world.applied(&ids).await;
        for n in 0..20 {
            let versions = world.versions_of(&format!("a{n}")).await;
            assert_eq!(versions, (1..=30).collect::<Vec<_>>(), "{} a{n}", world.label);
        }
        running.stop().await;
    }
}

#[tokio::test]
async fn two_relays_on_one_outbox_send_each_aggregate_in_order() {
    for mut world in broker_worlds().await {
        let first = world.start_relay();
        world.outbox = Outbox::new(world.role);
        let second = world.start_relay();
        let reader = world.start_consumer();
        let mut ids = Vec::new();
        for version in 1..=40 {
            let events = (0..8).map(|n| event(&format!("a{n}"), version, "x")).collect();
            ids.extend(world.append(events).await);
        }
        world.applied(&ids).await;
        // The other takes over what the first gives back.
        first.stop().await;
        for version in 41..=50 {
            let events = (0..8).map(|n| event(&format!("a{n}"), version, "x")).collect();
            ids.extend(world.append(events).await);
        }
        world.applied(&ids).await;
        world.sent().await;
        for n in 0..8 {
            let versions = world.versions_of(&format!("a{n}")).await;
            assert_eq!(versions, (1..=50).collect::<Vec<_>>(), "{} a{n}", world.label);
        }
        second.stop().await;
        reader.stop().await;
    }
}
