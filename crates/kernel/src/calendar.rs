//! The days on which the bank does business.

use std::collections::BTreeSet;

use jiff::{ToSpan as _, civil::Date};

/// Every day of the week is a day of rest, or a number is no weekday.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a weekend is some of the weekdays 1 (Monday) to 7 (Sunday), not all of them")]
pub struct NoWeekend;

/// A calendar: each day is a business day unless its weekday is of the weekend or it is a holiday.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    /// Weekdays of ISO 8601: 1 is Monday, 7 is Sunday.
    weekend: BTreeSet<i8>,
    holidays: BTreeSet<Date>,
}

impl Calendar {
    /// A calendar of weekdays of ISO 8601 (1 is Monday, 7 is Sunday) and holidays.
    ///
    /// # Errors
    /// [`NoWeekend`].
    pub fn new(
        weekend: impl IntoIterator<Item = i8>,
        holidays: impl IntoIterator<Item = Date>,
    ) -> Result<Self, NoWeekend> {
        let weekend: BTreeSet<i8> = weekend.into_iter().collect();
        if weekend.len() > 6 || weekend.iter().any(|day| !(1..=7).contains(day)) {
            return Err(NoWeekend);
        }
        Ok(Self { weekend, holidays: holidays.into_iter().collect() })
    }

    /// Whether business is done on a day.
    #[must_use]
    pub fn is_business_day(&self, date: Date) -> bool {
        let weekday = date.weekday().to_monday_one_offset();
        !self.weekend.contains(&weekday) && !self.holidays.contains(&date)
    }

    /// The first business day after a date, at most so many days later; None where there is
    /// none, or the calendar of years ends.
    #[must_use]
    pub fn next_after(&self, date: Date, most_days: u32) -> Option<Date> {
        let mut day = date;
        for _ in 0..most_days {
            day = day.checked_add(1.day()).ok()?;
            if self.is_business_day(day) {
                return Some(day);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRIDAY: Date = Date::constant(2026, 12, 18);

    fn calendar(holidays: &[&str]) -> Calendar {
        let holidays = holidays.iter().map(|day| day.parse().expect("a date"));
        Calendar::new([6, 7], holidays).expect("a weekend")
    }

    #[test]
    fn the_next_business_day_is_past_the_weekend_and_the_holidays() {
        let next = |holidays: &[&str], from: &str, most| {
            let from = from.parse().expect("a date");
            calendar(holidays).next_after(from, most).map(|day| day.to_string())
        };
        assert_eq!(next(&[], "2026-12-17", 10).as_deref(), Some("2026-12-18"));
        assert_eq!(next(&[], "2026-12-18", 10).as_deref(), Some("2026-12-21"));
        let christmas = ["2026-12-24", "2026-12-25", "2026-12-26"];
        assert_eq!(next(&christmas, "2026-12-23", 10).as_deref(), Some("2026-12-28"));
        // From a day of rest too.
        assert_eq!(next(&[], "2026-12-19", 10).as_deref(), Some("2026-12-21"));
        assert_eq!(next(&[], "2026-12-18", 3).as_deref(), Some("2026-12-21"));
        assert_eq!(next(&[], "2026-12-18", 2), None);
        assert_eq!(next(&[], "9999-12-31", 10), None);
    }

    #[test]
    fn weekends_are_of_the_country_and_leave_a_day_to_work() {
        let friday_and_saturday = Calendar::new([5, 6], []).expect("a weekend");
        assert!(!friday_and_saturday.is_business_day(FRIDAY));
        assert!(friday_and_saturday.is_business_day(Date::constant(2026, 12, 20)));
        assert!(Calendar::new([], []).is_ok_and(|all| all.is_business_day(FRIDAY)));
        for weekend in [vec![0], vec![8], (1..=7).collect()] {
            assert_eq!(Calendar::new(weekend, []), Err(NoWeekend));
        }
    }
}
