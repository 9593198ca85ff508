use super::*;
use crate::domain::{
    fee::{Fees, Price},
    period::Basis,
    terms::{Grace, Method, Terms, Wanted},
};

fn day(text: &str) -> Date {
    text.parse().expect(text)
}

fn every(count: i64, unit: Unit) -> Spacing {
    Spacing::new(count, unit).expect("a distance")
}

fn flows(advances: &[(&str, i64)], payments: &[(&str, i64)], spacing: Spacing) -> Flows {
    let of = |all: &[(&str, i64)]| {
        all.iter().map(|(on, amount)| Flow { on: day(on), amount: *amount }).collect()
    };
    Flows::new(of(advances), of(payments), spacing)
}

fn series(start: &str, first: &str, spacing: Spacing, (count, amount): (u32, i64)) -> Vec<Flow> {
    let on = |number| spacing.after(day(first), number).expect("within the calendar");
    let _ = start;
    (0..count).map(|number| Flow { on: on(number), amount }).collect()
}

fn text(rate: Result<Rate, NoApr>) -> String {
    rate.expect("a rate").to_string()
}

/// Directive 98/7/EC, Annex III, whose equation Annex I of 2008/48/EC kept: 12.9243 %, 16.8526 %,
/// 13.0662 % and 13.1855 %.
#[test]
fn the_examples_of_the_directive_come_out() {
    let monthly = every(1, Unit::Months);
    let once = flows(&[("2023-01-01", 100_000)], &[("2024-07-01", 120_000)], monthly);
    assert_eq!(text(effective(&once)), "12.9243");
    let with_costs = flows(&[("2023-01-01", 95_000)], &[("2024-07-01", 120_000)], monthly);
    assert_eq!(text(effective(&with_costs)), "16.8526");
    let twice = flows(
        &[("2023-01-01", 100_000)],
        &[("2024-01-01", 60_000), ("2025-01-01", 60_000)],
        monthly,
    );
    assert_eq!(text(effective(&twice)), "13.0662");
    let uneven = flows(
        &[("2023-01-01", 100_000)],
        &[("2023-04-01", 27_200), ("2023-07-01", 27_200), ("2024-01-01", 54_400)],
        monthly,
    );
    assert_eq!(text(effective(&uneven)), "13.1855");
}

/// Appendix J (c)(1): 24 payments of 230 for 5,000 are 9.69 %, 36 of 200 for 6,000 with 1 19/30
/// months to the first are 11.82 %.
#[test]
fn the_examples_of_regulation_z_come_out() {
    let monthly = every(1, Unit::Months);
    let advance = |on: &str, amount| vec![Flow { on: day(on), amount }];
    let regular = Flows::new(
        advance("1978-01-10", 500_000),
        series("1978-01-10", "1978-02-10", monthly, (24, 23_000)),
        monthly,
    );
    assert_eq!(text(actuarial(&regular)), "9.6857");
    let odd = Flows::new(
        advance("1978-02-10", 600_000),
        series("1978-02-10", "1978-04-01", monthly, (36, 20_000)),
        monthly,
    );
    assert_eq!(text(actuarial(&odd)), "11.8165");
}

/// Appendix J (c)(1)(iv) and (v), (c)(2)(ii), (c)(3)(ii), (c)(4)(ii), (c)(5): odd periods of
/// quarters, weeks and two months, odd payments, single payments.
#[test]
fn the_odd_examples_of_regulation_z_come_out() {
    let told = |advance: (&str, i64), odd: &[(&str, i64)], (first, count, amount), spacing| {
        let mut payments = series("", first, spacing, (count, amount));
        payments.extend(odd.iter().map(|(on, amount)| Flow { on: day(on), amount: *amount }));
        let advance = vec![Flow { on: day(advance.0), amount: advance.1 }];
        let rate = actuarial(&Flows::new(advance, payments, spacing)).expect("a rate").units();
        // Percent with two decimals.
        rate.saturating_add(5_000) / 10_000
    };
    let (months, weeks) = (|count| every(count, Unit::Months), |count| every(count, Unit::Weeks));
    let quarters = told(("1978-05-23", 1_000_000), &[], ("1978-10-01", 40, 38_500), months(3));
    let weekly = told(("1978-03-20", 50_000), &[], ("1978-04-21", 30, 1_760), weeks(1));
    let first = [("1978-04-20", 3_950)];
    let by_four = told(("1978-03-18", 40_000), &first, ("1978-05-18", 11, 3_831), weeks(4));
    let last = [("1979-01-02", 3_000)];
    let by_two = told(("1978-04-03", 20_000), &last, ("1978-04-11", 19, 950), weeks(2));
    let both = [("1978-03-01", 44_936), ("1981-05-01", 20_000)];
    let two_months = told(("1978-01-10", 800_000), &both, ("1978-05-01", 18, 46_500), months(2));
    assert_eq!([quarters, weekly, by_four, by_two, two_months], [897, 1_496, 2_850, 1_222, 730]);
    let once =
        |advance: &str, (end, amount)| told((advance, 100_000), &[], (end, 1, amount), months(1));
    assert_eq!(once("1978-01-03", ("1978-09-15", 108_000)), 1_145);
    assert_eq!(once("1978-07-15", ("1979-01-15", 104_400)), 880);
    assert_eq!(once("1978-01-17", ("1979-07-17", 113_519)), 876);
    assert_eq!(once("1978-01-03", ("1980-01-03", 124_000)), 1_136);
}

/// (b)(5)(v)(B): of a year's unit-period days that are no whole months are parts of 365; reckoned
/// apart from this code. (b)(5)(iv): seven days are a week.
#[test]
fn days_before_years_are_over_365_and_seven_days_are_a_week() {
    let advance = |on: &str| vec![Flow { on: day(on), amount: 100_000 }];
    let yearly = every(12, Unit::Months);
    let payments = series("", "2023-11-30", yearly, (5, 50_000));
    assert_eq!(text(actuarial(&Flows::new(advance("2023-10-26"), payments, yearly))), "78.3441");
    let once = vec![Flow { on: day("2024-02-17"), amount: 113_519 }];
    let monthly = every(1, Unit::Months);
    assert_eq!(text(actuarial(&Flows::new(advance("2023-01-03"), once, monthly))), "11.8803");
    for spacing in [every(1, Unit::Weeks), every(7, Unit::Days)] {
        let payments = series("", "2023-11-30", spacing, (5, 25_000));
        let flows = Flows::new(advance("2023-11-23"), payments, spacing);
        assert_eq!(text(actuarial(&flows)), "412.403", "{spacing:?}");
    }
}

#[test]
fn one_payment_has_its_term_as_the_unit_period() {
    let monthly = every(1, Unit::Months);
    let of = |end: &str, paid| {
        text(actuarial(&flows(&[("2023-01-10", 100_000)], &[(end, paid)], monthly)))
    };
    // Six months: twice 3 %. 73 days: five times 2 %. 18 months: a year and a half.
    assert_eq!(of("2023-07-10", 103_000), "6");
    assert_eq!(of("2023-03-24", 102_000), "10");
    assert_eq!(of("2024-07-10", 115_500), "10");
}

#[test]
fn weeks_and_days_are_counted_by_their_own_years() {
    let weekly = every(1, Unit::Weeks);
    let year = flows(&[("2023-01-02", 100_000)], &[("2024-01-01", 110_000)], weekly);
    // 52 weeks are a year.
    assert_eq!(text(effective(&year)), "10");
    let daily = every(10, Unit::Days);
    let year = flows(&[("2023-01-02", 100_000)], &[("2024-01-02", 110_000)], daily);
    assert_eq!(text(effective(&year)), "10");
    let periods = series("2023-01-02", "2023-01-09", weekly, (52, 2_000));
    let advance = vec![Flow { on: day("2023-01-02"), amount: 100_000 }];
    // 52 times the weekly rate at which 52 payments of 20 are worth 1,000.
    assert_eq!(text(actuarial(&Flows::new(advance, periods, weekly))), "7.7509");
}

fn plan(rate: &str, method: Method, fees: Fees) -> Plan {
    let terms = Terms::new(Wanted {
        currency: "EUR".parse().expect("euro"),
        rate: rate.parse().expect("a rate"),
        basis: Basis::Thirty360,
        spacing: every(1, Unit::Months),
        instalments: 12,
        method,
        grace: Grace::default(),
        down_payment: Rate::default(),
        multiple: 1,
        fees,
    });
    let mut plan = Plan::new(terms.expect("terms"), day("2024-01-31"), None).expect("dates");
    plan.disburse(day("2024-01-31"), 100_000_000).expect("lent");
    plan
}

#[test]
fn without_fees_the_nominal_rate_comes_back() {
    for method in [Method::EqualInstalments, Method::EqualPrincipal, Method::Bullet] {
        let flows = Flows::of(&plan("12", method, Fees::default())).expect("in range");
        assert_eq!(text(actuarial(&flows)), "12", "{method:?}");
        // 1.01 to the power of twelve.
        assert_eq!(text(effective(&flows)), "12.6825", "{method:?}");
    }
    let free = Flows::of(&plan("0", Method::EqualPrincipal, Fees::default())).expect("in range");
    assert_eq!((text(actuarial(&free)), text(effective(&free))), ("0".into(), "0".into()));
}

#[test]
fn a_tranche_is_an_advance_of_its_day() {
    let mut tranches = plan("12", Method::EqualInstalments, Fees::default());
    tranches.disburse(day("2024-03-31"), 50_000_000).expect("lent");
    assert_eq!(text(actuarial(&Flows::of(&tranches).expect("in range"))), "12");
}

#[test]
fn fees_raise_the_rate_and_are_part_of_the_cost() {
    let fees = Fees {
        upfront: Price::Part("1".parse().expect("a rate")),
        instalment: Price::Flat(500),
        ..Fees::default()
    };
    let dear = plan("12", Method::Bullet, fees);
    let cost = Cost::of(&dear).expect("in range");
    let expected =
        Cost { interest: 12_000_000, fees: 1_006_000, total: 13_006_000, payable: 112_006_000 };
    assert_eq!(cost, expected);
    let rate = effective(&Flows::of(&dear).expect("in range")).expect("a rate");
    assert!(rate > "13.5".parse().expect("a rate"), "{rate}");
}

#[test]
fn what_costs_nothing_or_is_no_loan_has_no_rate() {
    let monthly = every(1, Unit::Months);
    let less = flows(&[("2024-01-01", 100)], &[("2024-02-01", 99)], monthly);
    assert_eq!((effective(&less), actuarial(&less)), (Err(NoApr::NoCost), Err(NoApr::NoCost)));
    let nothing = flows(&[], &[("2024-02-01", 99)], monthly);
    assert_eq!(effective(&nothing), Err(NoApr::NoCost));
    let kept =
        plan("12", Method::Bullet, Fees { upfront: Price::Flat(100_000_000), ..Fees::default() });
    let kept = Flows::of(&kept).expect("in range");
    let told = NoApr::NothingPaidOut;
    assert_eq!((effective(&kept), actuarial(&kept)), (Err(told), Err(told)));
    let usury = flows(&[("2024-01-01", 100)], &[("2024-02-01", 10_000)], monthly);
    assert_eq!(effective(&usury), Err(NoApr::OutOfRange));
}

#[test]
fn months_are_counted_back_from_the_later_date() {
    for (from, until, told) in [
        ("1978-02-10", "1978-04-01", (1, 19)),
        ("2024-01-31", "2024-02-29", (1, 0)),
        ("2024-01-31", "2024-03-31", (2, 0)),
        ("2024-01-10", "2024-01-30", (0, 20)),
        ("2024-01-31", "2024-03-01", (1, 1)),
    ] {
        assert_eq!(counted_back(day(from), day(until), Unit::Months), Some(told), "{from} {until}");
    }
    let told = counted_back(day("2024-01-01"), day("2024-01-24"), Unit::Weeks);
    assert_eq!(told, Some((3, 2)));
}
