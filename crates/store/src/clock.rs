//! The clock of a database.

use florin_kernel::UnixMicros;

/// The clock of this process, which on SQLite is the database's: the engine runs in it.
#[expect(clippy::disallowed_methods, reason = "this is the database's clock on SQLite")]
pub(crate) fn process_now() -> UnixMicros {
    let since_epoch =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    UnixMicros(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
}

/// A span in whole microseconds, saturating.
pub(crate) fn micros(span: std::time::Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}
