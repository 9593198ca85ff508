//! The amounts were reckoned apart from this code, in decimals of 34 digits, from the rule in the
//! head of the module.

use florin_kernel::Rate;
use proptest::prelude::*;

use super::*;
use crate::domain::{
    fee::{Fees, Price},
    period::{Basis, Spacing, Unit},
    terms::{Grace, Wanted},
};

mod properties;

fn day(text: &str) -> Date {
    text.parse().expect(text)
}

fn rate(text: &str) -> Rate {
    text.parse().expect(text)
}

/// 12 % by months of 30 days.
fn wanted(method: Method, instalments: u32) -> Wanted {
    Wanted {
        currency: "EUR".parse().expect("euro"),
        rate: rate("12"),
        basis: Basis::Thirty360,
        spacing: Spacing::new(1, Unit::Months).expect("a distance"),
        instalments,
        method,
        grace: Grace::default(),
        down_payment: Rate::default(),
        multiple: 1,
        fees: Fees::default(),
    }
}

fn every(count: i64, unit: Unit) -> Spacing {
    Spacing::new(count, unit).expect("a distance")
}

fn lent(wanted: Wanted, start: &str, amount: i64) -> Plan {
    let terms = Terms::new(wanted).expect("terms");
    let mut plan = Plan::new(terms, day(start), None).expect("within the calendar");
    plan.disburse(day(start), amount).expect("lent");
    plan
}

fn told(plan: &Plan) -> Vec<(i64, i64, i64)> {
    plan.schedule().iter().map(|line| (line.principal, line.interest, line.balance)).collect()
}

fn parts(plan: &Plan) -> Vec<(i64, i64)> {
    plan.schedule().iter().map(|line| (line.principal, line.interest)).collect()
}

#[test]
fn equal_principal_bears_interest_on_the_declining_balance() {
    let by_weeks = Wanted {
        rate: rate("10"),
        basis: Basis::Act365F,
        spacing: every(2, Unit::Weeks),
        ..wanted(Method::EqualPrincipal, 4)
    };
    let plan = lent(by_weeks, "2024-02-20", 100_000);
    assert_eq!(parts(&plan), [(25_000, 384), (25_000, 288), (25_000, 192), (25_000, 96)]);
    let by_months =
        Wanted { rate: rate("12.34"), basis: Basis::Act360, ..wanted(Method::EqualPrincipal, 7) };
    let plan = lent(by_months, "2024-01-31", 100_000);
    let expected = [
        (14_286, 994),
        (14_286, 911),
        (14_286, 735),
        (14_286, 607),
        (14_286, 441),
        (14_286, 304),
        (14_284, 152),
    ];
    assert_eq!(parts(&plan), expected);
}

#[test]
fn flat_interest_is_one_sum_of_which_the_last_instalment_has_the_rest() {
    let plan = lent(Wanted { rate: rate("7"), ..wanted(Method::Flat, 6) }, "2024-01-01", 100_000);
    let interest: Vec<_> = plan.schedule().iter().map(|line| line.interest).collect();
    assert_eq!(interest, [583, 583, 583, 583, 583, 585]);
    let days = Wanted { rate: rate("12"), basis: Basis::Act365F, ..wanted(Method::Flat, 4) };
    let plan = lent(days, "2023-01-01", 100_000);
    // 120 days of 1,000.00, and not 1,019, 921, 1,019 and 986.
    let even = [(25_000, 986), (25_000, 986), (25_000, 986), (25_000, 987)];
    assert_eq!(parts(&plan), even);
    // A half of a minor unit is one, though a twelfth of 7 % has no end: 1,001.00 x 3.5 %.
    let plan = lent(Wanted { rate: rate("7"), ..wanted(Method::Flat, 6) }, "2024-01-01", 100_100);
    assert_eq!(plan.schedule().iter().map(|line| line.interest).sum::<i64>(), 3_504);
    let cents = lent(Wanted { rate: rate("12"), ..wanted(Method::Flat, 9) }, "2024-01-01", 55);
    let interest: Vec<_> = cents.schedule().iter().map(|line| line.interest).collect();
    assert_eq!(interest, [1, 1, 1, 1, 1, 0, 0, 0, 0]);
    let by_days =
        Wanted { basis: Basis::Act364, spacing: every(10, Unit::Days), ..wanted(Method::Flat, 3) };
    let plan = lent(by_days, "2024-01-01", 100_000);
    assert_eq!(parts(&plan), [(33_333, 330), (33_333, 330), (33_334, 329)]);
}

#[test]
fn flat_interest_of_what_moves_is_spread_over_what_is_left() {
    let terms = Wanted { basis: Basis::Act365F, ..wanted(Method::Flat, 4) };
    let mut plan = lent(terms, "2023-01-01", 100_000);
    let before = plan.earned_until(day("2023-02-15")).expect("in range");
    plan.repay_early(day("2023-02-15"), 37_500, Effect::Lower).expect("repaid");
    // Half is lent from the middle of the second period on: 986.30 / 2 each after it.
    let interest: Vec<_> = plan.schedule().iter().map(|line| line.interest).collect();
    assert_eq!(interest, [986, 740, 493, 493]);
    let after = plan.earned_until(day("2023-02-15")).expect("in range");
    assert!((after - before).abs() <= 1, "{before} {after}");
    let free = Grace { free: 1, interest: 2, ..Grace::default() };
    let plan = lent(Wanted { grace: free, ..terms }, "2023-01-01", 100_000);
    let told: Vec<_> = plan.schedule().iter().map(|line| (line.earned, line.interest)).collect();
    // 89 days of it bear interest.
    assert_eq!(told, [(0, 0), (975, 0), (975, 1_950), (976, 976)]);
}

#[test]
fn a_bullet_pays_interest_and_the_principal_at_the_end() {
    let plan = lent(wanted(Method::Bullet, 3), "2024-01-01", 100_000);
    assert_eq!(parts(&plan), [(0, 1_000), (0, 1_000), (100_000, 1_000)]);
}

#[test]
fn equal_instalments_come_out_in_other_spacings() {
    let weekly = Wanted {
        rate: rate("18"),
        basis: Basis::Act364,
        spacing: every(1, Unit::Weeks),
        ..wanted(Method::EqualInstalments, 5)
    };
    let expected = [
        (49_655, 865, 200_345),
        (49_826, 694, 150_519),
        (49_999, 521, 100_520),
        (50_172, 348, 50_348),
        (50_348, 174, 0),
    ];
    assert_eq!(told(&lent(weekly, "2025-12-15", 250_000)), expected);
    let quarterly = Wanted {
        rate: rate("8.5"),
        basis: Basis::Act360,
        spacing: every(3, Unit::Months),
        ..wanted(Method::EqualInstalments, 4)
    };
    let expected = [
        (242_130, 21_486, 757_870),
        (247_332, 16_284, 510_538),
        (252_526, 11_090, 258_012),
        (258_012, 5_605, 0),
    ];
    assert_eq!(told(&lent(quarterly, "2023-11-30", 1_000_000)), expected);
}

#[test]
fn without_interest_the_instalments_are_parts_of_the_principal() {
    let free = Wanted { rate: rate("0"), ..wanted(Method::EqualInstalments, 3) };
    let plan = lent(free, "2024-01-01", 100_000);
    assert_eq!(parts(&plan), [(33_333, 0), (33_333, 0), (33_334, 0)]);
    // Rounded up to cents, the instalments end before the periods do, and none is negative.
    let tiny = Wanted { rate: rate("0"), ..wanted(Method::EqualInstalments, 36) };
    let plan = lent(tiny, "2024-01-01", 20);
    assert_eq!(plan.schedule().len(), 20);
    assert!(plan.schedule().iter().all(|line| line.principal == 1));
}

/// Where the first try ends before the last period, nothing is due with that: the instalment is
/// evened out all the same, and the loan keeps its term.
#[test]
fn a_long_first_period_does_not_shorten_the_term() {
    let terms = Wanted {
        rate: rate("45"),
        spacing: every(14, Unit::Days),
        ..wanted(Method::EqualInstalments, 24)
    };
    let terms = Terms::new(terms).expect("terms");
    let start = day("2024-08-29");
    let mut plan = Plan::new(terms, start, Some(day("2024-11-12"))).expect("within the calendar");
    plan.disburse(start, 1_000_000).expect("lent");
    let lines = plan.schedule();
    // Interest of 75 days is more than an instalment.
    let told = |line: Option<&Line>| line.map(|line| (line.principal, line.interest));
    assert_eq!(lines.len(), 24);
    assert_eq!(told(lines.first()), Some((0, 93_750)));
    assert_eq!(told(lines.get(1)), Some((35_681, 17_500)));
    assert_eq!(told(lines.last()), Some((52_460, 918)));
}

#[test]
fn in_the_grace_on_principal_only_interest_is_due() {
    let grace = Grace { principal: 2, ..Grace::default() };
    let terms = Wanted { grace, ..wanted(Method::EqualInstalments, 6) };
    let expected = [
        (0, 1_000, 100_000),
        (0, 1_000, 100_000),
        (24_628, 1_000, 75_372),
        (24_874, 754, 50_498),
        (25_123, 505, 25_375),
        (25_375, 254, 0),
    ];
    assert_eq!(told(&lent(terms, "2024-01-01", 100_000)), expected);
    let terms = Wanted { grace, ..wanted(Method::EqualPrincipal, 4) };
    let expected = [(0, 1_000), (0, 1_000), (50_000, 1_000), (50_000, 500)];
    assert_eq!(parts(&lent(terms, "2024-01-01", 100_000)), expected);
}

#[test]
fn in_the_grace_on_interest_it_is_earned_and_due_with_the_first_instalment_after() {
    let grace = Grace { interest: 2, ..Grace::default() };
    let plan = lent(Wanted { grace, ..wanted(Method::EqualInstalments, 4) }, "2024-01-01", 100_000);
    assert_eq!(parts(&plan), [(24_628, 0), (24_874, 0), (25_123, 2_259), (25_375, 254)]);
    let earned: Vec<_> = plan.schedule().iter().map(|line| line.earned).collect();
    assert_eq!(earned, [1_000, 754, 505, 254]);
    assert_eq!(plan.earned_until(day("2024-03-01")), Some(1_754));
}

#[test]
fn free_periods_bear_nothing_and_the_instalments_are_equal_all_the_same() {
    let grace = Grace { free: 2, ..Grace::default() };
    let plan = lent(Wanted { grace, ..wanted(Method::EqualInstalments, 6) }, "2024-01-01", 100_000);
    let expected = [
        (16_944, 0, 83_056),
        (16_944, 0, 66_112),
        (16_283, 661, 49_829),
        (16_446, 498, 33_383),
        (16_610, 334, 16_773),
        (16_773, 168, 0),
    ];
    assert_eq!(told(&plan), expected);
}

#[test]
fn a_down_payment_is_due_on_the_day_and_the_rest_is_repaid() {
    let terms =
        Wanted { rate: rate("9"), down_payment: rate("25"), ..wanted(Method::EqualInstalments, 3) };
    let plan = lent(terms, "2024-01-01", 100_000);
    let expected =
        [(25_000, 0, 75_000), (24_814, 562, 50_186), (25_000, 376, 25_186), (25_186, 189, 0)];
    assert_eq!(told(&plan), expected);
    let down = *plan.schedule().first().expect("a down payment");
    assert_eq!((down.number, down.kind, down.days()), (1, LineKind::DownPayment, 0));
    assert_eq!((plan.lent(), plan.balance_on(plan.start())), (100_000, 75_000));
}

#[test]
fn a_later_tranche_bears_interest_from_its_day_and_raises_the_instalments_left() {
    let mut plan = lent(wanted(Method::EqualInstalments, 6), "2024-01-01", 100_000);
    plan.disburse(day("2024-02-16"), 50_000).expect("lent");
    let expected = [
        (16_255, 1_000, 83_745),
        (26_425, 1_079, 107_320),
        (26_431, 1_073, 80_889),
        (26_695, 809, 54_194),
        (26_962, 542, 27_232),
        (27_232, 272, 0),
    ];
    assert_eq!(told(&plan), expected);
    // Half of the days of February were not yet with the tranche.
    assert_eq!(plan.earned_until(day("2024-02-16")), Some(1_000 + 433));
}

#[test]
fn an_early_repayment_lowers_the_instalments_or_shortens_the_term() {
    let early = |effect| {
        let mut plan = lent(wanted(Method::EqualInstalments, 6), "2024-01-01", 100_000);
        plan.repay_early(day("2024-02-16"), 30_000, effect).expect("repaid");
        told(&plan).split_off(1)
    };
    let lower = [
        (10_412, 693, 43_333),
        (10_672, 433, 32_661),
        (10_778, 327, 21_883),
        (10_886, 219, 10_997),
        (10_997, 110, 0),
    ];
    assert_eq!(early(Effect::Lower), lower);
    let shorter =
        [(16_562, 693, 37_183), (16_883, 372, 20_300), (17_052, 203, 3_248), (3_248, 32, 0)];
    assert_eq!(early(Effect::Shorten), shorter);
}

#[test]
fn what_is_repaid_in_full_leaves_the_interest_of_the_days_so_far() {
    for method in [Method::EqualInstalments, Method::EqualPrincipal, Method::Flat, Method::Bullet] {
        let mut plan = lent(wanted(method, 6), "2024-01-01", 100_000);
        plan.repay_early(day("2024-01-16"), 100_000, Effect::Lower).expect("repaid");
        // 15 of 31 days of 1,000.00.
        assert_eq!(told(&plan), [(0, 484, 0)], "{method:?}");
        assert_eq!(plan.earned_until(day("2025-01-01")), Some(484));
    }
}

#[test]
fn money_moves_within_the_term_and_in_the_order_of_its_days() {
    let terms = Terms::new(wanted(Method::EqualInstalments, 2)).expect("terms");
    let mut plan = Plan::new(terms, day("2024-01-31"), None).expect("within the calendar");
    assert!(plan.disburse(day("2024-02-01"), 1).is_err(), "the first on the first day");
    assert_eq!(plan.disburse(day("2024-01-31"), 0), Err(PlanError::NotPositive));
    assert_eq!(plan.disburse(day("2024-01-31"), 100_000), Ok(()));
    let above = PlanError::AboveBalance { amount: 100_001, balance: 100_000 };
    let early = |plan: &mut Plan, on, amount| plan.repay_early(day(on), amount, Effect::Lower);
    assert_eq!(early(&mut plan, "2024-02-01", 100_001), Err(above));
    assert_eq!(early(&mut plan, "2024-02-01", 0), Err(PlanError::NotPositive));
    assert_eq!(early(&mut plan, "2024-02-02", 1), Ok(()));
    assert!(early(&mut plan, "2024-02-01", 1).is_err(), "before what moved last");
    assert!(plan.disburse(day("2024-03-31"), 1).is_err(), "on the last due date");
    assert_eq!(plan.disburse(day("2024-03-30"), 1), Ok(()));
}

#[test]
fn instalments_are_rounded_to_a_multiple_and_the_last_has_the_rest() {
    let whole = Wanted { multiple: 500, ..wanted(Method::EqualInstalments, 3) };
    let totals: Vec<_> =
        lent(whole, "2024-01-01", 100_000).schedule().iter().map(Line::total).collect();
    assert_eq!(totals, [34_000, 34_000, 34_007]);
}

#[test]
fn what_was_repaid_before_a_period_began_has_no_fee_in_it() {
    let fees = Fees { instalment: Price::Flat(500), ..Fees::default() };
    let early = |on, amount| {
        let terms = Wanted { fees, rate: rate("0"), ..wanted(Method::EqualPrincipal, 2) };
        let mut plan = lent(terms, "2024-01-01", 100_000);
        plan.repay_early(day(on), amount, Effect::Lower).expect("repaid");
        plan.schedule().iter().map(|line| line.fee).collect::<Vec<_>>()
    };
    assert_eq!(early("2024-01-01", 100_000), [0]);
    assert_eq!(early("2024-01-02", 100_000), [500]);
    assert_eq!(early("2024-02-01", 50_000), [500, 0]);
    assert_eq!(early("2024-02-01", 49_999), [500, 500]);
}

#[test]
fn each_instalment_has_its_fee() {
    let fees = Fees { instalment: Price::Part(rate("0.5")), ..Fees::default() };
    let plan = lent(Wanted { fees, ..wanted(Method::Bullet, 2) }, "2024-01-01", 100_000);
    let due: Vec<_> = plan.schedule().iter().map(Line::due_amount).collect();
    assert_eq!(due, [1_500, 101_500]);
}
