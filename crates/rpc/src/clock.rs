//! The computer's clock, for what belongs to this process alone: tokens and certificates.

use florin_kernel::UnixMicros;

/// Now, for the age of tokens and certificates; records take the database's clock.
#[expect(clippy::disallowed_methods, reason = "tokens and certificates live by wall clock")]
pub fn now() -> UnixMicros {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    UnixMicros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// Now in whole Unix seconds.
pub fn unix_seconds() -> i64 {
    now().0.div_euclid(1_000_000)
}
