use super::*;

fn day(text: &str) -> Date {
    text.parse().expect(text)
}

fn spacing(every: i64, unit: Unit) -> Spacing {
    Spacing::new(every, unit).expect("a distance")
}

fn dues(start: &str, first: Option<&str>, spacing: Spacing, count: u32) -> Vec<String> {
    let periods =
        Period::all((day(start), first.map(day)), (spacing, Basis::Thirty360), (count, 0));
    periods.expect("within the calendar").iter().map(|one| one.due().to_string()).collect()
}

/// Parts of the year of the periods, over 360.
fn parts(basis: Basis, start: &str, first: Option<&str>, spacing: Spacing) -> Vec<(i64, i64)> {
    let periods = Period::all((day(start), first.map(day)), (spacing, basis), (2, 0));
    let periods = periods.expect("within the calendar");
    periods.iter().map(|one| (one.part.numerator, one.part.denominator)).collect()
}

#[test]
fn a_day_that_a_month_lacks_is_its_last_and_comes_back_in_the_next() {
    let monthly = spacing(1, Unit::Months);
    let dates = ["2023-11-30", "2023-12-31", "2024-01-31", "2024-02-29", "2024-03-31"];
    assert_eq!(dues("2023-10-31", None, monthly, 5), dates);
    // Said or not said, a first date one month away is the same.
    assert_eq!(dues("2023-10-31", Some("2023-11-30"), monthly, 5), dates);
    let dates = ["2023-12-15", "2024-01-15"];
    assert_eq!(dues("2023-10-31", Some("2023-12-15"), monthly, 2), dates);
}

#[test]
fn weeks_and_days_go_on_by_the_calendar() {
    assert_eq!(dues("2024-02-20", None, spacing(2, Unit::Weeks), 2), ["2024-03-05", "2024-03-19"]);
    assert_eq!(dues("2024-02-20", None, spacing(15, Unit::Days), 2), ["2024-03-06", "2024-03-21"]);
}

#[test]
fn distances_are_from_one_unit_to_a_year() {
    for (every, unit, right) in [
        (0, Unit::Days, false),
        (-1, Unit::Weeks, false),
        (366, Unit::Days, true),
        (367, Unit::Days, false),
        (52, Unit::Weeks, true),
        (53, Unit::Weeks, false),
        (12, Unit::Months, true),
        (13, Unit::Months, false),
        (i64::MAX, Unit::Months, false),
    ] {
        assert_eq!(Spacing::new(every, unit).is_some(), right, "{every} {unit:?}");
    }
}

#[test]
fn months_of_thirty_days_count_by_the_spacing_and_other_first_periods_by_the_calendar() {
    let monthly = spacing(1, Unit::Months);
    assert_eq!(parts(Basis::Thirty360, "2024-01-31", None, monthly), [(30, 360), (30, 360)]);
    let odd = parts(Basis::Thirty360, "2024-01-10", Some("2024-02-25"), monthly);
    assert_eq!(odd, [(45, 360), (30, 360)]);
    let weekly = parts(Basis::Thirty360, "2024-02-26", None, spacing(1, Unit::Weeks));
    assert_eq!(weekly, [(7, 360), (7, 360)]);
}

#[test]
fn actual_days_stand_over_the_year_of_the_basis() {
    for (basis, below) in [(Basis::Act360, 360), (Basis::Act364, 364), (Basis::Act365F, 365)] {
        let told = parts(basis, "2024-01-31", None, spacing(1, Unit::Months));
        assert_eq!(told, [(29, below), (31, below)], "{basis}");
    }
}

#[test]
fn a_period_of_two_years_is_split_at_the_last_of_december() {
    // 19 days until 31 December 2023, 12 from there in the leap year.
    let told = parts(Basis::ActAct, "2023-12-12", None, spacing(1, Unit::Months));
    assert_eq!(told.first(), Some(&(19 * 366 + 12 * 365, 365 * 366)));
}

#[test]
fn weights_of_the_parts_of_a_period_add_up_to_it() {
    for basis in Basis::ALL {
        let dates = (day("2023-12-12"), None);
        let periods = Period::all(dates, (spacing(2, Unit::Months), *basis), (1, 0));
        let period = *periods.expect("within the calendar").first().expect("one");
        let mut until = period.from();
        while until <= period.due() {
            let before = period.weight_between(period.from(), until);
            assert_eq!(before + period.weight_between(until, period.due()), period.weight());
            until = until.tomorrow().expect("within the calendar");
        }
        assert!(period.weight() > 0);
        assert_eq!(period.weight_between(Date::MIN, Date::MAX), period.weight());
    }
}

#[test]
fn a_free_period_bears_nothing() {
    let dates = (day("2024-01-01"), None);
    let periods = Period::all(dates, (spacing(1, Unit::Months), Basis::Thirty360), (2, 1));
    let rate = "12".parse().expect("a rate");
    let factors: Vec<_> =
        periods.expect("two").iter().map(|one| one.factor(rate).expect("in range")).collect();
    assert_eq!(factors, [Decimal::zero(), Decimal::ratio(1, 100).expect("not over zero")]);
}

#[test]
fn no_schedule_leaves_the_calendar_or_goes_back() {
    let all = |start: &str, first: Option<&str>| {
        let dates = (day(start), first.map(day));
        Period::all(dates, (spacing(1, Unit::Months), Basis::ActAct), (600, 0)).is_some()
    };
    assert!(all("2024-01-01", None));
    assert!(!all("9990-01-01", None));
    assert!(!all("2024-01-01", Some("2024-01-01")) && !all("2024-01-01", Some("2023-01-01")));
}

#[test]
fn a_basis_is_read_by_its_name() {
    for basis in Basis::ALL {
        assert_eq!(basis.to_string().parse(), Ok(*basis));
    }
    assert_eq!("30/365".parse::<Basis>(), Err(UnknownBasis));
    assert_eq!(UnknownBasis.rule(), "UNKNOWN_DAY_COUNT");
}
