//! A write transaction.

use std::{
    fmt,
    ops::Deref,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use florin_kernel::UnixMicros;
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, ExecResult, QueryResult, Statement,
    TransactionTrait, prelude::async_trait,
};

use crate::{Engine, StoreError, clock};

type Hook = Box<dyn FnOnce() + Send>;

/// A write transaction of [`crate::Database::write`]. It is sea-orm's transaction with the
/// database's clock and hooks that run once the commit is certain.
///
/// The closure gets it by value and lends it on as `&tx`: a closure over a borrowed
/// transaction has futures that the compiler cannot prove `Send`.
pub struct Tx {
    shared: Arc<Shared>,
}

struct Shared {
    inner: DatabaseTransaction,
    engine: Engine,
    hooks: Mutex<Vec<Hook>>,
    /// How long a statement waits for a lock, in milliseconds; 0 for as long as it may run.
    lock_wait: AtomicU64,
}

/// How long a transaction's parts may take; see [`Tx::bound`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct TxBounds {
    pub(crate) statement: Duration,
    pub(crate) lock: Duration,
    pub(crate) idle: Duration,
}

impl fmt::Debug for Tx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tx").field("engine", &self.shared.engine).finish_non_exhaustive()
    }
}

impl Tx {
    pub(crate) fn new(inner: DatabaseTransaction, engine: Engine) -> Self {
        let (hooks, lock_wait) = (Mutex::default(), AtomicU64::new(0));
        Self { shared: Arc::new(Shared { inner, engine, hooks, lock_wait }) }
    }

    /// The handle that goes into the closure, while the caller keeps this one to commit.
    pub(crate) fn lend(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }

    /// The engine underneath.
    #[must_use]
    pub fn engine(&self) -> Engine {
        self.shared.engine
    }

    /// The database's clock at this moment, not at the transaction's start: read it after the
    /// locks are held. On SQLite it is the clock of this process.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn now(&self) -> Result<UnixMicros, StoreError> {
        clock::database_now(self).await
    }

    /// How long a statement waits for a lock; zero for as long as it may run.
    pub(crate) fn lock_wait(&self) -> Duration {
        Duration::from_millis(self.shared.lock_wait.load(Ordering::Relaxed))
    }

    /// Bounds a transaction on PostgreSQL: each statement, each wait for a lock, and how long
    /// the server keeps its locks for a client that says nothing any more. On SQLite the
    /// writer was waited for before it began.
    pub(crate) async fn bound(&self, bounds: TxBounds) -> Result<(), StoreError> {
        if self.shared.engine == Engine::Sqlite {
            return Ok(());
        }
        let TxBounds { statement, lock, idle } = bounds;
        let [statement, lock, idle] = [statement, lock, idle].map(|bound| {
            // PostgreSQL takes 0 for no limit.
            u64::try_from(bound.as_millis()).unwrap_or(u64::MAX).max(1)
        });
        self.shared.lock_wait.store(lock, Ordering::Relaxed);
        let set = format!(
            "SET LOCAL statement_timeout = {statement}; SET LOCAL lock_timeout = {lock}; \
             SET LOCAL idle_in_transaction_session_timeout = {idle}"
        );
        self.execute_unprepared(&set).await?;
        Ok(())
    }

    /// Registers what is to happen once the commit is certain, such as waking a relay. It must
    /// not block. After a rollback nothing is called.
    pub fn on_commit(&self, hook: impl FnOnce() + Send + 'static) {
        self.shared.hooks.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(hook));
    }

    /// Runs `work` in a savepoint: an `Err` undoes what it wrote (its hooks too) and leaves
    /// the transaction usable, so that a refusal can be stored beside its claimed key.
    ///
    /// # Errors
    /// What `work` returns, and those of the database.
    pub async fn savepoint<T, E, F, Fut>(&self, work: F) -> Result<T, E>
    where
        F: FnOnce(Self) -> Fut,
        Fut: Future<Output = Result<T, E>>,
        E: From<StoreError>,
    {
        #[expect(clippy::disallowed_methods, reason = "a savepoint inside a write transaction")]
        let inner = self.shared.inner.begin().await.map_err(StoreError::from)?;
        let nested = Self::new(inner, self.shared.engine);
        let lock_wait = self.shared.lock_wait.load(Ordering::Relaxed);
        nested.shared.lock_wait.store(lock_wait, Ordering::Relaxed);
        match work(nested.lend()).await {
            Ok(done) => {
                for hook in nested.commit().await? {
                    self.shared.hooks.lock().unwrap_or_else(PoisonError::into_inner).push(hook);
                }
                Ok(done)
            }
            Err(error) => {
                nested.rollback().await?;
                Err(error)
            }
        }
    }

    /// Commits and returns the hooks for the caller to run.
    pub(crate) async fn commit(self) -> Result<Vec<Hook>, StoreError> {
        let shared = self.into_sole()?;
        shared.inner.commit().await?;
        Ok(shared.hooks.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) async fn rollback(self) -> Result<(), StoreError> {
        Ok(self.into_sole()?.inner.rollback().await?)
    }

    fn into_sole(self) -> Result<Shared, StoreError> {
        Arc::into_inner(self.shared)
            .ok_or_else(|| StoreError::Corrupt("a transaction outlived its closure".into()))
    }
}

impl Deref for Tx {
    type Target = DatabaseTransaction;

    fn deref(&self) -> &DatabaseTransaction {
        &self.shared.inner
    }
}

#[async_trait::async_trait]
impl ConnectionTrait for Tx {
    fn get_database_backend(&self) -> DbBackend {
        self.shared.engine.backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.shared.inner.execute_raw(statement).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.shared.inner.execute_unprepared(sql).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.shared.inner.query_one_raw(statement).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.shared.inner.query_all_raw(statement).await
    }
}
