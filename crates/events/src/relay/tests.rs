//! How many events go for one wake. Counted in looks at the outbox: no clock is asked.

use florin_kernel::EventId;
use florin_store::{DatabaseOptions, Migrations, Tx};
use tokio::task::JoinHandle;

use super::*;
use crate::event::{Cause, NewEvent};

const ROLE: &str = "account";

struct World {
    pump: Pump,
    outbox: Outbox,
    db: Database,
    /// What the reader was handed, a list each time.
    reader: JoinHandle<Vec<Vec<EventId>>>,
    shutdown: CancellationToken,
    _folder: tempfile::TempDir,
}

/// An outbox, its relay, which is looked at step by step, and a reader that takes everything.
async fn world() -> World {
    let folder = tempfile::tempdir().unwrap();
    let options = DatabaseOptions {
        synchronous_off: true,
        ..DatabaseOptions::sqlite(&folder.path().join("source.db"))
    };
    let db = Database::connect(&options, Migrations::none()).await.unwrap();
    let (bus, outbox, shutdown) = (Bus::embedded(), Outbox::new(ROLE), CancellationToken::new());
    let Bus::Embedded(embedded) = &bus else { unreachable!() };
    let (mut deliveries, line) = embedded.subscribe("reporting", ROLE);
    let ended = shutdown.clone();
    let reader = tokio::spawn(async move {
        let mut handed = Vec::new();
        while let Some(Some(delivery)) = ended.run_until_cancelled(deliveries.recv()).await {
            handed.push(delivery.events.iter().map(|event| event.id).collect());
            delivery.applied.send(()).unwrap();
        }
        drop(line);
        handed
    });
    let (age, published) = bus.metrics().outbox(ROLE);
    let pump = Pump {
        db: db.clone(),
        outbox: outbox.clone(),
        partitions: Partitions::new(&db, &bus),
        bus,
        acknowledged: Acknowledged::default(),
        age,
        published,
        shutdown: shutdown.clone(),
    };
    World { pump, outbox, db, reader, shutdown, _folder: folder }
}

fn event(number: usize) -> NewEvent {
    NewEvent {
        kind: "thing_changed",
        aggregate: format!("acc_{}", number % 7),
        version: i64::try_from(number).unwrap(),
        payload: vec![1],
        cause: Cause { correlation: "req_1".into(), causation: "trf_1".into(), traceparent: None },
        historical: false,
    }
}

impl World {
    async fn append(&self, numbers: std::ops::Range<usize>) -> Vec<EventId> {
        let events: Vec<NewEvent> = numbers.map(event).collect();
        let append = async |tx: Tx| self.outbox.append(&tx, events.clone()).await;
        self.db.write(append).await.unwrap()
    }

    /// Looks until nothing is left; how often it found something.
    async fn drain(&mut self) -> usize {
        let mut looks = 0;
        loop {
            let before = self.pump.published.load(Ordering::Relaxed);
            match self.pump.step().await.unwrap() {
                Step::More => looks += 1,
                Step::Idle => {
                    return looks
                        + usize::from(self.pump.published.load(Ordering::Relaxed) > before);
                }
                Step::HeldBack | Step::Away => panic!("the reader takes everything"),
            }
        }
    }
}

/// dapr/dapr #8233: one message a second went through the outbox, for each wake of its poller
/// sent one. Here one wake sends all that waits, as many at once as a batch has.
#[tokio::test]
async fn one_wake_sends_all_that_waits_and_not_one_event() {
    let mut world = world().await;
    let full = 2 * BATCH + 100;
    let mut ids = world.append(0..full).await;
    // One commit, one wake.
    world.outbox.woken().await;
    assert_eq!(world.drain().await, 3, "two full batches and the rest");
    // Forty commits of one event each, while the relay looked elsewhere: one look.
    for at in 0..40 {
        ids.extend(world.append(full + at..full + at + 1).await);
    }
    assert_eq!(world.drain().await, 1);
    assert_eq!(world.drain().await, 0, "nothing is sent twice");
    world.shutdown.cancel();
    let handed = world.reader.await.unwrap();
    assert_eq!(handed.iter().map(Vec::len).collect::<Vec<_>>(), [BATCH, BATCH, 100, 40]);
    assert_eq!(handed.concat(), ids, "in their order");
}
