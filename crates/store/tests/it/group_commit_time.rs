//! Nothing is applied after its deadline, and one limit holds for all runs of a batch.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use florin_store::{
    Database, StoreError, Tx,
    commit::{Batch, CommitError, Committer, Limits},
};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::engines::places;

/// Asks to be run again as often as it is run, each time after a while.
struct Restless {
    takes: Duration,
    runs: Arc<AtomicUsize>,
}

impl Restless {
    /// Submits one command to such a batch; returns its outcome and how often it was run.
    async fn submit(
        db: Database,
        limits: Limits,
        deadline: Option<Instant>,
    ) -> (Result<(), CommitError>, usize) {
        let runs = Arc::new(AtomicUsize::new(0));
        let batch = Self { takes: Duration::from_millis(300), runs: Arc::clone(&runs) };
        let committer = Committer::start(db, batch, limits, 1, CancellationToken::new());
        let outcome = committer.submit("one".into(), deadline).await;
        (outcome, runs.load(Ordering::SeqCst))
    }
}

impl Batch for Restless {
    type Command = String;
    type Outcome = ();

    fn weight(&self, _: &String) -> usize {
        1
    }

    async fn apply(&self, _: &Tx, _: &[String]) -> Result<Vec<()>, StoreError> {
        self.runs.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(self.takes).await;
        Err(StoreError::Serialization("on purpose".into()))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_the_engine_asks_for_does_not_begin_after_the_deadline() {
    for place in places() {
        let db = place.open().await;
        let deadline = Instant::now() + Duration::from_millis(200);
        let (outcome, runs) = Restless::submit(db, Limits::default(), Some(deadline)).await;
        assert!(matches!(outcome, Err(CommitError::Expired)), "{outcome:?}");
        // None, where the machine stalled until the deadline.
        assert!(runs <= 1, "{runs} runs");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_time_limit_holds_for_all_runs_of_a_batch() {
    for place in places() {
        let db = place.open().await;
        let limits = Limits { time_limit: Duration::from_millis(500), ..Limits::default() };
        // On a machine that stalls the first run may end past the limit, and no other begins.
        let mut outcome = Err(CommitError::Stopped);
        for _ in 0..20 {
            let runs;
            (outcome, runs) = Restless::submit(db.clone(), limits, None).await;
            // Two attempts of two runs each.
            assert!(runs <= 4, "{runs} runs");
            if !matches!(outcome, Err(CommitError::Failed(StoreError::Serialization(_)))) {
                break;
            }
        }
        // The second run is ended, not asked for again.
        let ended = matches!(outcome, Err(CommitError::Failed(StoreError::Timeout(_))));
        assert!(ended, "{outcome:?}");
    }
}

/// Loses its connection, perhaps with the answer to a commit, and then takes its time.
struct Cut(Arc<AtomicUsize>);

impl Batch for Cut {
    type Command = String;
    type Outcome = ();

    fn weight(&self, _: &String) -> usize {
        1
    }

    async fn apply(&self, _: &Tx, _: &[String]) -> Result<Vec<()>, StoreError> {
        if self.0.fetch_add(1, Ordering::SeqCst) == 0 {
            return Err(StoreError::Unavailable("cut on purpose".into()));
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        Err(StoreError::Serialization("on purpose".into()))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whose_commit_may_have_been_lost_never_hears_that_nothing_was_applied() {
    for place in places() {
        let db = place.open().await;
        let mut ran = false;
        for _ in 0..20 {
            let runs = Arc::new(AtomicUsize::new(0));
            let (batch, limits) = (Cut(Arc::clone(&runs)), Limits::default());
            let committer =
                Committer::start(db.clone(), batch, limits, 1, CancellationToken::new());
            let deadline = Instant::now() + Duration::from_millis(500);
            let outcome = committer.submit("one".into(), Some(deadline)).await;
            // The machine may stall until the deadline: then nothing was run.
            if runs.load(Ordering::SeqCst) > 0 {
                let told = matches!(outcome, Err(CommitError::Failed(StoreError::Unavailable(_))));
                assert!(told, "{outcome:?}");
                ran = true;
                break;
            }
        }
        assert!(ran);
    }
}

/// Notes what it applies.
#[derive(Clone, Default)]
struct Noted(Arc<Mutex<Vec<String>>>);

impl Batch for Noted {
    type Command = String;
    type Outcome = ();

    fn weight(&self, _: &String) -> usize {
        1
    }

    async fn apply(&self, _: &Tx, commands: &[String]) -> Result<Vec<()>, StoreError> {
        self.0.lock().unwrap().extend_from_slice(commands);
        Ok(vec![(); commands.len()])
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_waited_for_its_connection_past_its_deadline_is_not_applied() {
    for place in places() {
        let db = place.open().await;
        let writers = db.pools()[0].max;
        // Somebody else has every connection that writes.
        let (held, release) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        let holders: Vec<_> = (0..writers)
            .map(|_| {
                let (db, held, release) = (db.clone(), Arc::clone(&held), Arc::clone(&release));
                tokio::spawn(async move {
                    db.write(async |_: Tx| {
                        held.add_permits(1);
                        release.acquire().await.unwrap().forget();
                        Ok::<_, StoreError>(())
                    })
                    .await
                })
            })
            .collect();
        held.acquire_many(writers).await.unwrap().forget();
        let noted = Noted::default();
        let limits = Limits::default();
        let committer = Committer::start(db, noted.clone(), limits, 1, CancellationToken::new());
        let submit = |command: &str, deadline| {
            let (committer, command) = (committer.clone(), command.to_owned());
            tokio::spawn(async move { committer.submit(command, deadline).await })
        };
        let deadline = Instant::now() + Duration::from_secs(1);
        let late = submit("late", Some(deadline));
        let patient = submit("patient", None);
        // In time for the batch, and waiting for its connection when the deadline passes.
        tokio::time::sleep_until((deadline + Duration::from_millis(50)).into()).await;
        release.add_permits(100);
        for holder in holders {
            holder.await.unwrap().unwrap();
        }
        assert!(matches!(late.await.unwrap(), Err(CommitError::Expired)));
        patient.await.unwrap().unwrap();
        assert_eq!(*noted.0.lock().unwrap(), ["patient"], "its neighbour is served without it");
    }
}
