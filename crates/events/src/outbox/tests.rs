//! The outbox on a database of its own: what is appended, whom it wakes, and its pages.

use florin_store::{Database, DatabaseOptions, Migrations};
use futures_util::FutureExt as _;

use super::*;
use crate::event::Cause;

async fn database(folder: &tempfile::TempDir) -> Database {
    let options = DatabaseOptions {
        synchronous_off: true,
        ..DatabaseOptions::sqlite(&folder.path().join("source.db"))
    };
    Database::connect(&options, Migrations::none()).await.unwrap()
}

fn event(version: i64) -> NewEvent {
    NewEvent {
        kind: "thing_changed",
        aggregate: "acc_1".into(),
        version,
        payload: vec![0, 255, 7],
        cause: Cause {
            correlation: "req_1".into(),
            causation: "trf_1".into(),
            traceparent: Some("00-trace".into()),
        },
        historical: true,
    }
}

async fn append(db: &Database, outbox: &Outbox, events: Vec<NewEvent>) -> Vec<EventId> {
    db.write(async |tx: Tx| outbox.append(&tx, events.clone()).await).await.unwrap()
}

#[tokio::test]
async fn only_a_committed_append_wakes_the_relay() {
    let folder = tempfile::tempdir().unwrap();
    let (db, outbox) = (database(&folder).await, Outbox::new("account"));
    let relay = outbox.clone();
    let woken = || relay.woken().now_or_never().is_some();
    assert!(!woken(), "nobody has appended");
    let rolled_back: Result<(), StoreError> = db
        .write(async |tx: Tx| {
            outbox.append(&tx, vec![event(1)]).await?;
            Err(StoreError::Corrupt("on purpose".into()))
        })
        .await;
    rolled_back.unwrap_err();
    assert!(append(&db, &outbox, Vec::new()).await.is_empty());
    assert!(!woken(), "nothing was committed");
    append(&db, &outbox, vec![event(1)]).await;
    assert!(woken());
    assert!(!woken(), "once a commit");
    assert_eq!(outbox.role(), "account");
}

#[tokio::test]
async fn pages_list_the_events_as_they_were_told_and_leave_none_out() {
    let folder = tempfile::tempdir().unwrap();
    let (db, outbox) = (database(&folder).await, Outbox::new("account"));
    assert_eq!((pages::last(&db).await.unwrap(), pages::settled(&db).await.unwrap()), (0, 0));
    let ids = append(&db, &outbox, (1..=5).map(event).collect()).await;
    assert_eq!((pages::last(&db).await.unwrap(), pages::settled(&db).await.unwrap()), (5, 5));
    let acknowledged = "DELETE FROM outbox_pending WHERE position = 3";
    db.write(async |tx: Tx| sql::execute(&tx, acknowledged, []).await).await.unwrap();
    let asked: [(i64, i64, i64, &[i64]); 4] =
        [(0, 5, 9, &[1, 2, 3, 4, 5]), (1, 5, 2, &[2, 3]), (2, 4, 9, &[3, 4]), (5, 5, 9, &[])];
    for (after, settled, limit, expected) in asked {
        let page = pages::page(&db, outbox.role(), after, settled, limit).await.unwrap();
        let positions: Vec<i64> = page.iter().map(|listed| listed.position).collect();
        assert_eq!(positions, expected);
        assert!(page.iter().all(|listed| listed.pending == (listed.position != 3)));
    }
    // What an operator asked for again waits once more.
    let again = "INSERT INTO outbox_pending (position, partition, replay) VALUES (3, 1, 7)";
    db.write(async |tx: Tx| sql::execute(&tx, again, []).await).await.unwrap();
    let page = pages::page(&db, outbox.role(), 0, 5, 9).await.unwrap();
    assert_eq!(page.iter().filter(|listed| listed.pending).count(), 5);
    let first = pages::page(&db, outbox.role(), 0, 5, 1).await.unwrap().remove(0).event;
    assert_eq!(
        (first.id, first.source.as_str(), first.kind.as_str()),
        (ids[0], "account", "thing_changed")
    );
    assert_eq!((first.aggregate.as_str(), first.version), ("acc_1", 1));
    assert_eq!(
        (first.payload.as_ref(), first.partition),
        ([0, 255, 7].as_slice(), partition_of("acc_1"))
    );
    assert_eq!((first.correlation.as_str(), first.causation.as_str()), ("req_1", "trf_1"));
    assert_eq!((first.traceparent.as_deref(), first.historical), (Some("00-trace"), true));
    assert!(first.recorded_at.0 > 0);
}
