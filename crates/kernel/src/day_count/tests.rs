use std::{fs, path::Path};

use jiff::civil::date;

use super::*;

/// The conventions of the file that are ours.
fn of_file(name: &str) -> Option<DayCount> {
    Some(match name {
        "ACT_ACT_ISDA" => DayCount::ActActIsda,
        "ACT_360" => DayCount::Act360,
        "ACT_365F" => DayCount::Act365F,
        "NL_365" => DayCount::Nl365,
        "THIRTY_360_ISDA" => DayCount::Thirty360Isda,
        "THIRTY_360_PSA" => DayCount::Thirty360Psa,
        "THIRTY_E_360" => DayCount::ThirtyE360,
        _ => return None,
    })
}

/// "4.16942884946478" in units of 10^-14, cut off.
fn scaled(decimal: &str) -> i128 {
    let (whole, fraction) = decimal.split_once('.').unwrap();
    let digits: String = fraction.chars().chain("0".repeat(14).chars()).take(14).collect();
    format!("{whole}{digits}").parse().unwrap()
}

/// OpenGamma Strata's table, shared/data/daycount.
#[test]
fn each_row_of_the_table_comes_out() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data/daycount/year_fraction.csv");
    // The folder is not everywhere.
    let Ok(table) = fs::read_to_string(&file) else { return };
    let mut tried = 0;
    for line in table.lines().skip(1) {
        let fields: Vec<_> = line.split(',').collect();
        let Some(convention) = of_file(fields[0]) else { continue };
        let (start, end) = (fields[1].parse().unwrap(), fields[2].parse().unwrap());
        let fraction = convention.year_fraction(start, end).unwrap();
        let told =
            i128::from(fraction.numerator) * 10_i128.pow(14) / i128::from(fraction.denominator);
        // The table's values are binary floats, good for 15 digits or so.
        let off = (told - scaled(fields.last().unwrap())).abs();
        assert!(off <= 1, "{line}: {fraction:?}");
        tried += 1;
    }
    assert_eq!(tried, 9 + 9 + 9 + 10 + 19 + 19 + 19);
}

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
