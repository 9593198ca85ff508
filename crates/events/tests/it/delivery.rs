//! At least once on the bus, once in the effect.

use florin_events::{Envelope, inbox};
use florin_kernel::{EventId, UnixMicros};
use florin_proto::{
    ops::v1::{OutboxEvent, ReplayEventsRequest, ops_service_server::OpsService},
    timestamp,
};
use tonic::Request;

use crate::world::{broker_worlds, event, execute, number, worlds};

#[tokio::test]
async fn an_event_that_is_sent_twice_has_one_effect() {
    for world in worlds().await {
        let running = world.start();
        let events = (0..60).map(|n| event(&format!("a{n}"), 1, "x")).collect();
        let ids = world.append(events).await;
        world.applied(&ids).await;
        world.sent().await;
        let all = ReplayEventsRequest::default();
        let answer = world.source_ops().replay_events(Request::new(all)).await.unwrap();
        assert_eq!(answer.into_inner().queued, 60);
        let marker = world.append(vec![event("marker", 1, "x")]).await;
        world.sent().await;
        world.applied(&marker).await;
        assert_eq!(world.effects().await.len(), 61, "{}", world.label);
        assert_eq!(number(&world.reader, "SELECT COUNT(*) FROM inbox").await, 61);
        running.stop().await;
    }
}

#[tokio::test]
async fn an_event_that_was_rolled_back_is_never_sent() {
    for world in worlds().await {
        let running = world.start();
        let outbox = &world.outbox;
        let undone = world
            .source
            .write(async |tx| {
                outbox.append(&tx, vec![event("a", 1, "x")]).await?;
                Err::<(), _>(florin_store::StoreError::Corrupt("undo".into()))
            })
            .await;
        assert!(undone.is_err());
        let ids = world.append(vec![event("b", 1, "x")]).await;
        world.applied(&ids).await;
        assert_eq!(world.effects().await, [("b".to_owned(), 1)]);
        running.stop().await;
    }
}

#[tokio::test]
async fn a_crash_between_effect_and_acknowledgement_changes_nothing() {
    for world in worlds().await {
        let mut ids = Vec::new();
        for round in 0..3 {
            let running = world.start();
            let events = (0..40).map(|n| event(&format!("a{round}_{n}"), 1, "x")).collect();
            let new = world.append(events).await;
            // The effects are there; the acknowledgements may be under way.
            if round % 2 == 0 {
                world.applied(&new[..1]).await;
            } else {
                world.applied(&new).await;
            }
            ids.extend(new);
            running.kill().await;
        }
        let running = world.start();
        world.applied(&ids).await;
        world.sent().await;
        assert_eq!(world.effects().await.len(), 120, "{}", world.label);
        running.stop().await;
    }
}

#[tokio::test]
async fn replay_delivers_what_the_inbox_lacks() {
    for world in worlds().await {
        let running = world.start();
        let events = (1..=5).map(|n| event(&format!("a{n}"), 1, "x")).collect();
        let ids = world.append(events).await;
        world.applied(&ids).await;
        world.sent().await;
        // As after a restored backup of the reader.
        execute(&world.reader, &format!("DELETE FROM inbox WHERE event_id = '{}'", ids[2])).await;
        execute(&world.reader, "DELETE FROM effects WHERE aggregate = 'a3'").await;
        let range = ReplayEventsRequest { from_position: 2, to_position: 4, ..Default::default() };
        let answer = world.source_ops().replay_events(Request::new(range)).await.unwrap();
        assert_eq!(answer.into_inner().queued, 3);
        world.applied(&ids).await;
        let mut effects = world.effects().await;
        effects.sort();
        assert_eq!(
            effects.iter().map(|(of, _)| of.as_str()).collect::<Vec<_>>(),
            ["a1", "a2", "a3", "a4", "a5"]
        );
        running.stop().await;
    }
}

#[tokio::test]
async fn what_was_written_before_the_reader_came_is_delivered() {
    for world in worlds().await {
        let relay = world.start_relay();
        let ids = world.append((0..700).map(|n| event("a", n, "x")).collect()).await;
        let reader = world.start_consumer();
        world.applied(&ids).await;
        world.sent().await;
        assert_eq!(world.versions_of("a").await, (0..700).collect::<Vec<_>>());
        relay.stop().await;
        reader.stop().await;
    }
}

#[tokio::test]
async fn the_envelope_arrives_as_it_was_recorded() {
    for world in worlds().await {
        let running = world.start();
        let mut told = event("agg é\n", 7, "bad but whole");
        told.cause.causation = "trf_1".into();
        told.cause.traceparent =
            Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into());
        told.historical = true;
        let ids = world.append(vec![told]).await;
        // A dead letter keeps the whole envelope.
        world.eventually("SELECT COUNT(*) FROM dead_letters", &world.reader, 1).await;
        let same = "SELECT COUNT(*) FROM dead_letters WHERE version = 7 AND kind = 'thing_changed' \
                    AND causation = 'trf_1' AND correlation = 'request' AND historical \
                    AND traceparent LIKE '00-0af7651916cd43dd%' AND recorded_at > 0";
        assert_eq!(number(&world.reader, same).await, 1, "{}", world.label);
        let missing = inbox::missing(&world.reader, &[ids[0].to_string()]).await.unwrap();
        assert_eq!(missing, [ids[0].to_string()]);
        running.stop().await;
    }
}

#[tokio::test]
async fn a_message_that_is_no_event_becomes_a_dead_letter_and_the_rest_goes_on() {
    for world in broker_worlds().await {
        let running = world.start();
        let first = world.append(vec![event("a", 1, "x")]).await;
        world.applied(&first).await;
        #[expect(clippy::disallowed_methods, reason = "tests are told by the environment")]
        let url = std::env::var("FLORIN_TEST_NATS_URL").unwrap();
        let client = async_nats::connect(url).await.unwrap();
        let subject = format!("florin.{}.v1.thing_changed.3", world.role);
        client.publish(subject, "garbage".into()).await.unwrap();
        client.flush().await.unwrap();
        world.eventually("SELECT COUNT(*) FROM dead_letters", &world.reader, 1).await;
        let next = world.append(vec![event("a", 2, "x")]).await;
        world.applied(&next).await;
        running.stop().await;
    }
}

#[test]
fn history_is_what_is_marked_or_older_than_a_day() {
    let day = 24 * 60 * 60 * 1_000_000;
    let listed = |historical| OutboxEvent {
        event_id: EventId::from_parts(1, [0; 10]).to_string(),
        recorded_at: Some(timestamp(UnixMicros(1_000))),
        historical,
        ..OutboxEvent::default()
    };
    let fresh = Envelope::from_listed("account", listed(false)).unwrap();
    assert!(!fresh.is_history(UnixMicros(1_000 + day)));
    assert!(fresh.is_history(UnixMicros(1_001 + day)));
    let marked = Envelope::from_listed("account", listed(true)).unwrap();
    assert!(marked.is_history(UnixMicros(1_000)));
    let broken = OutboxEvent { recorded_at: None, ..listed(false) };
    assert!(Envelope::from_listed("account", broken).is_err());
}
