//! What can go wrong with a database, told apart by what the caller can do about it.

use sea_orm::{ConnAcquireErr, DbErr, RuntimeErr};

/// A failure of the store.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be reached or cannot write. After a failed commit the outcome is
    /// unknown; references and idempotency keys make the retry safe.
    #[error("database unavailable: {0}")]
    Unavailable(String),
    /// The engine asks to run the transaction again: serialization failure, deadlock, busy.
    #[error("transaction must be run again: {0}")]
    Serialization(String),
    /// A statement, a batch or the wait for a connection took longer than its limit.
    #[error("database timed out: {0}")]
    Timeout(String),
    /// A lock was not granted within the limit that the statement set.
    #[error("lock not granted in time")]
    Locked,
    /// The idempotency key is in another transaction's hands for longer than a claim waits.
    #[error("the idempotency key is in use")]
    KeyInUse,
    /// A unique, foreign key or check constraint refused the row. PostgreSQL names the
    /// constraint, SQLite the columns (`table.column, ..`).
    #[error("constraint {constraint} violated")]
    Conflict {
        /// The constraint or its columns.
        constraint: String,
    },
    /// Stored content, or an answer of our own code, breaks an invariant. A human acts.
    #[error("corrupt: {0}")]
    Corrupt(String),
    /// Migrations do not fit the database, or failed.
    #[error("migration failed: {0}")]
    Migration(String),
    /// Anything else that the database said.
    #[error(transparent)]
    Database(DbErr),
}

/// Says whether the whole transaction may be run again with hope of success. Errors of use
/// cases implement it by asking the [`StoreError`] that they carry.
pub trait Retryable {
    /// True for serialization failures and deadlocks, which have changed nothing.
    fn is_retryable(&self) -> bool;
}

impl Retryable for StoreError {
    fn is_retryable(&self) -> bool {
        matches!(self, Self::Serialization(_))
    }
}

impl StoreError {
    /// Whether a smaller or a later batch would fail in the same way: the database is away.
    #[must_use]
    pub const fn is_outage(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

impl From<DbErr> for StoreError {
    fn from(error: DbErr) -> Self {
        if let DbErr::Exec(RuntimeErr::SqlxError(cause))
        | DbErr::Query(RuntimeErr::SqlxError(cause))
        | DbErr::Conn(RuntimeErr::SqlxError(cause)) = &error
        {
            return of_sqlx(cause).unwrap_or(Self::Database(error));
        }
        if let DbErr::ConnectionAcquire(cause) = &error {
            return match cause {
                ConnAcquireErr::Timeout => Self::Timeout("no free connection in the pool".into()),
                ConnAcquireErr::ConnectionClosed => Self::Unavailable("pool closed".into()),
            };
        }
        Self::Database(error)
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        of_sqlx(&error)
            .unwrap_or_else(|| Self::Database(DbErr::Query(RuntimeErr::SqlxError(error.into()))))
    }
}

impl From<sqlx::migrate::MigrateError> for StoreError {
    fn from(error: sqlx::migrate::MigrateError) -> Self {
        Self::Migration(error.to_string())
    }
}

fn of_sqlx(error: &sqlx::Error) -> Option<StoreError> {
    if let sqlx::Error::Database(said) = error {
        return of_code(said.as_ref());
    }
    if matches!(error, sqlx::Error::PoolTimedOut) {
        return Some(StoreError::Timeout("no free connection in the pool".into()));
    }
    let away = matches!(
        error,
        sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
    );
    away.then(|| StoreError::Unavailable(error.to_string()))
}

/// PostgreSQL's codes have five characters, of which none is also a result code of SQLite.
fn of_code(said: &dyn sqlx::error::DatabaseError) -> Option<StoreError> {
    let code = said.code()?;
    let text = || said.message().to_owned();
    let error = match code.as_ref() {
        // serialization_failure, deadlock_detected; SQLITE_BUSY, SQLITE_LOCKED, BUSY_SNAPSHOT
        "40001" | "40P01" | "5" | "6" | "517" => StoreError::Serialization(text()),
        // lock_not_available
        "55P03" => StoreError::Locked,
        // query_canceled (statement_timeout), SQLITE_INTERRUPT
        "57014" | "9" => StoreError::Timeout(text()),
        // shutdowns, too_many_connections, session time-outs, read-only replica, disk full;
        // SQLITE_READONLY, IOERR, FULL, CANTOPEN
        "57P01" | "57P02" | "57P03" | "57P05" | "53300" | "25P03" | "25P04" | "25006" | "53100"
        | "8" | "10" | "13" | "14" => StoreError::Unavailable(text()),
        other if other.len() == 5 && other.starts_with("08") => StoreError::Unavailable(text()),
        _ if said.is_unique_violation()
            || said.is_foreign_key_violation()
            || said.is_check_violation() =>
        {
            StoreError::Conflict { constraint: constraint(said) }
        }
        other => extended_outage(other).then(|| StoreError::Unavailable(text()))?,
    };
    Some(error)
}

/// SQLite's extended I/O errors: the low byte of the result code is SQLITE_IOERR.
fn extended_outage(code: &str) -> bool {
    code.len() != 5 && code.parse::<u32>().is_ok_and(|code| code & 0xff == 10)
}

fn constraint(said: &dyn sqlx::error::DatabaseError) -> String {
    said.constraint().map_or_else(
        || said.message().rsplit("failed: ").next().unwrap_or_default().to_owned(),
        str::to_owned,
    )
}
