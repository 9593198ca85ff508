//! What fails around an event.

use std::sync::atomic::Ordering;

use prometheus_client::{encoding::text::encode, registry::Registry};

use crate::world::{event, number, worlds};

#[tokio::test]
async fn an_outage_is_waited_out_and_buries_nothing() {
    for world in worlds().await {
        world.recorder.outages.store(3, Ordering::Relaxed);
        let running = world.start();
        let ids = world.append((1..=9).map(|n| event("a", n, "x")).collect()).await;
        world.applied(&ids).await;
        assert_eq!(world.versions_of("a").await, (1..=9).collect::<Vec<_>>(), "{}", world.label);
        assert_eq!(number(&world.reader, "SELECT COUNT(*) FROM dead_letters").await, 0);
        running.stop().await;
    }
}

#[tokio::test]
async fn a_stopped_consumer_shows_as_lag_and_age_and_goes_on_later() {
    for world in worlds().await {
        let running = world.start();
        let first = world.append(vec![event("a", 1, "x")]).await;
        world.applied(&first).await;
        running.stop().await;
        let ids = world.append((2..=5).map(|n| event("a", n, "x")).collect()).await;
        let running = world.start();
        world.applied(&ids).await;
        world.sent().await;
        let mut registry = Registry::default();
        world.bus.metrics().register(&mut registry);
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        for name in [
            "florin_outbox_age_seconds{role=\"src",
            "florin_consumer_lag_seconds{role=\"recorder\",source=\"src",
            "florin_events_consumed_total{role=\"recorder\"",
        ] {
            assert!(text.contains(name), "{text}");
        }
        let lag = || world.bus.metrics().lag_seconds("recorder", world.role);
        world.until("the lag ends", || lag() == 0).await;
        running.stop().await;
    }
}
