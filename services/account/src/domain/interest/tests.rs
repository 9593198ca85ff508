use super::*;

fn day(text: &str) -> Date {
    text.parse().expect(text)
}

fn eur() -> Currency {
    "EUR".parse().expect("euro")
}

fn tiers(all: &[(i64, &str)]) -> Tiers {
    let tier = |(from, rate): &(i64, &str)| Tier { from: *from, rate: rate.parse().expect(rate) };
    Tiers::new(all.iter().map(tier).collect()).expect("rising tiers")
}

fn terms(tiering: Tiering, credit: &[(i64, &str)], overdraft: &[(i64, &str)]) -> Terms {
    Terms {
        day_count: DayCount::Act365F,
        tiering,
        capitalisation: Capitalisation::Monthly,
        credit: tiers(credit),
        overdraft: tiers(overdraft),
    }
}

fn of_day(terms: Terms, balance: i128) -> (String, String) {
    let mut conditions = Conditions::default();
    conditions.insert(day("2026-01-01"), terms);
    let told = conditions.of_day(day("2026-11-21"), balance, eur()).expect("in range");
    (told.credit.to_string(), told.overdraft.to_string())
}

#[test]
fn tiers_begin_at_zero_and_rise() {
    let of = |all: &[i64]| {
        let tier = |from: &i64| Tier { from: *from, rate: Rate::default() };
        Tiers::new(all.iter().map(tier).collect()).is_some()
    };
    assert!(of(&[]) && of(&[0]) && of(&[0, 1, 5]));
    assert!(!of(&[1]) && !of(&[0, 0]) && !of(&[0, 5, 4]) && !of(&[-1, 0]));
    assert!(!of(&(0..=20).collect::<Vec<_>>()));
}

#[test]
fn a_whole_balance_has_the_rate_of_its_tier_and_a_marginal_one_that_of_each_part() {
    // 365 EUR at 1 % are 0.01 EUR a day.
    let all = [(0, "1"), (36_500, "2")];
    for (tiering, balance, credit) in [
        (Tiering::WholeBalance, 36_499, "0.0099997260"),
        (Tiering::WholeBalance, 36_500, "0.0200000000"),
        (Tiering::WholeBalance, 73_000, "0.0400000000"),
        (Tiering::Marginal, 36_500, "0.0100000000"),
        (Tiering::Marginal, 73_000, "0.0300000000"),
        (Tiering::Marginal, 0, "0.0000000000"),
        (Tiering::WholeBalance, 0, "0.0000000000"),
    ] {
        let told = of_day(terms(tiering, &all, &all), balance);
        assert_eq!(told, (credit.to_owned(), "0.0000000000".to_owned()), "{tiering:?} {balance}");
        let told = of_day(terms(tiering, &[], &all), -balance);
        assert_eq!(told, ("0.0000000000".to_owned(), credit.to_owned()), "{tiering:?} {balance}");
    }
}

#[test]
fn a_rate_counts_from_its_day_on() {
    let mut conditions = Conditions::default();
    let of = |rate| terms(Tiering::WholeBalance, &[(0, rate)], &[]);
    conditions.insert(day("2026-11-20"), of("1"));
    conditions.insert(day("2026-11-22"), of("2"));
    conditions.insert(day("2026-11-24"), terms(Tiering::WholeBalance, &[], &[]));
    let start = Point { through: day("2026-11-17"), balance: 36_500, accrued: Sides::default() };
    let end = |last: &str| {
        let folded = fold(start, &BTreeMap::new(), day(last), &conditions, eur());
        folded.expect("in range").0.accrued.credit.to_string()
    };
    for (last, credit) in [
        ("2026-11-17", "0.0000000000"),
        ("2026-11-19", "0.0000000000"),
        ("2026-11-20", "0.0100000000"),
        ("2026-11-21", "0.0200000000"),
        ("2026-11-22", "0.0400000000"),
        ("2026-11-23", "0.0600000000"),
        ("2026-12-31", "0.0600000000"),
    ] {
        assert_eq!(end(last), credit, "{last}");
    }
}

#[test]
fn months_that_end_on_the_way_leave_a_point_each() {
    let mut conditions = Conditions::default();
    conditions.insert(day("2026-01-01"), terms(Tiering::Marginal, &[(0, "1")], &[]));
    let start = Point { through: day("2026-11-29"), balance: 0, accrued: Sides::default() };
    let turnover = [(day("2026-11-30"), 36_500), (day("2027-01-01"), -36_500)].into();
    let (end, points) =
        fold(start, &turnover, day("2027-01-02"), &conditions, eur()).expect("in range");
    let told: Vec<_> = points
        .iter()
        .map(|at| (at.through.to_string(), at.balance, at.accrued.credit.to_string()))
        .collect();
    assert_eq!(
        told,
        [
            ("2026-11-30".to_owned(), 36_500, "0.0100000000".to_owned()),
            ("2026-12-31".to_owned(), 36_500, "0.3200000000".to_owned()),
        ]
    );
    assert_eq!((end.balance, end.accrued.credit.to_string().as_str()), (0, "0.3200000000"));
}

#[test]
fn a_period_ends_with_its_month_quarter_or_year() {
    use Capitalisation::{Monthly, Quarterly, Yearly};
    for (date, due) in [
        ("2026-11-30", vec![Monthly]),
        ("2026-11-29", vec![]),
        ("2028-02-28", vec![]),
        ("2028-02-29", vec![Monthly]),
        ("2026-09-30", vec![Monthly, Quarterly]),
        ("2026-12-31", vec![Monthly, Quarterly, Yearly]),
    ] {
        for rhythm in [Monthly, Quarterly, Yearly] {
            assert_eq!(rhythm.is_due(day(date)), due.contains(&rhythm), "{date} {rhythm:?}");
            assert_eq!(Capitalisation::from_number(rhythm.number().into()), Some(rhythm));
        }
    }
    assert_eq!(Capitalisation::from_number(0), None);
}

#[test]
fn a_weekend_accrues_with_its_friday_but_not_into_another_month() {
    for (closed, opened, last) in [
        ("2026-11-20", "2026-11-23", "2026-11-22"),
        ("2026-11-23", "2026-11-24", "2026-11-23"),
        ("2026-10-30", "2026-11-02", "2026-10-31"),
        ("2026-12-31", "2027-01-04", "2026-12-31"),
    ] {
        assert_eq!(last_day(day(closed), day(opened)), day(last), "{closed}");
    }
}

#[test]
fn legs_book_each_side_by_itself_and_turn_with_the_sign() {
    let told = |legs: Vec<Leg>| -> Vec<(String, i64)> {
        let name = |target: &Target| match target {
            Target::Gl(code) => code.clone(),
            Target::Account(_) => "account".to_owned(),
        };
        legs.iter().map(|leg| (name(&leg.target), leg.amount.minor())).collect()
    };
    let of = |all: &[(&str, i64)]| -> Vec<(String, i64)> {
        all.iter().map(|(name, minor)| ((*name).to_owned(), *minor)).collect()
    };
    let both = Sides { credit: 7, overdraft: -3 };
    let booked = told(accrual_legs(both, eur(), "x"));
    assert_eq!(booked, of(&[("5010", -7), ("2910", 7), ("1910", 3), ("4020", -3)]));
    assert_eq!(accrual_legs(Sides::default(), eur(), "x"), []);
    let account = Target::Account(florin_kernel::AccountId::from_parts(1, [1; 10]));
    let both = Sides { credit: 7, overdraft: 3 };
    let paid = told(capitalisation_legs(both, (&account, &account), eur(), "x"));
    assert_eq!(paid, of(&[("2910", -7), ("account", 7), ("account", -3), ("1910", 3)]));
}
