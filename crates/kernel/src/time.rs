//! Instants and dates.

use jiff::civil::Date;

/// An instant in microseconds since the Unix epoch, as the databases store it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct UnixMicros(pub i64);

impl UnixMicros {
    /// Whole milliseconds since the epoch, 0 for instants before it.
    #[must_use]
    pub fn millis(self) -> u64 {
        u64::try_from(self.0 / 1_000).unwrap_or(0)
    }

    /// Whole seconds and the nanoseconds after them, as `google.protobuf.Timestamp` has them.
    #[must_use]
    pub fn seconds_and_nanos(self) -> (i64, i32) {
        let nanos = self.0.rem_euclid(1_000_000) * 1_000;
        (self.0.div_euclid(1_000_000), i32::try_from(nanos).unwrap_or(0))
    }

    /// The instant `micros` later; saturates at the ends of the range.
    #[must_use]
    pub const fn plus_micros(self, micros: i64) -> Self {
        Self(self.0.saturating_add(micros))
    }

    /// The instant of whole seconds and nanoseconds; None beyond the range.
    #[must_use]
    pub fn from_seconds_and_nanos(seconds: i64, nanos: i32) -> Option<Self> {
        if !(0..1_000_000_000).contains(&nanos) {
            return None;
        }
        let micros = seconds.checked_mul(1_000_000)?;
        micros.checked_add(i64::from(nanos) / 1_000).map(Self)
    }
}

/// Why a string is no date.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DateError {
    /// The field is empty.
    #[error("must not be empty; expected a date like 2026-11-21")]
    Empty,
    /// Not `YYYY-MM-DD`, or not in the calendar.
    #[error("must be a date of the calendar in the form YYYY-MM-DD (ISO 8601)")]
    Malformed,
}

impl DateError {
    pub(crate) const fn rule_name(&self) -> &'static str {
        match self {
            Self::Empty => "REQUIRED",
            Self::Malformed => "MALFORMED_DATE",
        }
    }
}

/// Reads a calendar date in the extended form of ISO 8601, `YYYY-MM-DD` and nothing else.
///
/// # Errors
/// Tells an empty field from a malformed one.
pub fn parse_date(text: &str) -> Result<Date, DateError> {
    if text.is_empty() {
        return Err(DateError::Empty);
    }
    // The parser below takes other forms of ISO 8601 too, but none of them is made like this.
    let extended = text.bytes().enumerate().all(|(at, byte)| match at {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    });
    if !extended {
        return Err(DateError::Malformed);
    }
    text.parse().map_err(|_| DateError::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_dates_outside_the_calendar_and_other_forms() {
        assert!(parse_date("2024-02-29").is_ok());
        for text in [
            "2023-02-29",
            "2023-2-3",
            "20230203",
            "2023-02-03T00:00:00",
            "2023/02/03",
            "2023-02-3 ",
            "2023-02-033",
            "2023-02-0",
            "2023-02",
            "2023",
            "-002023-02-03",
            "20230203T0",
            "x",
        ] {
            assert_eq!(parse_date(text), Err(DateError::Malformed), "{text}");
        }
        assert_eq!(parse_date(""), Err(DateError::Empty));
    }

    #[test]
    fn splits_instants_before_the_epoch_downwards() {
        assert_eq!(UnixMicros(-1).seconds_and_nanos(), (-1, 999_999_000));
        let (seconds, nanos) = UnixMicros(1_500_000).seconds_and_nanos();
        assert_eq!(UnixMicros::from_seconds_and_nanos(seconds, nanos), Some(UnixMicros(1_500_000)));
    }

    #[test]
    fn an_instant_outlives_the_way_over_the_wire_and_what_is_none_is_refused() {
        for micros in [i64::MIN / 2, -1_000_001, -1, 0, 1, 999_999, 1_000_000, i64::MAX] {
            let (seconds, nanos) = UnixMicros(micros).seconds_and_nanos();
            let back = UnixMicros::from_seconds_and_nanos(seconds, nanos);
            assert_eq!(back, Some(UnixMicros(micros)));
        }
        for (seconds, nanos) in [(0, -1), (0, 1_000_000_000), (i64::MAX, 0), (i64::MIN, 0)] {
            assert_eq!(UnixMicros::from_seconds_and_nanos(seconds, nanos), None);
        }
    }

    #[test]
    fn milliseconds_are_whole_and_never_negative() {
        let millis = |micros| UnixMicros(micros).millis();
        assert_eq!([millis(12_999), millis(999), millis(-5_000)], [12, 0, 0]);
    }

    #[test]
    fn a_later_instant_stays_within_the_range() {
        assert_eq!(UnixMicros(5).plus_micros(3), UnixMicros(8));
        assert_eq!(UnixMicros(5).plus_micros(i64::MAX), UnixMicros(i64::MAX));
    }
}
