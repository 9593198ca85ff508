//! The clock of a database.

use florin_kernel::UnixMicros;
use sea_orm::ConnectionTrait;

use crate::{Engine, StoreError, sql};

/// The clock of this process, which on SQLite is the database's: the engine runs in it.
#[expect(clippy::disallowed_methods, reason = "this is the database's clock on SQLite")]
pub(crate) fn process_now() -> UnixMicros {
    let since_epoch =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    UnixMicros(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
}

/// The clock of the database at this moment.
pub(crate) async fn database_now(
    connection: &impl ConnectionTrait,
) -> Result<UnixMicros, StoreError> {
    match Engine::of(connection) {
        Engine::Sqlite => Ok(process_now()),
        Engine::Postgres => {
            let query = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS at";
            let row = sql::query_one(connection, query, []).await?;
            let row = row.ok_or_else(|| StoreError::Corrupt("no clock".into()))?;
            Ok(UnixMicros(row.try_get("", "at")?))
        }
    }
}

/// A span in whole microseconds, saturating.
pub(crate) fn micros(span: std::time::Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}
