//! The database of one service: a writer and a pool of readers.

mod health;
mod postgres;
mod sqlite;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use florin_kernel::UnixMicros;
use sea_orm::{
    AccessMode, ConnectionTrait, DatabaseConnection, DatabaseTransaction, IsolationLevel,
    SqliteTransactionMode, TransactionOptions, TransactionTrait,
};

use crate::{DatabaseOptions, Engine, Migrations, Retryable, StoreError, Tx, clock};

/// How often a transaction is run before its serialization failure is returned.
const MAX_ATTEMPTS: u32 = 6;
/// The longest wait before the second attempt; it doubles with each further one.
const FIRST_BACKOFF: Duration = Duration::from_millis(4);
/// How long one statement of a snapshot may run: proofs read whole tables.
const SNAPSHOT_STATEMENT_TIMEOUT_MS: u32 = 600_000;
/// How long PostgreSQL may be silent about the begin and the end of a transaction. Then it
/// counts as away and its connection is given up; the outcome of a commit is unknown.
const SERVER_SILENCE: Duration = Duration::from_secs(10);
/// How long a transaction waits for a connection while the database is known to be away.
const WAIT_WHILE_AWAY: Duration = Duration::from_secs(1);

/// The database of one service. Clones share the pools.
#[derive(Debug, Clone)]
pub struct Database {
    inner: Arc<Pools>,
}

#[derive(Debug)]
struct Pools {
    engine: Engine,
    writer: DatabaseConnection,
    reader: DatabaseConnection,
    max_writers: u32,
    max_readers: u32,
    options: DatabaseOptions,
    /// Why the last check could not reach the server.
    away: Mutex<Option<StoreError>>,
}

impl Pools {
    fn away(&self) -> Option<StoreError> {
        self.away.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_away(&self, cause: Option<StoreError>) {
        *self.away.lock().unwrap_or_else(PoisonError::into_inner) = cause;
    }

    /// A transaction of the writers. While the server is known to be away the wait is short
    /// and ends with the true cause: the pool only says that it waited.
    async fn begin(&self, options: TransactionOptions) -> Result<DatabaseTransaction, StoreError> {
        let begun = self.writer.begin_with_options(options);
        let Some(cause) = self.away() else {
            let longest = self.options.acquire_timeout + SERVER_SILENCE;
            return answered("BEGIN", longest, begun).await;
        };
        match tokio::time::timeout(WAIT_WHILE_AWAY, begun).await {
            Ok(Ok(begun)) => Ok(begun),
            Ok(Err(_)) | Err(_) => Err(cause),
        }
    }
}

/// How full a pool is, for the metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolState {
    /// `write` or `read`.
    pub name: &'static str,
    /// Open connections.
    pub open: u32,
    /// Open connections that nobody uses.
    pub idle: u32,
    /// The most connections that may be open.
    pub max: u32,
}

impl Database {
    /// Opens the database, creates the file or schema if absent and runs the migrations, the
    /// shared tables' first. Several replicas may start at once.
    ///
    /// # Errors
    /// `Unavailable` where it cannot be reached, `Migration` where it is of another version.
    pub async fn connect(
        options: &DatabaseOptions,
        migrations: Migrations,
    ) -> Result<Self, StoreError> {
        let engine = options.engine()?;
        let (writer, max_writers) = match engine {
            Engine::Sqlite => (sqlite::open_writer(options).await?, 1),
            Engine::Postgres => {
                postgres::create_schema(options).await?;
                (postgres::open_writers(options).await?, options.max_connections.max(1))
            }
        };
        migrations.run(engine, &writer).await?;
        let reader = match engine {
            Engine::Sqlite => sqlite::open_readers(options)?,
            Engine::Postgres => postgres::open_readers(options)?,
        };
        let max_readers = options.max_read_connections.max(1);
        let options = options.clone();
        let away = Mutex::default();
        let pools = Pools { engine, writer, reader, max_writers, max_readers, options, away };
        Ok(Self { inner: Arc::new(pools) })
    }

    /// The engine underneath.
    #[must_use]
    pub fn engine(&self) -> Engine {
        self.inner.engine
    }

    /// The readers. A write through them fails on SQLite; on PostgreSQL their sessions are
    /// read-only.
    #[must_use]
    pub fn read(&self) -> &DatabaseConnection {
        &self.inner.reader
    }

    /// The database's clock at this moment; on SQLite that of this process.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn now(&self) -> Result<UnixMicros, StoreError> {
        clock::database_now(self.read()).await
    }

    /// One consistent state of the whole database for several reads: REPEATABLE READ, read
    /// only, on PostgreSQL; a deferred transaction on a reader of SQLite. The state is that of
    /// the moment of this call.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn snapshot(&self) -> Result<DatabaseTransaction, StoreError> {
        let options = match self.inner.engine {
            Engine::Sqlite => TransactionOptions {
                sqlite_transaction_mode: Some(SqliteTransactionMode::Deferred),
                ..TransactionOptions::default()
            },
            Engine::Postgres => TransactionOptions {
                isolation_level: Some(IsolationLevel::RepeatableRead),
                access_mode: Some(AccessMode::ReadOnly),
                ..TransactionOptions::default()
            },
        };
        let tx = self.inner.reader.begin_with_options(options).await?;
        // Both engines fix the snapshot at the first statement that reads.
        let first = match self.inner.engine {
            Engine::Sqlite => "SELECT 1 FROM leases LIMIT 1".to_owned(),
            Engine::Postgres => format!(
                "SELECT set_config('statement_timeout', '{SNAPSHOT_STATEMENT_TIMEOUT_MS}', true)"
            ),
        };
        tx.execute_unprepared(&first).await?;
        Ok(tx)
    }

    /// Runs `work` in a write transaction and commits: BEGIN IMMEDIATE on SQLite, READ
    /// COMMITTED on PostgreSQL. An `Err` rolls back. Where the engine asks to run the
    /// transaction again (serialization failure, deadlock), the closure is called again, at
    /// most five more times, so it must have no effect outside the transaction.
    ///
    /// ```text
    /// db.write(async |tx: Tx| {
    ///     rows::insert_many(&tx, "holders", COLUMNS, holders.clone()).await?;
    ///     outbox.append(&tx, events.clone()).await
    /// })
    /// ```
    ///
    /// No RPC, no publish and no read through [`Database::read`] inside.
    ///
    /// # Errors
    /// What `work` returns, and those of the database.
    pub async fn write<T, E, F, Fut>(&self, work: F) -> Result<T, E>
    where
        F: FnMut(Tx) -> Fut + Send,
        Fut: Future<Output = Result<T, E>> + Send,
        T: Send,
        E: From<StoreError> + Retryable + Send,
    {
        self.write_again_until(None, work).await
    }

    /// As [`Database::write`], but no run begins once `ends` has passed: what the engine asked
    /// to run again is returned then. A run under way is not ended here; its work asks the
    /// clock itself, after BEGIN, because the wait for a connection is part of it.
    pub(crate) async fn write_again_until<T, E, F, Fut>(
        &self,
        ends: Option<Instant>,
        mut work: F,
    ) -> Result<T, E>
    where
        F: FnMut(Tx) -> Fut + Send,
        Fut: Future<Output = Result<T, E>> + Send,
        T: Send,
        E: From<StoreError> + Retryable + Send,
    {
        let mut attempt = 1;
        let over = || ends.is_some_and(|ends| ends <= Instant::now());
        loop {
            match self.write_once(&mut work).await {
                Err(error) if error.is_retryable() && attempt < MAX_ATTEMPTS && !over() => {
                    tracing::debug!(attempt, "transaction is run again");
                    tokio::time::sleep(backoff(attempt)).await;
                    attempt += 1;
                }
                outcome => return outcome,
            }
        }
    }

    async fn write_once<T, E, F, Fut>(&self, work: &mut F) -> Result<T, E>
    where
        F: FnMut(Tx) -> Fut + Send,
        Fut: Future<Output = Result<T, E>> + Send,
        T: Send,
        E: From<StoreError> + Send,
    {
        let options = TransactionOptions {
            sqlite_transaction_mode: (self.inner.engine == Engine::Sqlite)
                .then_some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let inner = self.inner.begin(options).await?;
        let tx = Tx::new(inner, self.inner.engine);
        match work(tx.lend()).await {
            Ok(done) => {
                let hooks = match self.inner.engine {
                    // The disk of this machine: what it does is known in the end.
                    Engine::Sqlite => tx.commit().await?,
                    Engine::Postgres => answered("COMMIT", SERVER_SILENCE, tx.commit()).await?,
                };
                for hook in hooks {
                    hook();
                }
                Ok(done)
            }
            Err(error) => {
                // The error of the work says more than that of a rollback on a lost
                // connection, whose transaction the server ends by itself.
                if let Err(lost) = answered("ROLLBACK", SERVER_SILENCE, tx.rollback()).await {
                    tracing::debug!(error = %lost, "rollback failed");
                }
                Err(error)
            }
        }
    }

    /// How full the pools are.
    #[must_use]
    pub fn pools(&self) -> [PoolState; 2] {
        let state = |name, connection: &DatabaseConnection, max| {
            let (open, idle) = match self.inner.engine {
                Engine::Sqlite => {
                    let pool = connection.get_sqlite_connection_pool();
                    (pool.size(), pool.num_idle())
                }
                Engine::Postgres => {
                    let pool = connection.get_postgres_connection_pool();
                    (pool.size(), pool.num_idle())
                }
            };
            PoolState { name, open, idle: u32::try_from(idle).unwrap_or(u32::MAX), max }
        };
        [
            state("write", &self.inner.writer, self.inner.max_writers),
            state("read", &self.inner.reader, self.inner.max_readers),
        ]
    }

    /// Says whether the database answers.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.inner.reader.execute_unprepared("SELECT 1").await?;
        Ok(())
    }

    /// Closes both pools after their users have given the connections back. SQLite folds its
    /// log into the file.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn close(&self) -> Result<(), StoreError> {
        self.inner.reader.close_by_ref().await?;
        self.inner.writer.close_by_ref().await?;
        Ok(())
    }
}

/// A step of a transaction that a server may leave without an answer: its host is gone, and no
/// network says so.
async fn answered<T, E: Into<StoreError>>(
    step: &str,
    at_most: Duration,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, StoreError> {
    match tokio::time::timeout(at_most, work).await {
        Ok(answer) => answer.map_err(Into::into),
        Err(_) => Err(StoreError::Unavailable(format!("no answer to {step}"))),
    }
}

/// A random wait, so that two transactions that met do not meet again.
fn backoff(attempt: u32) -> Duration {
    let longest = FIRST_BACKOFF.saturating_mul(1 << attempt.min(8));
    let mut random = [0];
    // Without randomness the wait is still bounded, and retries are few.
    let _ = aws_lc_rs::rand::fill(&mut random);
    longest.saturating_mul(u32::from(random[0])) / 256
}
