//! A broker that is away, and what operators see of events that wait.

use std::process::{Child, Command, Stdio};

use florin_events::{OpenLetters, open_letters};
use florin_kernel::UnixMicros;
use florin_proto::{
    ops::v1::{ReplayEventsRequest, ops_service_server::OpsService},
    timestamp,
};
use tonic::Request;

use crate::world::{World, event, execute, number, setting, worlds};

/// nats-server on a port that a test chose, ended with the value.
struct Nats(Child, #[expect(dead_code, reason = "deleted with the value")] tempfile::TempDir);

impl Nats {
    fn start(program: &str, port: u16) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let child = Command::new(program)
            .args(["--jetstream", "--addr", "127.0.0.1", "--port", &port.to_string()])
            .arg("--store_dir")
            .arg(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self(child, folder)
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn a_role_starts_without_its_broker_and_catches_up_when_it_comes() {
    let Some(program) = setting("FLORIN_TEST_NATS_BIN") else { return };
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let world = World::on_broker(&format!("nats://127.0.0.1:{port}")).await;
    let running = world.start();
    let ids = world.append((1..=3).map(|n| event("a", n, "x")).collect()).await;
    execute(&world.source, "UPDATE outbox SET recorded_at = recorded_at - 60000000").await;
    let away = world.bus.check(world.role).unwrap_err().to_string();
    assert!(away.contains("no connection"), "{away}");
    world.until("the age shows", || world.bus.metrics().outbox_age_seconds(world.role) >= 60).await;
    assert_eq!(number(&world.source, "SELECT COUNT(*) FROM outbox_pending").await, 3);

    let nats = Nats::start(&program, port);
    world.applied(&ids).await;
    world.sent().await;
    world.until("the bus works", || world.bus.check(world.role).is_ok()).await;
    world.until("the age ends", || world.bus.metrics().outbox_age_seconds(world.role) == 0).await;
    running.stop().await;
    drop(nats);
}

#[tokio::test]
async fn a_broker_without_room_is_not_ready_though_it_is_connected() {
    let Some(program) = setting("FLORIN_TEST_NATS_BIN") else { return };
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    // Three copies of a stream need three servers: this one refuses to make it.
    let nats = Nats::start(&program, port);
    let world = World::on_broker_with(&format!("nats://127.0.0.1:{port}"), 3).await;
    let relay = world.start_relay();
    world.append(vec![event("a", 1, "x")]).await;
    execute(&world.source, "UPDATE outbox SET recorded_at = recorded_at - 60000000").await;
    let refused = || {
        let check = world.bus.check(world.role);
        check.is_err_and(|error| !error.to_string().contains("no connection"))
    };
    world.until("the refusal shows", refused).await;
    world.until("the age shows", || world.bus.metrics().outbox_age_seconds(world.role) >= 60).await;
    relay.stop().await;
    drop(nats);
}

#[tokio::test]
async fn a_new_event_goes_before_a_replay_of_the_past() {
    for world in worlds().await {
        let running = world.start();
        let ids = world.append((1..=40).map(|n| event(&format!("a{n}"), 1, "x")).collect()).await;
        world.applied(&ids).await;
        world.sent().await;
        running.stop().await;
        // As after a restored backup of the reader.
        execute(&world.reader, "DELETE FROM inbox").await;
        execute(&world.reader, "DELETE FROM effects").await;
        let ops = world.source_ops();
        let all = ops.replay_events(Request::new(ReplayEventsRequest::default())).await;
        assert_eq!(all.unwrap().into_inner().queued, 40);
        let fresh = world.append(vec![event("fresh", 1, "x")]).await;
        let running = world.start();
        world.applied(&fresh).await;
        world.applied(&ids).await;
        assert_eq!(world.effects().await[0].0, "fresh", "{}", world.label);
        running.stop().await;
    }
}

#[tokio::test]
async fn a_replay_takes_a_range_an_instant_or_one_event() {
    for world in worlds().await {
        let ids = world.append((1..=9).map(|n| event(&format!("a{n}"), 1, "x")).collect()).await;
        execute(&world.source, "UPDATE outbox SET recorded_at = position * 1000000").await;
        let queued = async |asked: ReplayEventsRequest| {
            let answer = world.source_ops().replay_events(Request::new(asked)).await;
            answer.unwrap().into_inner().queued
        };
        // What was never published goes anyway and stays before every replay.
        assert_eq!(queued(ReplayEventsRequest::default()).await, 0, "{}", world.label);
        let live = "SELECT COUNT(*) FROM outbox_pending WHERE replay = 0";
        assert_eq!(number(&world.source, live).await, 9);
        execute(&world.source, "DELETE FROM outbox_pending").await;
        let since = Some(timestamp(UnixMicros(7_000_000)));
        assert_eq!(queued(ReplayEventsRequest { since, ..Default::default() }).await, 3);
        let event_id = ids[1].to_string();
        assert_eq!(queued(ReplayEventsRequest { event_id, ..Default::default() }).await, 1);
        let unknown = "evt_nowhere".to_owned();
        let unknown = ReplayEventsRequest { event_id: unknown, ..Default::default() };
        assert_eq!(queued(unknown).await, 0);
        let range = ReplayEventsRequest { from_position: 3, to_position: 4, ..Default::default() };
        assert_eq!(queued(range).await, 2);
        assert_eq!(number(&world.source, "SELECT COUNT(*) FROM outbox_pending").await, 6);
    }
}

#[tokio::test]
async fn open_dead_letters_are_counted_by_source() {
    for world in worlds().await {
        let running = world.start();
        world.append(vec![event("b", 1, "bad"), event("b", 2, "x"), event("b", 3, "x")]).await;
        world.eventually("SELECT COUNT(*) FROM dead_letters", &world.reader, 3).await;
        let open = open_letters(&world.reader, "recorder").await.unwrap();
        let source = world.role.to_owned();
        assert_eq!(open, [OpenLetters { source, dead: 1, parked: 2 }], "{}", world.label);
        running.stop().await;
    }
}
