//! The inbox on a database of its own: once for each consumer, in the transaction of the
//! effect, and the wait for it.

use florin_kernel::{EventId, UnixMicros};
use florin_store::{DatabaseOptions, Migrations};

use super::*;

async fn database(folder: &tempfile::TempDir) -> Database {
    let options = DatabaseOptions {
        synchronous_off: true,
        ..DatabaseOptions::sqlite(&folder.path().join("reader.db"))
    };
    Database::connect(&options, Migrations::none()).await.unwrap()
}

fn event(number: u64) -> Envelope {
    Envelope {
        id: EventId::from_parts(number, [1; 10]),
        source: "account".into(),
        kind: "thing_changed".into(),
        aggregate: "acc_1".into(),
        version: 1,
        payload: Vec::new().into(),
        partition: 0,
        recorded_at: UnixMicros(1),
        correlation: String::new(),
        causation: String::new(),
        traceparent: None,
        historical: false,
        defect: None,
    }
}

fn ids(events: &[Envelope]) -> Vec<String> {
    events.iter().map(|event| event.id.to_string()).collect()
}

async fn recorded(db: &Database, consumer: &str, events: &[Envelope]) -> Vec<String> {
    let events: Vec<_> = events.iter().collect();
    let new = db.write(async |tx: Tx| record(&tx, consumer, &events).await).await.unwrap();
    let mut new: Vec<_> = new.into_iter().collect();
    new.sort();
    new
}

#[tokio::test]
async fn an_event_is_new_once_for_each_consumer() {
    let folder = tempfile::tempdir().unwrap();
    let db = database(&folder).await;
    let [first, second, third] = [event(1), event(2), event(3)];
    let both = [second.clone(), first.clone()];
    assert_eq!(recorded(&db, "reporting", &both).await, ids(&[first.clone(), second.clone()]));
    let mixed = [first.clone(), third.clone()];
    assert_eq!(recorded(&db, "reporting", &mixed).await, ids(std::slice::from_ref(&third)));
    assert_eq!(recorded(&db, "alerts", &mixed).await, ids(&mixed));
    assert!(recorded(&db, "reporting", &[]).await.is_empty());
}

#[tokio::test]
async fn an_event_whose_effect_rolled_back_is_missing_and_new_again() {
    let folder = tempfile::tempdir().unwrap();
    let db = database(&folder).await;
    let told = [event(1), event(2), event(3)];
    let failed: Result<(), StoreError> = db
        .write(async |tx: Tx| {
            record(&tx, "reporting", &[&told[0]]).await?;
            Err(StoreError::Corrupt("on purpose".into()))
        })
        .await;
    failed.unwrap_err();
    recorded(&db, "reporting", &told[1..2]).await;
    let lacking = missing(&db, &ids(&told)).await.unwrap();
    assert_eq!(lacking, [told[0].id.to_string(), told[2].id.to_string()], "in their order");
    assert_eq!(recorded(&db, "reporting", &told[..1]).await, ids(&told[..1]));
    assert!(missing(&db, &[]).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_wait_ends_with_the_last_of_its_events_or_at_its_limit() {
    let folder = tempfile::tempdir().unwrap();
    let db = database(&folder).await;
    let told = [event(1), event(2)];
    let long = Duration::from_secs(60);
    recorded(&db, "reporting", &told[..1]).await;
    assert!(wait_for(&db, &ids(&told[..1]), Duration::ZERO).await.unwrap());
    let limit = Duration::from_millis(20);
    let started = Instant::now();
    assert!(!wait_for(&db, &ids(&told), limit).await.unwrap(), "one is missing");
    assert!(started.elapsed() >= limit && started.elapsed() < long);
    let (both, waits) = (ids(&told), Instant::now());
    let (there, ()) = tokio::join!(wait_for(&db, &both, long), async {
        recorded(&db, "reporting", &told[1..]).await;
    });
    assert!(there.unwrap() && waits.elapsed() < long);
}
