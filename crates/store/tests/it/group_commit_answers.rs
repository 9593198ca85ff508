//! Whoever was answered finds nothing of its batch in the way.

use std::{
    pin::pin,
    sync::{Arc, Mutex, mpsc},
    task::{Context, Wake, Waker},
    time::Duration,
};

use florin_store::{
    Engine, StoreError, Tx,
    commit::{Batch, Committer, Limits},
};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::engines::places;

/// What a machine that stands still may need.
const LONG: Duration = Duration::from_secs(60);

/// Touches one thing with every command, and tells of each batch that it applies.
struct OneThing(Arc<Semaphore>);

impl Batch for OneThing {
    type Command = ();
    type Outcome = ();

    fn weight(&self, (): &()) -> usize {
        1
    }

    fn touches(&self, (): &()) -> Vec<u128> {
        vec![1]
    }

    async fn apply(&self, _: &Tx, commands: &[()]) -> Result<Vec<()>, StoreError> {
        self.0.add_permits(1);
        Ok(commands.to_vec())
    }
}

/// Holds the thread that answers until it is told to go on.
struct Holding(Mutex<mpsc::Receiver<()>>, Arc<Semaphore>);

impl Wake for Holding {
    fn wake(self: Arc<Self>) {
        self.1.add_permits(1);
        // Ended by the test's end too, however it ends.
        let _ = self.0.lock().unwrap().recv_timeout(2 * LONG);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_a_batch_touches_is_free_when_its_answer_arrives() {
    for place in places() {
        let db = place.open().await;
        if db.engine() == Engine::Sqlite {
            continue; // One writer: there is no other batch.
        }
        let (applied, answered) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        let limits = Limits { time_limit: LONG, ..Limits::default() };
        let shutdown = CancellationToken::new();
        let batch = OneThing(Arc::clone(&applied));
        let committer = Committer::start(db, batch, limits, 2, shutdown.clone());
        let next = async |signal: &Semaphore| {
            tokio::time::timeout(LONG, signal.acquire()).await.unwrap().unwrap().forget();
        };

        let (go_on, told) = mpsc::sync_channel(1);
        let holding = Waker::from(Arc::new(Holding(Mutex::new(told), Arc::clone(&answered))));
        let mut first = pin!(committer.submit((), None));
        assert!(first.as_mut().poll(&mut Context::from_waker(&holding)).is_pending());
        next(&applied).await;
        next(&answered).await;
        // The first committer stands in its answer. The other one is free, and so is the thing.
        let second = tokio::spawn({
            let committer = committer.clone();
            async move { committer.submit((), None).await }
        });
        next(&applied).await;
        go_on.send(()).unwrap();
        first.await.unwrap();
        second.await.unwrap().unwrap();
        shutdown.cancel();
        committer.drained().await;
    }
}
