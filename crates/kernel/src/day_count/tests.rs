use jiff::civil::date;

use super::*;

#[test]
fn a_period_of_no_day_is_nothing_and_a_negative_one_is_refused() {
    for convention in DayCount::ALL {
        for day in [date(2024, 2, 29), date(2023, 2, 28), date(2024, 1, 31)] {
            let fraction = convention.year_fraction(day, day).unwrap();
            assert_eq!(fraction.numerator, 0, "{convention} {day}");
        }
        let refused = convention.year_fraction(date(2024, 3, 2), date(2024, 3, 1)).unwrap_err();
        assert!(refused.to_string().contains("2024-03-02 to 2024-03-01"));
    }
}

#[test]
fn actual_days_of_any_split_add_up_and_thirty_day_months_do_by_difference() {
    let (start, end) = (date(2023, 12, 30), date(2025, 3, 1));
    for convention in DayCount::ALL {
        let whole = convention.year_fraction(start, end).unwrap();
        let (mut summed, mut day, mut last) = (0, start, 0);
        while day < end {
            day = day.tomorrow().unwrap();
            let so_far = convention.year_fraction(start, day).unwrap().numerator;
            assert!(so_far >= last, "{convention} goes back on {day}");
            summed += so_far - last;
            last = so_far;
        }
        assert_eq!(summed, whole.numerator, "{convention}");
    }
}

#[test]
fn names_are_read_as_they_are_written() {
    for convention in DayCount::ALL {
        assert_eq!(convention.name().parse(), Ok(*convention));
    }
    let refused = "30/365".parse::<DayCount>().unwrap_err();
    assert!(refused.to_string().contains("30E/360"), "{refused}");
}
