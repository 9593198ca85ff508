use florin_kernel::Date;

use super::*;
use crate::domain::loan::tests::{active, repay};

fn day(text: &str) -> Date {
    text.parse().expect(text)
}

#[test]
fn the_end_of_a_day_says_what_is_past_due_on_the_next_morning() {
    let loan = active();
    let book = loan.book().expect("a book");
    let on = |text: &str| book.day_end(day(text)).expect("in range");
    let due = on("2024-01-31");
    assert_eq!((due.due_on, due.arrears.days), (Some(day("2024-02-01")), 0));
    assert_eq!(book.due_by(day("2024-01-31")).expect("in range").total(), 0);
    assert_eq!(book.due_by(day("2024-02-01")).expect("in range").total(), 17_255);
    assert_eq!(on("2024-02-01").arrears.days, 1);
    let late = on("2024-04-30");
    assert!(!late.suspended && late.earned.interest > 0 && late.earned.penalty > 0);
    let later = on("2024-05-01");
    assert!(later.suspended, "91 days past due on the next morning");
    assert_eq!(later.earned, Earned::default());
}

#[test]
fn a_loan_is_told_as_it_was_at_the_end_of_a_day_before_what_happened_later() {
    let mut loan = active();
    let before = loan.clone();
    repay(&mut loan, "r1", "2024-02-01", 17_255);
    repay(&mut loan, "r2", "2024-03-01", 17_255);
    assert_eq!(loan.as_of(day("2024-01-31")).expect("in range").book(), before.book());
    let then = loan.as_of(day("2024-02-29")).expect("in range");
    assert_eq!(then.repayments().count(), 1);
    assert_eq!(loan.as_of(day("2024-03-01")).expect("in range"), loan);
}

#[test]
fn what_is_given_up_is_what_was_moved_and_booked_as_earned() {
    let loan = active();
    let book = loan.book().expect("a book");
    let earned = book.day_end(day("2024-01-20")).expect("in range").earned;
    let left = book.left(&earned).expect("in range");
    assert_eq!(left.principal, 100_000);
    assert_eq!(left.interest, earned.interest);
    assert!(earned.interest > 0);
}
