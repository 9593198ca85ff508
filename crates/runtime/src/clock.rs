//! The clock of this process, for rules that go by the clock outside a transaction. Records
//! take the database's.

use florin_kernel::{Date, UnixMicros};

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;

/// This moment.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one place outside the store")]
pub fn now() -> UnixMicros {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let micros = since.unwrap_or_default().as_micros();
    UnixMicros(i64::try_from(micros).unwrap_or(i64::MAX))
}

/// The day of an instant in UTC.
#[must_use]
pub fn date_of(at: UnixMicros) -> Date {
    let days = i32::try_from(at.0.div_euclid(DAY)).unwrap_or(i32::MAX);
    let epoch = Date::constant(1970, 1, 1);
    epoch.saturating_add(jiff::Span::new().try_days(days).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_begin_at_midnight_before_and_after_the_epoch() {
        assert_eq!(date_of(UnixMicros(0)).to_string(), "1970-01-01");
        assert_eq!(date_of(UnixMicros(-1)).to_string(), "1969-12-31");
        assert_eq!(date_of(UnixMicros(1_795_225_000_000_000)).to_string(), "2026-11-21");
    }
}
