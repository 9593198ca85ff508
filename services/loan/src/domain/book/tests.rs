//! 1,000.00 at 12 % in six months of 30 days: an instalment is 172.55. Penalty interest 10 %.

use super::*;
use crate::domain::{
    period::{Spacing, Unit},
    plan::Effect,
    terms::{Grace, Method, Terms, Wanted},
};

mod given_up;

fn day(text: &str) -> Date {
    text.parse().expect(text)
}

fn rate(text: &str) -> Rate {
    text.parse().expect(text)
}

fn policy() -> Policy {
    Policy {
        allocation: Allocation::default(),
        penalty_rate: rate("10"),
        penalty_grace_days: 0,
        non_accrual_days: 90,
        performing_instalments: 3,
    }
}

fn wanted() -> Wanted {
    Wanted {
        currency: "EUR".parse().expect("euro"),
        rate: rate("12"),
        basis: Basis::Thirty360,
        spacing: Spacing::new(1, Unit::Months).expect("a distance"),
        instalments: 6,
        method: Method::EqualInstalments,
        grace: Grace::default(),
        down_payment: Rate::default(),
        multiple: 1,
        fees: Fees::default(),
    }
}

fn lent_by(policy: Policy, wanted: Wanted) -> Book {
    let terms = Terms::new(wanted).expect("terms");
    let plan = Plan::new(terms, day("2024-01-01"), None).expect("within the calendar");
    let mut book = Book::new(policy, plan);
    book.disburse(day("2024-01-01"), 100_000).expect("lent");
    book
}

fn lent() -> Book {
    lent_by(policy(), wanted())
}

fn repay(book: &mut Book, on: &str, amount: i64, beyond: Beyond) {
    book.repay(day(on), amount, beyond).expect("repaid");
}

fn amounts(penalty: i64, fee: i64, interest: i64, principal: i64) -> Amounts {
    Amounts { penalty, fee, interest, principal }
}

fn pay_off(book: &Book, on: &str) -> Amounts {
    book.pay_off(day(on)).expect("in range").owed
}

#[test]
fn instalments_paid_on_their_days_settle_the_loan() {
    let mut book = lent();
    for (on, amount) in [
        ("2024-02-01", 17_255),
        ("2024-03-01", 17_255),
        ("2024-04-01", 17_255),
        ("2024-05-01", 17_255),
        ("2024-06-01", 17_255),
        ("2024-07-01", 17_253),
    ] {
        assert!(!book.is_settled());
        assert_eq!(book.arrears(day(on)).bucket, Bucket::Current, "{on}");
        repay(&mut book, on, amount, Beyond::Ahead);
    }
    assert!(book.is_settled());
    assert_eq!(book.paid(), amounts(0, 0, 3_528, 100_000));
    assert_eq!((book.credit(), book.principal()), (0, 0));
}

#[test]
fn what_is_paid_ahead_pays_the_next_instalment_and_leaves_the_plan() {
    let mut book = lent();
    let before = book.plan().clone();
    repay(&mut book, "2024-01-20", 17_255, Beyond::Ahead);
    assert_eq!(book.plan(), &before);
    assert_eq!(book.claims().first().map(|claim| claim.open().total()), Some(0));
    assert_eq!(book.arrears(day("2024-02-28")).bucket, Bucket::Current);
    assert_eq!(book.arrears(day("2024-03-02")).days, 1);
}

#[test]
fn past_due_comes_first_by_instalment_or_by_component() {
    let told = |across| {
        let order = [Component::Interest, Component::Principal, Component::Fee, Component::Penalty];
        let mut found = florin_kernel::Violations::new();
        let allocation = Allocation::check(&order, across, &mut found).expect("each once");
        let mut book = lent_by(Policy { allocation, ..policy() }, wanted());
        repay(&mut book, "2024-03-02", 2_500, Beyond::Ahead);
        book.claims().iter().take(2).map(|claim| claim.paid).collect::<Vec<_>>()
    };
    let by_instalment = [amounts(0, 0, 1_000, 1_500), amounts(0, 0, 0, 0)];
    assert_eq!(told(Across::Instalments), by_instalment);
    let by_component = [amounts(0, 0, 1_000, 663), amounts(0, 0, 837, 0)];
    assert_eq!(told(Across::Components), by_component);
}

#[test]
fn an_early_repayment_pays_what_is_due_before_it_changes_the_plan() {
    for (effect, lines, next) in [(Effect::Lower, 5, 11_105), (Effect::Shorten, 4, 17_255)] {
        let mut book = lent();
        // The first instalment and, half a month after it, 300.00 of principal.
        repay(&mut book, "2024-02-16", 17_255 + 68 + 30_000, Beyond::Early(effect));
        // Penalty interest of 15 days on 162.55 is 0.68.
        assert_eq!(book.paid(), amounts(68, 0, 1_000, 46_255), "{effect:?}");
        let coming: Vec<_> = book
            .plan()
            .schedule()
            .into_iter()
            .filter(|line| line.due > day("2024-02-16"))
            .collect();
        assert_eq!(coming.len(), lines, "{effect:?}");
        assert_eq!(coming.first().map(Line::total), Some(next), "{effect:?}");
        assert_eq!(book.open().principal + book.paid().principal, 100_000);
    }
}

#[test]
fn a_pay_off_has_the_interest_of_the_days_so_far_and_the_early_fee() {
    // 15 of the 31 days of January.
    assert_eq!(pay_off(&lent(), "2024-01-16"), amounts(0, 0, 484, 100_000));
    let fees = Fees { early: Price::Part(rate("1")), ..Fees::default() };
    let mut book = lent_by(policy(), Wanted { fees, ..wanted() });
    assert_eq!(pay_off(&book, "2024-01-16"), amounts(0, 1_000, 484, 100_000));
    assert_eq!(pay_off(&book, "2024-08-01").fee, 0, "nothing is early after the last due date");
    let mut less = book.clone();
    repay(&mut less, "2024-01-16", 101_483, Beyond::Ahead);
    assert!(!less.is_settled());
    repay(&mut book, "2024-01-16", 101_484 + 5, Beyond::Ahead);
    assert!(book.is_settled());
    assert_eq!(book.credit(), 5);
}

#[test]
fn the_fee_for_repaying_early_is_a_part_of_the_principal_that_is_repaid_early() {
    let fees = Fees { early: Price::Part(rate("1")), ..Fees::default() };
    let mut book = lent_by(policy(), Wanted { fees, ..wanted() });
    repay(&mut book, "2024-01-16", 10_100, Beyond::Early(Effect::Lower));
    assert_eq!(book.paid(), amounts(0, 100, 0, 10_000));
    let fees = Fees { early: Price::Flat(200), ..Fees::default() };
    let mut book = lent_by(policy(), Wanted { fees, ..wanted() });
    repay(&mut book, "2024-01-16", 10_100, Beyond::Early(Effect::Lower));
    assert_eq!(book.paid(), amounts(0, 200, 0, 9_900));
}

/// 10 % of what is left would be more than the interest that is left.
#[test]
fn a_pay_off_costs_no_more_than_all_instalments_ahead() {
    let fees = Fees { early: Price::Part(rate("10")), ..Fees::default() };
    let mut book = lent_by(policy(), Wanted { fees, ..wanted() });
    let all = book.open().total();
    let quote = book.pay_off(day("2024-01-16")).expect("in range");
    assert_eq!((quote.total, quote.owed), (all, amounts(0, 3_528 - 484, 484, 100_000)));
    repay(&mut book, "2024-01-16", all + 7, Beyond::Ahead);
    assert!(book.is_settled());
    assert_eq!((book.credit(), book.paid().total()), (7, all));
    assert_eq!(book.accrual(day("2024-09-01")).map(|one| one.interest), Some(484));
}

#[test]
fn the_fee_for_a_part_repaid_early_is_at_most_the_interest_saved() {
    let fees = Fees { early: Price::Part(rate("10")), ..Fees::default() };
    let on = "2024-01-16";
    let interest = |plan: &Plan| plan.schedule().iter().map(|line| line.interest).sum::<i64>();
    for effect in [Effect::Lower, Effect::Shorten] {
        let mut book = lent_by(policy(), Wanted { fees, ..wanted() });
        // A tenth of 454.55 is 45.45; the interest saved is less.
        let mut plan = book.plan().clone();
        plan.repay_early(day(on), 45_455, effect).expect("repaid");
        let saved = 3_528 - interest(&plan);
        assert!((1_000..4_545).contains(&saved), "{saved}");
        repay(&mut book, on, 50_000, Beyond::Early(effect));
        assert_eq!(book.paid(), amounts(0, saved, 0, 50_000 - saved));
        assert!(interest(book.plan()) + saved <= 3_528);
    }
    let free = Wanted { fees, rate: rate("0"), ..wanted() };
    let mut book = lent_by(policy(), free);
    repay(&mut book, on, 50_000, Beyond::Early(Effect::Lower));
    assert_eq!(book.paid(), amounts(0, 0, 0, 50_000));
    assert_eq!(pay_off(&book, on), amounts(0, 0, 0, 50_000));
}

#[test]
fn a_cent_less_than_the_pay_off_does_not_settle_the_loan() {
    for part in ["0", "1", "2", "3", "15"] {
        let fees = Fees { early: Price::Part(rate(part)), ..Fees::default() };
        for beyond in [Beyond::Ahead, Beyond::Early(Effect::Lower), Beyond::Early(Effect::Shorten)]
        {
            let mut book = lent_by(policy(), Wanted { fees, ..wanted() });
            let quote = book.pay_off(day("2024-01-16")).expect("in range").total;
            repay(&mut book, "2024-01-16", quote - 1, beyond);
            assert_eq!((book.is_settled(), book.credit()), (false, 0), "{part} {beyond:?}");
        }
    }
}

#[test]
fn a_pay_off_in_the_grace_has_the_interest_that_was_put_off() {
    let grace = Grace { interest: 2, ..Grace::default() };
    let book = lent_by(policy(), Wanted { grace, ..wanted() });
    // 15 of the 31 days of January; in February a month before and 15 of 29 days on 837.45.
    assert_eq!(pay_off(&book, "2024-01-16"), amounts(0, 0, 484, 100_000));
    let mut paid = book;
    repay(&mut paid, "2024-02-01", 16_255, Beyond::Ahead);
    assert_eq!(pay_off(&paid, "2024-02-16"), amounts(0, 0, 1_000 + 433, 83_745));
}

#[test]
fn a_pay_off_on_a_due_date_has_no_fee_of_the_next_instalment() {
    let fees = Fees { instalment: Price::Flat(500), ..Fees::default() };
    let mut book = lent_by(policy(), Wanted { fees, ..wanted() });
    assert_eq!(pay_off(&book, "2024-01-01"), amounts(0, 0, 0, 100_000));
    repay(&mut book, "2024-02-01", 17_755, Beyond::Ahead);
    assert_eq!(pay_off(&book, "2024-02-01"), amounts(0, 0, 0, 100_000 - 16_255));
    assert_eq!(pay_off(&book, "2024-02-02").fee, 500);
}

#[test]
fn what_was_paid_ahead_lessens_the_pay_off() {
    let mut book = lent();
    repay(&mut book, "2024-01-02", 17_255, Beyond::Ahead);
    let quote = book.pay_off(day("2024-01-16")).expect("in range");
    assert_eq!(quote.total, 100_484 - 17_255);
    repay(&mut book, "2024-01-16", quote.total, Beyond::Ahead);
    assert!(book.is_settled());
    assert_eq!(book.paid(), amounts(0, 0, 484, 100_000));
}

#[test]
fn arrears_are_in_the_bucket_of_the_oldest_unpaid_instalment() {
    let book = lent();
    for (on, days, bucket) in [
        ("2024-02-01", 0, Bucket::Current),
        ("2024-02-02", 1, Bucket::To30),
        ("2024-03-02", 30, Bucket::To30),
        ("2024-03-03", 31, Bucket::To60),
        ("2024-04-01", 60, Bucket::To60),
        ("2024-04-02", 61, Bucket::To90),
        ("2024-05-01", 90, Bucket::To90),
        ("2024-05-02", 91, Bucket::Over90),
    ] {
        let arrears = book.arrears(day(on));
        assert_eq!((arrears.days, arrears.bucket), (days, bucket), "{on}");
    }
    // Penalty interest: 30 days on 16,255 and one on 16,418, as a pay-off of the day has it.
    assert_eq!(book.arrears(day("2024-03-02")).overdue, amounts(140, 0, 1_837, 32_673));
}

#[test]
fn what_is_past_due_is_the_same_whether_or_not_money_moved_on_the_day() {
    let fees = Fees { late: Price::Flat(500), ..Fees::default() };
    let book = lent_by(policy(), Wanted { fees, ..wanted() });
    let on = day("2024-03-02");
    let before = book.arrears(on).overdue;
    assert_eq!(before, amounts(1_140, 0, 1_837, 32_673));
    let mut after = book;
    after.advance(on).expect("in range");
    assert_eq!(after.arrears(on).overdue, before);
}

#[test]
fn principal_past_due_bears_penalty_interest_by_the_day() {
    let penalty = |book: &Book, on: &str| book.accrual(day(on)).expect("in range").penalty;
    let mut book = lent();
    assert_eq!(penalty(&book, "2024-02-01"), 0);
    // 16,255 times 29 days of 360 at 10 %.
    assert_eq!(penalty(&book, "2024-03-01"), 131);
    // Together with 16,418 of the second instalment.
    assert_eq!(penalty(&book, "2024-04-01"), 412);
    repay(&mut book, "2024-03-01", 131, Beyond::Ahead);
    assert_eq!((book.paid(), penalty(&book, "2024-04-01")), (amounts(131, 0, 0, 0), 412));
}

#[test]
fn within_the_days_of_grace_there_is_no_penalty() {
    let fees = Fees { late: Price::Flat(500), ..Fees::default() };
    let lenient = Policy { penalty_grace_days: 5, ..policy() };
    let mut book = lent_by(lenient, Wanted { fees, ..wanted() });
    assert_eq!(pay_off(&book, "2024-02-06").penalty, 0);
    // The fee, and a day's interest of 0.05.
    assert_eq!(pay_off(&book, "2024-02-07").penalty, 505);
    assert_eq!(pay_off(&book, "2024-02-29").penalty, 500 + 104);
    repay(&mut book, "2024-02-06", 17_255, Beyond::Ahead);
    assert_eq!(pay_off(&book, "2024-02-29").penalty, 0);
}

#[test]
fn a_late_fee_is_charged_once_however_time_is_divided() {
    let fees = Fees { late: Price::Part(rate("10")), ..Fees::default() };
    let mut book = lent_by(policy(), Wanted { fees, ..wanted() });
    let whole = pay_off(&book, "2024-02-20");
    for on in ["2024-02-02", "2024-02-10", "2024-02-20"] {
        book.advance(day(on)).expect("in range");
    }
    assert_eq!(pay_off(&book, "2024-02-20"), whole);
    // A tenth of 172.55, and 19 days of interest on 162.55.
    assert_eq!(whole.penalty, 1_726 + 86);
}
