//! Loans that earn no more, are given up, or go on by another plan.

use super::*;

#[test]
fn a_loan_restructured_while_suspended_earns_no_income_until_it_has_performed() {
    let terms = || Terms::new(wanted()).expect("terms");
    let on = |book: &Book, text: &str| book.accrual(day(text)).expect("in range");
    let mut book = lent();
    book.restructure(day("2024-03-15"), terms(), None).expect("restructured");
    assert!(!on(&book, "2024-03-15").suspended, "it was not suspended");
    let mut book = lent_by(Policy { penalty_rate: rate("0"), ..policy() }, wanted());
    book.restructure(day("2024-06-01"), terms(), None).expect("restructured");
    let now = on(&book, "2024-06-01");
    assert!(now.suspended && now.recognised == 0 && now.interest > 0);
    let pay = |book: &mut Book, text: &str| {
        let due: i64 = {
            let due = book.claims().iter().filter(|claim| claim.due <= day(text));
            due.map(|claim| claim.open().total()).sum()
        };
        repay(book, text, due, Beyond::Ahead);
    };
    pay(&mut book, "2024-07-01");
    // One day late: it begins anew.
    pay(&mut book, "2024-08-02");
    for paid in ["2024-09-01", "2024-10-01", "2024-11-01"] {
        let before = on(&book, paid);
        assert!(before.suspended && before.recognised == book.paid().interest, "{paid}");
        pay(&mut book, paid);
    }
    let after = on(&book, "2024-11-02");
    assert!(!after.suspended && after.recognised == after.interest);
    repay(&mut book, "2024-11-05", 1, Beyond::Ahead);
    assert!(!on(&book, "2024-11-05").suspended);
}

#[test]
fn above_the_days_of_the_product_no_more_interest_is_income() {
    let mut book = lent();
    let on = |book: &Book, text: &str| book.accrual(day(text)).expect("in range");
    let last = on(&book, "2024-05-01");
    assert!(!last.suspended && last.recognised == last.interest);
    let later = on(&book, "2024-06-01");
    assert!(later.suspended && later.interest > last.interest);
    assert_eq!(later.recognised, 0, "nothing was paid, so what had accrued is taken back");
    repay(&mut book, "2024-06-01", 90_000, Beyond::Ahead);
    let cured = on(&book, "2024-06-01");
    assert!(!cured.suspended && cured.recognised == cured.interest);
}

#[test]
fn after_a_write_off_nothing_is_earned_and_what_comes_in_is_recovered() {
    let mut book = lent();
    let owed = pay_off(&book, "2024-06-10");
    book.write_off(day("2024-06-10")).expect("written off");
    assert_eq!(book.written_off().map(|one| one.amounts), Some(owed));
    assert_eq!(book.accrual(day("2024-06-10")), book.accrual(day("2024-07-10")));
    assert!(book.recover(owed.total() + 1).is_err());
    assert_eq!(book.recover(40_000), Ok(()));
    assert_eq!(book.unrecovered(), owed.total() - 40_000);
    assert_eq!(book.recover(0), Err(PlanError::NotPositive));
}

/// There is no early fee in a write-off, and what was paid ahead pays none.
#[test]
fn what_is_given_up_has_no_early_fee() {
    let fees = Fees { early: Price::Part(rate("1")), ..Fees::default() };
    let mut book = lent_by(policy(), Wanted { fees, ..wanted() });
    repay(&mut book, "2024-01-02", 17_255, Beyond::Ahead);
    book.write_off(day("2024-01-16")).expect("written off");
    assert_eq!(book.written_off().map(|one| one.amounts.total()), Some(100_484 - 17_255));
}

#[test]
fn a_restructuring_repays_all_principal_anew_and_keeps_the_old_plan() {
    let mut book = lent();
    let old = book.plan().clone();
    let owed = pay_off(&book, "2024-03-16");
    let earned = book.accrual(day("2024-03-16")).expect("in range");
    let grace = Grace { principal: 1, ..Grace::default() };
    let terms = Terms::new(Wanted { instalments: 12, rate: rate("6"), grace, ..wanted() });
    book.restructure(day("2024-03-16"), terms.expect("terms"), None).expect("new terms");
    assert_eq!(book.former(), [Former { plan: old, until: day("2024-03-16") }]);
    assert_eq!(book.arrears(day("2024-03-17")).bucket, Bucket::Current);
    assert_eq!(book.accrual(day("2024-03-16")).map(|one| one.interest), Some(earned.interest));
    let carried = book.claims().iter().find(|claim| claim.source == Source::Carried);
    let carried = carried.expect("interest and penalties");
    assert_eq!(carried.due, day("2024-04-16"));
    assert_eq!(carried.owed, Amounts { principal: 0, ..owed });
    assert_eq!((book.open().principal, book.plan().lent()), (100_000, 100_000));
    // A month of holiday at 6 %, on all of it.
    let first = book.plan().schedule().first().copied().expect("a line");
    assert_eq!((first.principal, first.interest), (0, 500));
}

#[test]
fn a_tranche_with_a_down_payment_is_claimed_on_its_day() {
    let mut book = lent_by(policy(), Wanted { down_payment: rate("20"), ..wanted() });
    repay(&mut book, "2024-01-01", 20_000, Beyond::Ahead);
    book.disburse(day("2024-02-01"), 50_000).expect("lent");
    let down: Vec<_> = book
        .claims()
        .iter()
        .filter(|claim| claim.source == Source::Line(LineKind::DownPayment))
        .map(|claim| (claim.due.to_string(), claim.open().principal))
        .collect();
    assert_eq!(down, [("2024-01-01".to_owned(), 0), ("2024-02-01".to_owned(), 10_000)]);
    assert_eq!(book.open().principal + book.paid().principal, 150_000);
}

#[test]
fn accruals_are_not_told_of_days_before_the_last_move() {
    let mut book = lent();
    repay(&mut book, "2024-02-01", 17_255, Beyond::Ahead);
    assert_eq!(book.accrual(day("2024-01-31")), None);
    assert_eq!(book.accrual(day("2024-02-01")).map(|one| one.interest), Some(1_000));
}
