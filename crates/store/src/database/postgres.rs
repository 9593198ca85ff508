//! Connecting to PostgreSQL: a schema a service, one pool that writes and one that reads.

use std::{str::FromStr, time::Duration};

use sea_orm::DatabaseConnection;
use sqlx::{
    ConnectOptions, Connection,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use crate::{DatabaseOptions, StoreError};

/// "florin" in ASCII: the advisory lock of those who create schemas.
const SCHEMA_LOCK: i64 = 0x666c_6f72_696e;
/// A connection unused for longer than this is pinged before its next use.
const PING_AFTER_IDLE: Duration = Duration::from_secs(5);
/// How long a connection that is given back waits for the server.
const RELEASE_PING: Duration = Duration::from_secs(5);
/// The server ends a transaction whose client has been silent for so long.
const IDLE_IN_TRANSACTION_MS: &str = "60000";
/// The longest name that PostgreSQL keeps whole.
const MAX_SCHEMA_LEN: usize = 63;

/// Creates the service's schema where one is configured. `IF NOT EXISTS` alone fails for the
/// second of two concurrent sessions, and asks for a privilege even where the schema exists.
pub(super) async fn create_schema(options: &DatabaseOptions) -> Result<(), StoreError> {
    if options.schema.is_empty() {
        return Ok(());
    }
    check_name(&options.schema)?;
    let mut connection = address(options)?.connect().await.map_err(unreachable)?;
    sqlx::query("SELECT pg_advisory_lock($1)").bind(SCHEMA_LOCK).execute(&mut connection).await?;
    let exists = sqlx::query("SELECT 1 FROM pg_namespace WHERE nspname = $1")
        .bind(&options.schema)
        .fetch_optional(&mut connection)
        .await?;
    if exists.is_none() {
        let create = format!("CREATE SCHEMA \"{}\"", options.schema);
        sqlx::query(sqlx::AssertSqlSafe(create)).execute(&mut connection).await?;
    }
    // The lock ends with the session.
    connection.close().await?;
    Ok(())
}

pub(super) async fn open_writers(
    options: &DatabaseOptions,
) -> Result<DatabaseConnection, StoreError> {
    let mut connect = in_schema(options)?
        .options([("idle_in_transaction_session_timeout", IDLE_IN_TRANSACTION_MS)]);
    if options.synchronous_off {
        connect = connect.options([("synchronous_commit", "off")]);
    }
    let writers = pool(options, options.max_connections).after_release(|connection, _| {
        // A server that is silent must not keep the place in the pool.
        Box::pin(async move {
            match tokio::time::timeout(RELEASE_PING, connection.ping()).await {
                Ok(answer) => answer.map(|()| !connection.is_in_transaction()),
                Err(_) => Err(sqlx::Error::PoolTimedOut),
            }
        })
    });
    match writers.connect_with(connect).await.map_err(unreachable) {
        Ok(pool) => Ok(DatabaseConnection::from(pool)),
        // The pool waits for a server that refuses, and then only says that it waited.
        Err(waited) => Err(dial(options).await.err().unwrap_or(waited)),
    }
}

/// One connection outside the pools, closed at once.
pub(super) async fn dial(options: &DatabaseOptions) -> Result<(), StoreError> {
    let mut connection = address(options)?.connect().await.map_err(unreachable)?;
    connection.ping().await.map_err(unreachable)?;
    // The server ends a session whose client has left.
    drop(connection.close().await);
    Ok(())
}

pub(super) fn open_readers(options: &DatabaseOptions) -> Result<DatabaseConnection, StoreError> {
    let statement_timeout = options.statement_timeout.as_millis().to_string();
    let connect = in_schema(options)?.options([
        ("statement_timeout", statement_timeout.as_str()),
        ("idle_in_transaction_session_timeout", IDLE_IN_TRANSACTION_MS),
        ("default_transaction_read_only", "on"),
    ]);
    let pool = pool(options, options.max_read_connections).connect_lazy_with(connect);
    Ok(DatabaseConnection::from(pool))
}

fn pool(options: &DatabaseOptions, max: u32) -> PgPoolOptions {
    PgPoolOptions::new()
        .max_connections(max.max(1))
        .acquire_timeout(options.acquire_timeout)
        .test_before_acquire(false)
        .before_acquire(|connection, state| {
            Box::pin(async move {
                if state.idle_for >= PING_AFTER_IDLE {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
}

fn address(options: &DatabaseOptions) -> Result<PgConnectOptions, StoreError> {
    // The URL holds a password: the error must not repeat it.
    let address = PgConnectOptions::from_str(&options.url)
        .map_err(|_| StoreError::Unavailable("the PostgreSQL URL is malformed".into()))?;
    Ok(address.application_name("florin").disable_statement_logging())
}

fn in_schema(options: &DatabaseOptions) -> Result<PgConnectOptions, StoreError> {
    let address = address(options)?;
    if options.schema.is_empty() {
        return Ok(address);
    }
    Ok(address.options([("search_path", options.schema.as_str())]))
}

fn check_name(schema: &str) -> Result<(), StoreError> {
    let well_formed = schema.len() <= MAX_SCHEMA_LEN
        && schema.starts_with(|first: char| first.is_ascii_lowercase())
        && schema.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if well_formed {
        return Ok(());
    }
    Err(StoreError::Unavailable(format!(
        "schema {schema:?}: use lower-case letters, digits and _, a letter first, at most \
         {MAX_SCHEMA_LEN}"
    )))
}

fn unreachable(error: sqlx::Error) -> StoreError {
    let error = StoreError::from(error);
    if let StoreError::Database(cause) = error {
        return StoreError::Unavailable(cause.to_string());
    }
    error
}
