//! The outbox by RPC, and the parts of the proof.

use std::sync::Arc;

use florin_events::OpsServer;
use florin_proto::ops::v1::{
    FindMissingEventsRequest, GetRebuildRequest, ListOutboxEventsRequest, ListOutboxEventsResponse,
    RebuildReadModelRequest, RebuildState, ops_service_server::OpsService,
};
use florin_store::{StoreError, Tx};
use tokio::sync::oneshot;
use tonic::{Code, Request};

use crate::world::{World, event, execute, postgres_worlds, worlds};

async fn page(world: &World, after_position: i64, page_size: i32) -> ListOutboxEventsResponse {
    let ask = ListOutboxEventsRequest { after_position, page_size, keys_only: false };
    world.source_ops().list_outbox_events(Request::new(ask)).await.unwrap().into_inner()
}

#[tokio::test]
async fn pages_give_the_whole_outbox_in_order() {
    for world in worlds().await {
        let ids = world.append((1..=25).map(|n| event("a", n, "body")).collect()).await;
        let mut after = 0;
        let mut seen = Vec::new();
        loop {
            let page = page(&world, after, 10).await;
            assert_eq!(page.settled_position, 25, "{}", world.label);
            let Some(last) = page.events.last() else { break };
            after = last.position;
            assert!(page.events.iter().all(|event| event.pending && *event.payload == *b"body"));
            seen.extend(page.events.into_iter().map(|event| event.event_id));
        }
        assert_eq!(seen, ids.iter().map(ToString::to_string).collect::<Vec<_>>());
        let too_many = ListOutboxEventsRequest { page_size: 1_001, ..Default::default() };
        let refused = world.source_ops().list_outbox_events(Request::new(too_many)).await;
        assert_eq!(refused.unwrap_err().code(), Code::InvalidArgument);
    }
}

/// kamu-data/kamu-cli #1398: "greater than the last seen" loses what commits late.
#[tokio::test]
async fn an_event_that_commits_late_is_neither_skipped_nor_lost() {
    for world in postgres_worlds().await {
        let running = world.start();
        let before = world.append(vec![event("before", 1, "x")]).await;
        let (wrote, has_written) = oneshot::channel::<()>();
        let (go, may_commit) = oneshot::channel::<()>();
        let (db, outbox) = (world.source.clone(), world.outbox.clone());
        let late = tokio::spawn(async move {
            let mut channels = Some((wrote, may_commit));
            db.write(move |tx: Tx| {
                let (wrote, may_commit) = channels.take().unwrap();
                let outbox = outbox.clone();
                async move {
                    let ids = outbox.append(&tx, vec![event("late", 1, "x")]).await?;
                    wrote.send(()).unwrap();
                    may_commit.await.unwrap();
                    Ok::<_, StoreError>(ids)
                }
            })
            .await
            .unwrap()
        });
        has_written.await.unwrap();
        let early = world.append(vec![event("early", 1, "x")]).await;
        world.applied(&early).await;
        // The early one has the greater position: no page may go beyond the gap.
        let first = page(&world, 0, 0).await;
        assert_eq!(first.settled_position, 1);
        assert_eq!(first.events.len(), 1);
        assert_eq!(first.events[0].event_id, before[0].to_string());
        go.send(()).unwrap();
        let late = late.await.unwrap();
        world.applied(&late).await;
        let rest = page(&world, 1, 0).await;
        let rest: Vec<_> = rest.events.into_iter().map(|event| event.event_id).collect();
        assert_eq!(rest, [late[0].to_string(), early[0].to_string()]);
        running.stop().await;
    }
}

#[tokio::test]
async fn tells_what_the_inbox_lacks_and_what_of_it_is_dead() {
    for world in worlds().await {
        let running = world.start();
        let ids =
            world.append(vec![event("a", 1, "x"), event("b", 1, "bad"), event("b", 2, "x")]).await;
        world.applied(&ids[..1]).await;
        world.eventually("SELECT COUNT(*) FROM dead_letters", &world.reader, 2).await;
        let mut event_ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
        event_ids.push("evt_nowhere".into());
        let ask = FindMissingEventsRequest { source: world.role.into(), event_ids };
        let found = world.reader_ops().find_missing_events(Request::new(ask)).await.unwrap();
        let found = found.into_inner();
        assert!(found.reads_source);
        assert_eq!(found.missing, [&ids[1].to_string(), &ids[2].to_string(), "evt_nowhere"]);
        assert_eq!(found.dead_or_parked, [ids[1].to_string(), ids[2].to_string()]);
        let foreign = FindMissingEventsRequest { source: "cif".into(), event_ids: Vec::new() };
        let answer = world.reader_ops().find_missing_events(Request::new(foreign)).await.unwrap();
        assert!(!answer.into_inner().reads_source);
        running.stop().await;
    }
}

#[tokio::test]
async fn rebuild_is_unimplemented_where_there_is_no_read_model() {
    for world in worlds().await {
        let request = || Request::new(RebuildReadModelRequest {});
        let none = world.source_ops().rebuild_read_model(request()).await.unwrap_err();
        assert_eq!(none.code(), Code::Unimplemented);
        let unknown = world.source_ops().get_rebuild(Request::new(GetRebuildRequest {})).await;
        assert_eq!(unknown.unwrap_err().code(), Code::NotFound);
    }
}

/// The state, the events and the cause of the latest rebuild, once it has ended.
async fn ended(server: &OpsServer) -> (RebuildState, i64, String) {
    loop {
        let asked = server.get_rebuild(Request::new(GetRebuildRequest {})).await.unwrap();
        let latest = asked.into_inner().rebuild.unwrap();
        if latest.state() != RebuildState::Running {
            return (latest.state(), latest.events, latest.cause);
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_rebuild_outlives_its_call_and_tells_how_it_stands() {
    for world in worlds().await {
        let (go, may_end) = tokio::sync::watch::channel(false);
        let server: OpsServer = world.reader_ops().with_rebuild(Arc::new(move |progress| {
            let mut may_end = may_end.clone();
            Box::pin(async move {
                progress.add(3);
                may_end.wait_for(|go| *go).await.unwrap();
                Ok(7)
            })
        }));
        let begin = async || {
            let begun = server.rebuild_read_model(Request::new(RebuildReadModelRequest {})).await;
            begun.unwrap().into_inner().rebuild.unwrap()
        };
        let first = begin().await;
        assert_eq!(first.state(), RebuildState::Running, "{}", world.label);
        assert_eq!(begin().await.rebuild_id, first.rebuild_id, "one at a time");
        go.send(true).unwrap();
        assert_eq!(ended(&server).await, (RebuildState::Done, 7, String::new()));
        assert_ne!(begin().await.rebuild_id, first.rebuild_id);
        server.tasks().close();
        server.tasks().wait().await;
    }
}

#[tokio::test]
async fn a_rebuild_that_fails_or_panics_says_why() {
    for world in worlds().await {
        let failing: OpsServer = world.reader_ops().with_rebuild(Arc::new(|progress| {
            Box::pin(async move {
                progress.add(5);
                Err(tonic::Status::unavailable("the source is away"))
            })
        }));
        let request = || Request::new(RebuildReadModelRequest {});
        failing.rebuild_read_model(request()).await.unwrap();
        let failed = (RebuildState::Failed, 5, "the source is away".to_owned());
        assert_eq!(ended(&failing).await, failed, "{}", world.label);
        let panicking: OpsServer = world
            .reader_ops()
            .with_rebuild(Arc::new(|_| Box::pin(async { panic!("of the test") })));
        panicking.rebuild_read_model(request()).await.unwrap();
        let (state, _, cause) = ended(&panicking).await;
        assert_eq!(state, RebuildState::Failed);
        assert!(cause.contains("panicked"), "{cause}");
    }
}

#[tokio::test]
async fn a_rebuild_whose_process_was_killed_has_failed() {
    for world in worlds().await {
        let silent = "INSERT INTO rebuilds (id, state, events, cause, began_at, heard_at) \
                      VALUES ('rbd_1', 'running', 4, '', 1, 1)";
        execute(&world.reader, silent).await;
        let (state, events, cause) = ended(&world.reader_ops()).await;
        assert_eq!((state, events), (RebuildState::Failed, 4), "{}", world.label);
        assert!(cause.contains("process"), "{cause}");
    }
}
