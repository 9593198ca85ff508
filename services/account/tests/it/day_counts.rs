//! The day counts of the kernel against OpenGamma Strata's table, shared/data/daycount.

use std::fs;

use florin_kernel::DayCount;
use florin_testkit::shared_data;

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

#[test]
fn each_row_of_the_table_comes_out() {
    let Some(folder) = shared_data("daycount") else { return };
    let table = fs::read_to_string(folder.join("year_fraction.csv")).unwrap();
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
