//! Opening a SQLite file: one writer, several readers.

use std::{path::PathBuf, pin::Pin, time::Duration};

use sea_orm::DatabaseConnection;
use sqlx::{
    ConnectOptions, Connection, SqliteConnection,
    pool::PoolConnectionMetadata,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use crate::{DatabaseOptions, Retryable, StoreError};

/// Pages in the log before it is folded into the file (80 MB): large batches write most pages
/// several times before that.
const WAL_AUTOCHECKPOINT_PAGES: &str = "20000";
/// Page cache of the writer in KiB (negative by SQLite's convention), used as it is needed.
const WRITER_CACHE: &str = "-8000";
/// How often the switch to WAL is tried while another process opens the same file.
const OPEN_ATTEMPTS: u32 = 50;
const OPEN_WAIT: Duration = Duration::from_millis(20);
/// How long an unused reader stays open.
const READER_IDLE: Duration = Duration::from_secs(60);

pub(super) async fn open_writer(
    options: &DatabaseOptions,
) -> Result<DatabaseConnection, StoreError> {
    let path = path(options)?;
    if let Some(folder) = path.parent() {
        tokio::fs::create_dir_all(folder).await.map_err(|error| {
            StoreError::Unavailable(format!("cannot create {}: {error}", folder.display()))
        })?;
    }
    let connect = settings(options)?
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .pragma("wal_autocheckpoint", WAL_AUTOCHECKPOINT_PAGES)
        .pragma("cache_size", WRITER_CACHE);
    let mut attempt = 1;
    loop {
        let opened = SqlitePoolOptions::new()
            .max_connections(1)
            .min_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
            .after_release(outside_transaction)
            .acquire_timeout(options.acquire_timeout)
            .connect_with(connect.clone())
            .await
            .map_err(StoreError::from);
        match opened {
            // SQLite does not wait by itself for the lock that the switch to WAL needs.
            Err(error) if error.is_retryable() && attempt < OPEN_ATTEMPTS => {
                attempt += 1;
                tokio::time::sleep(OPEN_WAIT).await;
            }
            opened => return opened.map(DatabaseConnection::from),
        }
    }
}

/// Readers open when they are needed: an idle service keeps its memory small.
pub(super) fn open_readers(options: &DatabaseOptions) -> Result<DatabaseConnection, StoreError> {
    // Not read-only files: a reader must be able to recover the log of a killed process.
    let connect = settings(options)?.pragma("query_only", "ON");
    let pool = SqlitePoolOptions::new()
        .max_connections(options.max_read_connections.max(1))
        .idle_timeout(READER_IDLE)
        .test_before_acquire(false)
        .after_release(outside_transaction)
        .acquire_timeout(options.acquire_timeout)
        .connect_lazy_with(connect);
    Ok(DatabaseConnection::from(pool))
}

/// Whether a connection that is given back can serve the next user. After some errors (disk
/// full, I/O, memory) SQLite ends the transaction by itself and refuses COMMIT and ROLLBACK;
/// sqlx then still counts a transaction, makes the next one a savepoint inside it, and what is
/// "committed" there never is. Such a connection is closed, and a new one opened.
fn outside_transaction(
    connection: &mut SqliteConnection,
    _: PoolConnectionMetadata,
) -> Pin<Box<dyn Future<Output = Result<bool, sqlx::Error>> + Send + '_>> {
    Box::pin(async move {
        // A rollback that was begun is done before it answers.
        connection.ping().await?;
        Ok(!connection.is_in_transaction())
    })
}

fn settings(options: &DatabaseOptions) -> Result<SqliteConnectOptions, StoreError> {
    let synchronous =
        if options.synchronous_off { SqliteSynchronous::Off } else { SqliteSynchronous::Full };
    Ok(SqliteConnectOptions::new()
        .filename(path(options)?)
        .busy_timeout(options.busy_timeout)
        .synchronous(synchronous)
        .disable_statement_logging())
}

/// The path as it stands: no percent signs or parameters have a meaning in it.
fn path(options: &DatabaseOptions) -> Result<PathBuf, StoreError> {
    let path = options.url.strip_prefix("sqlite:").unwrap_or_default();
    let path = path.strip_prefix("//").unwrap_or(path);
    if path.is_empty() || path.starts_with(":memory:") {
        let text = "a SQLite database is a file (sqlite:PATH): in memory it behaves otherwise";
        return Err(StoreError::Unavailable(text.into()));
    }
    Ok(PathBuf::from(path))
}
