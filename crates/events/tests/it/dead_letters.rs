//! Dead letters and parked keys.

use std::sync::atomic::Ordering;

use florin_proto::ops::v1::{
    DeadLetter, DiscardDeadLetterRequest, ListDeadLettersRequest, RetryDeadLetterRequest,
    ops_service_server::OpsService,
};
use tonic::{Code, Request};

use crate::world::{World, event, number, worlds};

async fn listed(world: &World) -> Vec<DeadLetter> {
    let mut all = Vec::new();
    let mut page_token = String::new();
    loop {
        let ask = ListDeadLettersRequest { page_size: 2, page_token };
        let page =
            world.reader_ops().list_dead_letters(Request::new(ask)).await.unwrap().into_inner();
        all.extend(page.dead_letters);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return all;
        }
    }
}

/// Five versions of one key of which the second is bad, beside another key.
async fn with_a_bad_second(world: &World) -> Vec<String> {
    let mut events: Vec<_> = (1..=5)
        .map(|version| event("key", version, if version == 2 { "bad" } else { "x" }))
        .collect();
    events.extend((1..=5).map(|version| event("other", version, "x")));
    let ids = world.append(events).await;
    world.applied(&ids[5..]).await;
    world.eventually("SELECT COUNT(*) FROM dead_letters", &world.reader, 4).await;
    world.sent().await;
    ids.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn a_refused_event_parks_its_key_and_no_other() {
    for world in worlds().await {
        let running = world.start();
        let ids = with_a_bad_second(&world).await;
        assert_eq!(world.versions_of("key").await, [1]);
        assert_eq!(world.versions_of("other").await, [1, 2, 3, 4, 5]);
        let dead = listed(&world).await;
        let told: Vec<_> = dead.iter().map(|d| (d.version, d.attempts, d.parked)).collect();
        assert_eq!(told, [(2, 5, false), (3, 0, true), (4, 0, true), (5, 0, true)]);
        assert_eq!(dead[0].reason, "the body is bad");
        assert_eq!(dead[0].event_id, ids[1]);
        // What comes later, or comes again, queues behind it once.
        let later = world.append(vec![event("key", 6, "x")]).await;
        world.eventually("SELECT COUNT(*) FROM dead_letters", &world.reader, 5).await;
        assert_eq!(listed(&world).await[4].event_id, later[0].to_string());
        running.stop().await;
    }
}

#[tokio::test]
async fn retry_applies_the_key_in_order_once_the_cause_is_gone() {
    for world in worlds().await {
        let running = world.start();
        let ids = with_a_bad_second(&world).await;
        let retry = || Request::new(RetryDeadLetterRequest { event_id: ids[1].clone() });
        let refused = world.reader_ops().retry_dead_letter(retry()).await.unwrap_err();
        assert_eq!(refused.code(), Code::FailedPrecondition);
        assert_eq!(listed(&world).await[0].attempts, 6);
        assert_eq!(world.versions_of("key").await, [1]);

        world.recorder.strict.store(false, Ordering::Relaxed);
        let answer = world.reader_ops().retry_dead_letter(retry()).await.unwrap();
        assert_eq!(answer.into_inner().applied, 4);
        assert_eq!(world.versions_of("key").await, [1, 2, 3, 4, 5]);
        assert!(listed(&world).await.is_empty());
        // The retry of a retry finds it applied, and the key goes on by itself.
        let again = world.reader_ops().retry_dead_letter(retry()).await.unwrap();
        assert_eq!(again.into_inner().applied, 0);
        let next = world.append(vec![event("key", 6, "x")]).await;
        world.applied(&next).await;
        assert_eq!(number(&world.reader, "SELECT COUNT(*) FROM audit").await, 2);
        running.stop().await;
    }
}

#[tokio::test]
async fn discard_gives_the_event_up_and_applies_what_waited() {
    for world in worlds().await {
        let running = world.start();
        let ids = with_a_bad_second(&world).await;
        let discard = |reason: &str| {
            let event_id = ids[1].clone();
            Request::new(DiscardDeadLetterRequest { event_id, reason: reason.to_owned() })
        };
        let unsaid = world.reader_ops().discard_dead_letter(discard("")).await.unwrap_err();
        assert_eq!(unsaid.code(), Code::InvalidArgument);
        let answer = world.reader_ops().discard_dead_letter(discard("sent twice")).await.unwrap();
        assert_eq!(answer.into_inner().applied, 3);
        assert_eq!(world.versions_of("key").await, [1, 3, 4, 5]);
        let kept = "SELECT COUNT(*) FROM dead_letters WHERE state = 'discarded' \
                    AND reason LIKE '%sent twice'";
        assert_eq!(number(&world.reader, kept).await, 1);
        // It counts as processed: neither a repetition nor a later event waits.
        let again = world.reader_ops().discard_dead_letter(discard("again")).await.unwrap();
        assert_eq!(again.into_inner().applied, 0);
        let next = world.append(vec![event("key", 6, "x")]).await;
        world.applied(&next).await;
        running.stop().await;
    }
}

#[tokio::test]
async fn a_second_bad_event_behind_the_first_is_the_next_dead_letter() {
    for world in worlds().await {
        let running = world.start();
        let events = vec![event("key", 1, "bad"), event("key", 2, "x"), event("key", 3, "bad")];
        let ids = world.append(events).await;
        world.eventually("SELECT COUNT(*) FROM dead_letters", &world.reader, 3).await;
        let request = DiscardDeadLetterRequest {
            event_id: ids[0].to_string(),
            reason: "sent in error".into(),
        };
        let answer = world.reader_ops().discard_dead_letter(Request::new(request)).await.unwrap();
        assert_eq!(answer.into_inner().applied, 1);
        let left = listed(&world).await;
        assert_eq!((left.len(), left[0].version, left[0].attempts), (1, 3, 1));
        running.stop().await;
    }
}

#[tokio::test]
async fn an_unknown_dead_letter_is_not_found() {
    for world in worlds().await {
        let running = world.start();
        let retry = RetryDeadLetterRequest { event_id: "evt_none".into() };
        let answer = world.reader_ops().retry_dead_letter(Request::new(retry)).await;
        assert_eq!(answer.unwrap_err().code(), Code::NotFound);
        let foreign = ListDeadLettersRequest { page_size: 0, page_token: "x".into() };
        let answer = world.reader_ops().list_dead_letters(Request::new(foreign)).await;
        assert_eq!(answer.unwrap_err().code(), Code::InvalidArgument);
        running.stop().await;
    }
}
