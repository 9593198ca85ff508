//! Events that go to the broker together.

use async_nats::jetstream;
use florin_events::inbox;
use florin_kernel::{EventId, UnixMicros};
use florin_proto::{
    ops::v1::{
        EventBundle, OutboxEvent, RetryDeadLetterRequest, ops_service_server::OpsService as _,
    },
    timestamp,
};
use florin_store::sql;
use prost::Message as _;
use tonic::{Code, Request};

use crate::world::{broker_worlds, event, number};

#[expect(clippy::disallowed_methods, reason = "tests are told by the environment")]
async fn client() -> async_nats::Client {
    async_nats::connect(std::env::var("FLORIN_TEST_NATS_URL").unwrap()).await.unwrap()
}

#[tokio::test]
async fn events_that_wait_together_go_in_few_messages_and_in_the_order_of_their_aggregates() {
    for world in broker_worlds().await {
        let told = (1..=4).flat_map(|version| {
            (0..100).map(move |aggregate| event(&format!("a{aggregate}"), version, "x"))
        });
        let ids = world.append(told.collect()).await;
        let running = world.start();
        world.applied(&ids).await;
        world.sent().await;
        for aggregate in [0, 49, 99] {
            let versions = world.versions_of(&format!("a{aggregate}")).await;
            assert_eq!(versions, [1, 2, 3, 4], "{}", world.label);
        }
        assert_eq!(number(&world.reader, "SELECT COUNT(*) FROM inbox").await, 400);
        let name = format!("FLORIN_{}", world.role.to_uppercase());
        let mut stream = jetstream::new(client().await).get_stream(name).await.unwrap();
        let messages = stream.info().await.unwrap().state.messages;
        assert!(messages < 100, "{}: {messages} messages for 400 events", world.label);
        running.stop().await;
    }
}

#[tokio::test]
async fn a_refused_event_of_a_bundle_is_a_dead_letter_alone() {
    for world in broker_worlds().await {
        let bodies =
            (0..200).map(|n| event(&format!("a{n}"), 1, if n == 77 { "bad" } else { "x" }));
        let mut ids = world.append(bodies.collect()).await;
        let running = world.start();
        let refused = ids.remove(77).to_string();
        world.applied(&ids).await;
        world.eventually("SELECT COUNT(*) FROM dead_letters", &world.reader, 1).await;
        let missing = inbox::missing(&world.reader, std::slice::from_ref(&refused)).await.unwrap();
        assert_eq!(missing, [refused], "{}", world.label);
        running.stop().await;
    }
}

#[tokio::test]
async fn what_cannot_be_read_of_a_bundle_is_a_dead_letter_and_the_rest_is_applied_once() {
    for world in broker_worlds().await {
        let running = world.start();
        // The stream is there from the first event on.
        let first = world.append(vec![event("a", 1, "x")]).await;
        world.applied(&first).await;
        let whole = |number: u8| OutboxEvent {
            event_id: EventId::from_parts(1_700_000_000_000, [number; 10]).to_string(),
            kind: "thing_changed".into(),
            aggregate: format!("b{number}"),
            version: 1,
            payload: "x".into(),
            recorded_at: Some(timestamp(UnixMicros(1_700_000_000_000_000))),
            partition: 3,
            correlation: "request".into(),
            ..OutboxEvent::default()
        };
        let events = vec![whole(1), OutboxEvent::default(), whole(2)];
        let mut body = EventBundle { events }.encode_to_vec();
        // An event that is no message.
        body.extend([0x0a, 0x02, 0x0a, 0x7f]);
        let subject = format!("florin.{}.v1.bundle.3", world.role);
        let client = client().await;
        // Twice, as after an acknowledgement that was lost.
        for _ in 0..2 {
            client.publish(subject.clone(), body.clone().into()).await.unwrap();
        }
        client.publish(subject, "garbage".into()).await.unwrap();
        client.flush().await.unwrap();
        // Two of each bundle, for their places in the stream tell them apart, and the garbage.
        world.eventually("SELECT COUNT(*) FROM dead_letters", &world.reader, 5).await;
        // It is no event of a kind that a reader may pass over.
        let query = "SELECT event_id FROM dead_letters ORDER BY event_id LIMIT 1";
        let row = sql::query_one(world.reader.read(), query, []).await.unwrap().unwrap();
        let event_id: String = row.try_get("", "event_id").unwrap();
        let retry = Request::new(RetryDeadLetterRequest { event_id });
        let refused = world.reader_ops().retry_dead_letter(retry).await.unwrap_err();
        assert_eq!(refused.code(), Code::FailedPrecondition, "{refused}");
        assert_eq!(number(&world.reader, "SELECT COUNT(*) FROM dead_letters").await, 5);
        let ids = [1, 2].map(|number| EventId::from_parts(1_700_000_000_000, [number; 10]));
        world.applied(&ids).await;
        let next = world.append(vec![event("a", 2, "x")]).await;
        world.applied(&next).await;
        let effects = "SELECT COUNT(*) FROM effects WHERE aggregate LIKE 'b%'";
        assert_eq!(number(&world.reader, effects).await, 2, "{}", world.label);
        running.stop().await;
    }
}

#[tokio::test]
async fn a_bundle_whose_acknowledgement_was_lost_comes_again_with_others_and_is_applied_once() {
    for world in broker_worlds().await {
        let told = |version| (0..60).map(move |number| event(&format!("a{number}"), version, "x"));
        let mut ids = world.append(told(1).collect()).await;
        let running = world.start();
        world.applied(&ids).await;
        world.sent().await;
        running.kill().await;
        // The relay has heard of no acknowledgement, and has more to send by now.
        let forgotten = "INSERT INTO outbox_pending (replay, position, partition) \
                         SELECT 0, position, partition FROM outbox";
        crate::world::execute(&world.source, forgotten).await;
        // Readers are slower than the relay: what came twice waits with what is new.
        let relaying = world.start_relay();
        ids.extend(world.append(told(2).collect()).await);
        world.sent().await;
        let reading = world.start_consumer();
        world.applied(&ids).await;
        let all = "SELECT COUNT(*) FROM effects";
        assert_eq!(number(&world.reader, all).await, 120, "{}", world.label);
        for number in [0, 31, 59] {
            assert_eq!(world.versions_of(&format!("a{number}")).await, [1, 2], "{}", world.label);
        }
        assert_eq!(number(&world.reader, "SELECT COUNT(*) FROM dead_letters").await, 0);
        relaying.stop().await;
        reading.stop().await;
    }
}
