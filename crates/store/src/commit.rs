//! Group commit: whatever arrived while the last batch committed is applied in one
//! transaction. There is no timer: a lone request is a batch of one and waits for nobody.
//!
//! One request's refusal is an outcome and never fails its neighbours. A batch that fails is
//! retried once, then split in halves until the poisoned request fails alone.

mod settle;

use std::{
    collections::{HashSet, VecDeque},
    fmt,
    sync::{Arc, Mutex, PoisonError, atomic::AtomicU64, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

use tokio::sync::{Notify, oneshot};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{Database, Engine, StoreError, Tx};

/// What a batch does. Several batches may run at once, in this process and in others.
pub trait Batch: Send + Sync + 'static {
    /// A request.
    type Command: Send + Sync + 'static;
    /// Its answer, a domain's refusal included.
    type Outcome: Send + 'static;

    /// How much of a batch a command takes, such as its legs; at least 1 is counted.
    fn weight(&self, command: &Self::Command) -> usize;

    /// What a command will lock, as far as that is known beforehand, such as the ids of its
    /// accounts. Two commands with one of these in common are never in two batches of this
    /// process at once: the later one waits in the queue, where it holds no connection, and
    /// keeps its place among all that share something with it. This saves waiting and guards
    /// nothing: the locks do.
    fn touches(&self, _command: &Self::Command) -> Vec<u128> {
        Vec::new()
    }

    /// Applies the commands in their order and returns one outcome each, in that order. It
    /// may be called again with the same commands or with a half of them, so it must have no
    /// effect outside the transaction. Locks are taken in one order everywhere: keys sorted,
    /// then accounts sorted.
    fn apply(
        &self,
        tx: &Tx,
        commands: &[Self::Command],
    ) -> impl Future<Output = Result<Vec<Self::Outcome>, StoreError>> + Send;
}

/// The bounds of a committer.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The most weight that a batch takes; a heavier command goes alone.
    pub max_weight: usize,
    /// The most commands that wait.
    pub queue: usize,
    /// How long a batch may take until its commit, from before it waits for a connection and
    /// over all the runs that the engine asks for.
    pub time_limit: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_weight: 1_024, queue: 4_096, time_limit: Duration::from_secs(10) }
    }
}

/// Why a command has no outcome.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CommitError {
    /// Its deadline passed while it waited for its batch, for a connection, or for another run
    /// of the batch; it was not applied. (A commit whose answer was lost is `Failed`.)
    #[error("deadline passed before the command was applied")]
    Expired,
    /// Too many commands wait; it was not applied.
    #[error("the queue of the committer is full")]
    QueueFull,
    /// Its batch failed, and so did the command alone.
    #[error(transparent)]
    Failed(#[from] StoreError),
    /// The service is stopping; it was not applied.
    #[error("the committer has stopped")]
    Stopped,
}

/// What the committers have done since their start, for the metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CommitStats {
    /// Commands that wait.
    pub waiting: usize,
    /// Transactions that committed.
    pub batches: u64,
    /// Commands in them.
    pub commands: u64,
    /// Commands dropped because they had expired or their caller had gone.
    pub dropped: u64,
    /// Batches that were run again, for what the engine or a deadline said.
    pub retries: u64,
    /// Batches that were split.
    pub splits: u64,
    /// How long batches took, the wait for a connection and the commit included.
    pub busy: Duration,
}

struct Pending<B: Batch> {
    command: B::Command,
    /// [`Batch::touches`] of it.
    touches: Vec<u128>,
    deadline: Option<Instant>,
    answer: oneshot::Sender<Result<B::Outcome, CommitError>>,
}

struct Queue<B: Batch> {
    waiting: VecDeque<Pending<B>>,
    /// What the batches that run now touch; no two of them the same.
    touched: HashSet<u128>,
    closed: bool,
}

struct Shared<B: Batch> {
    db: Database,
    batch: B,
    limits: Limits,
    queue: Mutex<Queue<B>>,
    arrived: Notify,
    tasks: TaskTracker,
    batches: AtomicU64,
    commands: AtomicU64,
    dropped: AtomicU64,
    retries: AtomicU64,
    splits: AtomicU64,
    busy_micros: AtomicU64,
}

/// Collects commands and commits them in batches. Clones share the queue.
pub struct Committer<B: Batch> {
    shared: Arc<Shared<B>>,
}

impl<B: Batch> Clone for Committer<B> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<B: Batch> fmt::Debug for Committer<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Committer").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

impl<B: Batch> Committer<B> {
    /// Starts `committers` tasks, each with one batch at a time; one on SQLite. At
    /// the shutdown no further command is taken, those that wait are committed, and the tasks
    /// end ([`Committer::drained`]).
    #[must_use]
    pub fn start(
        db: Database,
        batch: B,
        limits: Limits,
        committers: usize,
        shutdown: CancellationToken,
    ) -> Self {
        let shared = Arc::new(Shared {
            db,
            batch,
            limits,
            queue: Mutex::new(Queue {
                waiting: VecDeque::new(),
                touched: HashSet::new(),
                closed: false,
            }),
            arrived: Notify::new(),
            tasks: TaskTracker::new(),
            batches: AtomicU64::new(0),
            commands: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            retries: AtomicU64::new(0),
            splits: AtomicU64::new(0),
            busy_micros: AtomicU64::new(0),
        });
        // SQLite has one writer: a second committer would only wait for it.
        let committers = match shared.db.engine() {
            Engine::Sqlite => 1,
            Engine::Postgres => committers.max(1),
        };
        for _ in 0..committers {
            let (shared_too, shutdown) = (Arc::clone(&shared), shutdown.clone());
            shared.tasks.spawn(async move { shared_too.run(shutdown).await });
        }
        shared.tasks.close();
        Self { shared }
    }

    /// Has a command applied and returns its outcome. A command whose deadline passes, or
    /// whose caller drops this future, before its batch forms is not applied; afterwards its
    /// outcome is the batch's.
    ///
    /// # Errors
    /// See [`CommitError`].
    pub async fn submit(
        &self,
        command: B::Command,
        deadline: Option<Instant>,
    ) -> Result<B::Outcome, CommitError> {
        let mut outcomes = self.submit_many(vec![command], deadline).await?;
        outcomes.pop().unwrap_or(Err(CommitError::Stopped))
    }

    /// Has several commands applied, which may or may not share a batch, and returns their
    /// outcomes in order. Either all of them are queued or none.
    ///
    /// # Errors
    /// `QueueFull` and `Stopped` for all; the rest for each.
    pub async fn submit_many(
        &self,
        commands: Vec<B::Command>,
        deadline: Option<Instant>,
    ) -> Result<Vec<Result<B::Outcome, CommitError>>, CommitError> {
        let answers = self.shared.enqueue(commands, deadline)?;
        self.shared.arrived.notify_one();
        let mut outcomes = Vec::with_capacity(answers.len());
        for answer in answers {
            outcomes.push(answer.await.unwrap_or(Err(CommitError::Stopped)));
        }
        Ok(outcomes)
    }

    /// Waits until the committers have ended after their shutdown.
    pub async fn drained(&self) {
        self.shared.tasks.wait().await;
    }

    /// What the committers have done.
    #[must_use]
    pub fn stats(&self) -> CommitStats {
        CommitStats {
            waiting: self.shared.queue().waiting.len(),
            batches: self.shared.batches.load(Relaxed),
            commands: self.shared.commands.load(Relaxed),
            dropped: self.shared.dropped.load(Relaxed),
            retries: self.shared.retries.load(Relaxed),
            splits: self.shared.splits.load(Relaxed),
            busy: Duration::from_micros(self.shared.busy_micros.load(Relaxed)),
        }
    }
}

impl<B: Batch> Shared<B> {
    fn queue(&self) -> std::sync::MutexGuard<'_, Queue<B>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[expect(clippy::type_complexity, reason = "a receiver a command, named nowhere else")]
    fn enqueue(
        &self,
        commands: Vec<B::Command>,
        deadline: Option<Instant>,
    ) -> Result<Vec<oneshot::Receiver<Result<B::Outcome, CommitError>>>, CommitError> {
        let touches: Vec<_> = commands.iter().map(|one| self.batch.touches(one)).collect();
        let mut queue = self.queue();
        if queue.closed {
            return Err(CommitError::Stopped);
        }
        if queue.waiting.len().saturating_add(commands.len()) > self.limits.queue {
            return Err(CommitError::QueueFull);
        }
        let mut answers = Vec::with_capacity(commands.len());
        for (command, touches) in commands.into_iter().zip(touches) {
            let (answer, receiver) = oneshot::channel();
            queue.waiting.push_back(Pending { command, touches, deadline, answer });
            answers.push(receiver);
        }
        Ok(answers)
    }

    async fn run(&self, shutdown: CancellationToken) {
        loop {
            let stopping = shutdown.is_cancelled();
            if stopping {
                self.queue().closed = true;
            }
            let arrived = self.arrived.notified();
            let (batch, running) = self.next_batch();
            if !batch.is_empty() {
                // What this batch left behind is another committer's meanwhile.
                self.arrived.notify_one();
                self.settle(batch, running).await;
                continue;
            }
            if stopping {
                return;
            }
            tokio::select! {
                () = arrived => {}
                () = shutdown.cancelled() => {}
            }
        }
    }

    /// Takes from the queue what fits into one batch and touches nothing that another batch
    /// does now. What has expired, or whose caller has gone, is dropped here and never later.
    fn next_batch(&self) -> (Vec<Pending<B>>, Running<'_, B>) {
        let now = Instant::now();
        let (mut batch, mut weight) = (Vec::new(), 0_usize);
        let mut passed_over = VecDeque::new();
        let mut running = Running { shared: self, touches: Vec::new() };
        let mut queue = self.queue();
        // What those that were passed over touch is theirs first.
        let mut theirs = HashSet::new();
        while let Some(next) = queue.waiting.pop_front() {
            if next.answer.is_closed() {
                self.dropped.fetch_add(1, Relaxed);
                continue;
            }
            if next.deadline.is_some_and(|deadline| deadline <= now) {
                self.dropped.fetch_add(1, Relaxed);
                // The caller may have gone in the meantime.
                let _ = next.answer.send(Err(CommitError::Expired));
                continue;
            }
            let is_touched = |one| queue.touched.contains(one) || theirs.contains(one);
            if next.touches.iter().any(is_touched) {
                theirs.extend(next.touches.iter().copied());
                passed_over.push_back(next);
                continue;
            }
            weight = weight.saturating_add(self.batch.weight(&next.command).max(1));
            if weight > self.limits.max_weight && !batch.is_empty() {
                passed_over.push_back(next);
                break;
            }
            running.touches.extend(&next.touches);
            batch.push(next);
        }
        passed_over.append(&mut queue.waiting);
        queue.waiting = passed_over;
        queue.touched.extend(&running.touches);
        drop(queue);
        (batch, running)
    }
}

/// A batch that runs. Whoever waits for what it touches is taken when it has ended: its own
/// committer looks at the queue next. It gives up what it touches before its last answers, so
/// that whoever was answered finds nothing of it.
struct Running<'s, B: Batch> {
    shared: &'s Shared<B>,
    touches: Vec<u128>,
}

impl<B: Batch> Drop for Running<'_, B> {
    fn drop(&mut self) {
        let mut queue = self.shared.queue();
        for one in &self.touches {
            queue.touched.remove(one);
        }
    }
}
