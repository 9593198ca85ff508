use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use florin_store::{
    Database, Engine, StoreError, Tx,
    commit::{Batch, CommitError, Committer, Limits},
    row,
    rows::{self, Column, Keyed},
};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::engines::{number, places};

/// Inserts things. What a command begins with decides what becomes of it.
struct Inserts {
    /// Each batch takes a permit before it begins.
    gate: Arc<Semaphore>,
    /// And leaves one here when it has come to the gate.
    at_gate: Arc<Semaphore>,
}

impl Batch for Inserts {
    type Command = String;
    type Outcome = Result<usize, String>;

    fn weight(&self, command: &String) -> usize {
        if command.starts_with("heavy") { 10 } else { 1 }
    }

    /// "name@ab" touches a and b.
    fn touches(&self, command: &String) -> Vec<u128> {
        let touched = command.split_once('@').map_or("", |(_, touched)| touched);
        touched.chars().map(|one| u128::from(u32::from(one))).collect()
    }

    async fn apply(&self, tx: &Tx, commands: &[String]) -> Result<Vec<Self::Outcome>, StoreError> {
        self.at_gate.add_permits(1);
        self.gate.acquire().await.unwrap().forget();
        let mut rows = Vec::new();
        for command in commands {
            if command.starts_with("panic") {
                panic!("on purpose");
            }
            if command.starts_with("slow") {
                tokio::time::sleep(Duration::from_secs(60)).await;
            }
            if command.starts_with("away") {
                return Err(StoreError::Unavailable("on purpose".into()));
            }
            if !command.starts_with("refused") {
                let number = if command.starts_with("poison") { i64::MAX } else { 1 };
                rows.push(row! {"id": command.as_str(), "number": number});
            }
        }
        let columns = [("id", Column::Text), ("number", Column::Int)];
        rows::insert_many(tx, "things", &columns, rows).await?;
        Ok(commands
            .iter()
            .map(|command| {
                if command.starts_with("refused") {
                    Err(command.clone())
                } else {
                    Ok(commands.len())
                }
            })
            .collect())
    }
}

struct Trial {
    db: Database,
    gate: Arc<Semaphore>,
    at_gate: Arc<Semaphore>,
    committer: Committer<Inserts>,
    shutdown: CancellationToken,
}

impl Trial {
    fn new(db: &Database, permits: usize, limits: Limits) -> Self {
        Self::of(db, permits, limits, 1)
    }

    fn of(db: &Database, permits: usize, limits: Limits, committers: usize) -> Self {
        let (gate, shutdown) = (Arc::new(Semaphore::new(permits)), CancellationToken::new());
        let at_gate = Arc::new(Semaphore::new(0));
        let batch = Inserts { gate: Arc::clone(&gate), at_gate: Arc::clone(&at_gate) };
        let committer = Committer::start(db.clone(), batch, limits, committers, shutdown.clone());
        Self { db: db.clone(), gate, at_gate, committer, shutdown }
    }

    /// Occupies the committer with a batch of one, which waits at the gate.
    async fn occupied(db: &Database, limits: Limits) -> (Self, Submitted) {
        // What waits at the gate is not ended by the clock.
        let limits = Limits { time_limit: STANDING, ..limits };
        let trial = Self::new(db, 0, limits);
        let first = trial.submit("first", None);
        trial.at_gate.acquire().await.unwrap().forget();
        (trial, first)
    }

    fn submit(&self, command: &str, deadline: Option<Instant>) -> Submitted {
        let (committer, command) = (self.committer.clone(), command.to_owned());
        tokio::spawn(async move { committer.submit(command, deadline).await })
    }

    async fn wait_for_queue(&self, len: usize) {
        while self.committer.stats().waiting != len {
            tokio::task::yield_now().await;
        }
    }

    async fn count(&self) -> i64 {
        number(&self.db, "SELECT count(*) FROM things").await
    }
}

type Submitted = tokio::task::JoinHandle<Result<Result<usize, String>, CommitError>>;

const MANY: usize = 1_000;
/// The limit of a batch that stands at the gate.
const STANDING: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread")]
async fn what_arrived_during_a_commit_shares_the_next_and_a_refusal_fails_no_neighbour() {
    for place in places() {
        let db = place.open().await;
        let (trial, first) = Trial::occupied(&db, Limits::default()).await;
        let others: Vec<_> = (0..50)
            .map(|n| {
                let kind = if n % 10 == 0 { "refused" } else { "thing" };
                trial.submit(&format!("{kind} {n}"), None)
            })
            .collect();
        trial.wait_for_queue(50).await;
        trial.gate.add_permits(MANY);
        assert_eq!(first.await.unwrap().unwrap(), Ok(1));
        for (n, other) in others.into_iter().enumerate() {
            let outcome = other.await.unwrap().unwrap();
            let expected = if n % 10 == 0 { Err(format!("refused {n}")) } else { Ok(50) };
            assert_eq!(outcome, expected);
        }
        let stats = trial.committer.stats();
        assert_eq!((stats.batches, stats.commands, stats.splits), (2, 51, 0));
        assert_eq!(trial.count().await, 46);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poisoned_request_fails_alone() {
    for poison in ["poison", "panic"] {
        for place in places() {
            let db = place.open().await;
            let (trial, first) = Trial::occupied(&db, Limits::default()).await;
            let submitted: Vec<_> = (0..16)
                .map(|n| {
                    let kind = if n == 5 { poison } else { "thing" };
                    trial.submit(&format!("{kind} {n}"), None)
                })
                .collect();
            trial.wait_for_queue(16).await;
            trial.gate.add_permits(MANY);
            first.await.unwrap().unwrap().unwrap();
            for (n, one) in submitted.into_iter().enumerate() {
                let outcome = one.await.unwrap();
                if n == 5 {
                    let Err(CommitError::Failed(error)) = outcome else { panic!("{outcome:?}") };
                    let expected = match poison {
                        "poison" => matches!(error, StoreError::Conflict { .. }),
                        _ => matches!(error, StoreError::Corrupt(_)),
                    };
                    assert!(expected, "{error:?}");
                } else {
                    outcome.unwrap().unwrap();
                }
            }
            assert_eq!(trial.committer.stats().splits, 4, "halves of 16, 8, 4 and 2");
            assert_eq!(trial.count().await, 16);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_fails_the_batch_without_splitting_it() {
    for place in places() {
        let db = place.open().await;
        let trial = Trial::new(&db, MANY, Limits::default());
        let commands = ["a", "away", "b"].map(str::to_owned).to_vec();
        let outcomes = trial.committer.submit_many(commands, None).await.unwrap();
        for outcome in outcomes {
            assert!(matches!(outcome, Err(CommitError::Failed(StoreError::Unavailable(_)))));
        }
        assert_eq!((trial.committer.stats().splits, trial.count().await), (0, 0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_takes_too_long_is_rolled_back_and_only_the_slow_request_fails() {
    for place in places() {
        let db = place.open().await;
        // On a machine that stalls the quick one is too slow as well: the limit is raised.
        let mut limit = Duration::from_millis(100);
        let outcomes = loop {
            let limits = Limits { time_limit: limit, ..Limits::default() };
            let trial = Trial::new(&db, MANY, limits);
            let commands = ["a", "slow"].map(str::to_owned).to_vec();
            let outcomes = trial.committer.submit_many(commands, None).await.unwrap();
            if outcomes[0].is_ok() || limit > Duration::from_secs(5) {
                break outcomes;
            }
            limit *= 4;
        };
        assert_eq!(outcomes[0].as_ref().unwrap(), &Ok(1));
        assert!(matches!(outcomes[1], Err(CommitError::Failed(StoreError::Timeout(_)))));
        assert_eq!(number(&db, "SELECT count(*) FROM things").await, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn expired_and_abandoned_requests_are_dropped_before_the_batch_forms() {
    for place in places() {
        let db = place.open().await;
        let (trial, first) = Trial::occupied(&db, Limits::default()).await;
        let expired = trial.submit("expired", Some(Instant::now()));
        let abandoned = trial.submit("abandoned", None);
        let in_time = trial.submit("in time", Some(Instant::now() + Duration::from_secs(60)));
        trial.wait_for_queue(3).await;
        abandoned.abort();
        assert!(abandoned.await.unwrap_err().is_cancelled());
        trial.gate.add_permits(MANY);
        first.await.unwrap().unwrap().unwrap();
        assert!(matches!(expired.await.unwrap(), Err(CommitError::Expired)));
        assert_eq!(in_time.await.unwrap().unwrap(), Ok(1));
        assert_eq!(trial.committer.stats().dropped, 2);
        assert_eq!(trial.count().await, 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_queue_and_the_weight_of_a_batch_are_bounded() {
    for place in places() {
        let db = place.open().await;
        let limits = Limits { max_weight: 3, queue: 5, ..Limits::default() };
        let (trial, first) = Trial::occupied(&db, limits).await;
        let all: Vec<_> = ["a", "b", "heavy", "c", "d"]
            .into_iter()
            .enumerate()
            .map(|(at, command)| (at, trial.submit(command, None)))
            .collect();
        trial.wait_for_queue(5).await;
        let full = trial.committer.submit("one more".into(), None).await;
        assert!(matches!(full, Err(CommitError::QueueFull)), "{full:?}");
        trial.gate.add_permits(MANY);
        first.await.unwrap().unwrap().unwrap();
        for (_, one) in all {
            // The heavy one went alone, the others by at most three.
            assert!(one.await.unwrap().unwrap().unwrap() <= 3);
        }
        assert!(trial.committer.stats().batches >= 3);
        assert_eq!(trial.count().await, 6);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_commits_what_waits_and_takes_nothing_more() {
    for place in places() {
        let db = place.open().await;
        let (trial, first) = Trial::occupied(&db, Limits::default()).await;
        let waiting = trial.submit("waiting", None);
        trial.wait_for_queue(1).await;
        trial.shutdown.cancel();
        trial.gate.add_permits(MANY);
        first.await.unwrap().unwrap().unwrap();
        waiting.await.unwrap().unwrap().unwrap();
        trial.committer.drained().await;
        let late = trial.committer.submit("late".into(), None).await;
        assert!(matches!(late, Err(CommitError::Stopped)), "{late:?}");
        assert_eq!(trial.count().await, 2);
    }
}

/// Claims keys as services do: sorted, with one statement.
struct Claims;

impl Batch for Claims {
    type Command = String;
    type Outcome = bool;

    fn weight(&self, _command: &String) -> usize {
        1
    }

    async fn apply(&self, tx: &Tx, commands: &[String]) -> Result<Vec<bool>, StoreError> {
        let mut keys = commands.to_vec();
        keys.sort();
        keys.dedup();
        let rows = keys.iter().map(|key| row! {"id": key.as_str()}).collect();
        let columns = [("id", Column::Text)];
        let mut new = rows::insert_new(tx, "things", &columns, &["id"], rows, "id").await?;
        let things = Keyed { table: "things", id_column: "id", columns: "id" };
        rows::lock_by_id(tx, things, &keys).await?;
        let claim = |key: &String| {
            let at = new.iter().position(|one| one == key);
            at.map(|at| new.swap_remove(at)).is_some()
        };
        Ok(commands.iter().map(claim).collect())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_committers_with_crossing_keys_do_not_deadlock() {
    for place in places() {
        let db = place.open().await;
        let shutdown = CancellationToken::new();
        let limits = Limits::default();
        let committer = Committer::start(db.clone(), Claims, limits, 2, shutdown.clone());
        let (mut tasks, mut claimed) = (Vec::new(), 0);
        for task in 0..8_usize {
            let committer = committer.clone();
            tasks.push(tokio::spawn(async move {
                let mut claimed = 0;
                for round in 0..20_usize {
                    // Half of the tasks come from the other end.
                    let keys = (0..20).map(|n| if task % 2 == 0 { n } else { 19 - n });
                    let keys = keys.map(|n| format!("{round:02}/{n:02}")).collect();
                    for outcome in committer.submit_many(keys, None).await.unwrap() {
                        claimed += usize::from(outcome.unwrap());
                    }
                }
                claimed
            }));
        }
        for task in tasks {
            claimed += task.await.unwrap();
        }
        assert_eq!(claimed, 400, "each key once");
        assert_eq!(committer.stats().splits, 0);
        shutdown.cancel();
        committer.drained().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_batch_touches_waits_in_its_order_and_the_rest_goes_on() {
    for place in places() {
        let db = place.open().await;
        if db.engine() == Engine::Sqlite {
            continue; // One writer: there is no other batch.
        }
        let limits = Limits { time_limit: STANDING, ..Limits::default() };
        let trial = Trial::of(&db, 0, limits, 3);
        let mut submitted = Vec::new();
        let mut at_gate = async |command: &str, waiting: usize| {
            submitted.push(trial.submit(command, None));
            trial.at_gate.acquire().await.unwrap().forget();
            assert_eq!(trial.committer.stats().waiting, waiting, "{command}");
        };
        at_gate("first@a", 0).await;
        // The second touches what the first does. The third touches nothing of the first, but
        // what the second will: it stays behind it.
        let behind = [trial.submit("second@ab", None)];
        trial.wait_for_queue(1).await;
        let behind = behind.into_iter().chain([trial.submit("third@b", None)]).collect::<Vec<_>>();
        trial.wait_for_queue(2).await;
        // Two committers are left: what touches other things is taken, and so is what touches
        // nothing that is known.
        at_gate("fourth@c", 2).await;
        at_gate("fifth", 2).await;
        trial.gate.add_permits(MANY);
        for outcome in submitted.into_iter().chain(behind) {
            outcome.await.unwrap().unwrap().unwrap();
        }
        assert_eq!(trial.count().await, 5);
        // Nothing is left behind of what ran: all of it is free again.
        let last = trial.submit("last@abc", None);
        trial.gate.add_permits(1);
        assert_eq!(last.await.unwrap().unwrap(), Ok(1));
        trial.shutdown.cancel();
        trial.committer.drained().await;
    }
}
