use florin_kernel::{CustomerId, Date, Violations};

use super::*;
use crate::domain::{
    allocation::{Across, Allocation, Component},
    apr::Cost,
    book::{Beyond, Bucket},
    fee::{Fees, Price},
    product::{Offer, Product, tests::offer},
    refusal::Refusal,
    request::{Asked, Request, tests::asked},
    terms::{Terms, Wanted},
};

pub(in crate::domain) fn day(text: &str) -> Date {
    text.parse().expect(text)
}

pub(in crate::domain) fn application(offer: &Offer, asked: &Asked) -> Application {
    let product = Product::new(offer).expect("a product");
    let request = Request::new(asked, &product, day("2024-01-01")).expect("a request");
    Application {
        customer: CustomerId::from_parts(1, [1; 10]),
        product: product.code().to_owned(),
        version: 1,
        policy: product.policy(),
        tranches: product.tranches(),
        request,
        maker: "anna".into(),
    }
}

fn applied() -> Loan {
    Loan::apply_for(LoanId::from_parts(1, [1; 10]), application(&offer(), &asked()))
}

/// Takes what was decided in, and gives it.
pub(in crate::domain) fn take(loan: &mut Loan, decided: Result<Vec<Event>, Refusal>) -> Vec<Event> {
    let events = decided.expect("allowed");
    for event in &events {
        loan.apply(event.clone()).expect("applied");
    }
    events
}

fn accepted(mut loan: Loan) -> Loan {
    let decided = loan.approve("ben", 100_000, 500_000);
    take(&mut loan, decided);
    let decided = loan.accept();
    take(&mut loan, decided);
    loan
}

pub(in crate::domain) fn active() -> Loan {
    let mut loan = accepted(applied());
    let decided = loan.disburse("d1", day("2024-01-01"), 100_000);
    take(&mut loan, decided);
    loan
}

pub(in crate::domain) fn repay(
    loan: &mut Loan,
    reference: &str,
    on: &str,
    amount: i64,
) -> Vec<Event> {
    let decided = loan.repay(reference, (day(on), amount), Beyond::Ahead, Overpayment::Returned);
    take(loan, decided)
}

fn new_terms(loan: &Loan) -> Terms {
    let held = **loan.application().request.terms();
    Terms::new(Wanted { instalments: 12, ..held }).expect("terms")
}

#[test]
fn a_loan_goes_from_the_application_to_the_last_repayment() {
    let mut loan = active();
    assert_eq!((loan.state(), loan.approved()), (State::Active, 100_000));
    for (reference, on) in [("r1", "2024-02-01"), ("r2", "2024-03-01"), ("r3", "2024-04-01")] {
        repay(&mut loan, reference, on, 17_255);
        assert_eq!(loan.state(), State::Active);
    }
    let pay_off = loan.book().expect("a book").pay_off(day("2024-04-16")).expect("in range").total;
    let decided = repay(&mut loan, "r4", "2024-04-16", pay_off + 100);
    let returned = |event: &Event| matches!(event, Event::Repaid { returned: 100, .. });
    assert!(decided.iter().any(returned), "{decided:?}");
    assert_eq!(loan.state(), State::Closed);
    assert_eq!(loan.book().map(|book| book.paid().principal), Some(100_000));
}

#[test]
fn another_person_than_the_maker_approves_and_two_do_above_a_limit() {
    let mut loan = applied();
    let same = |person: &str| Err(Refusal::SamePerson { person: person.into() });
    assert_eq!(loan.approve("anna", 100_000, 100_000), same("anna"));
    let above = Refusal::AboveRequest { amount: 100_001, requested: 100_000 };
    assert_eq!(loan.approve("ben", 100_001, i64::MAX), Err(above));
    let decided = loan.approve("ben", 90_000, 89_999);
    assert_eq!(take(&mut loan, decided), [Event::Endorsed { by: "ben".into(), amount: 90_000 }]);
    assert_eq!(loan.state(), State::Applied);
    assert_eq!(loan.approve("ben", 90_000, 89_999), same("ben"));
    let other = Refusal::OtherAmount { endorsed: 90_000, amount: 90_100 };
    assert_eq!(loan.approve("carl", 90_100, 89_999), Err(other));
    let decided = loan.approve("carl", 90_000, 89_999);
    take(&mut loan, decided);
    assert_eq!((loan.state(), loan.approved()), (State::Approved, 90_000));
}

#[test]
fn a_rejection_has_a_reason_and_is_final() {
    let mut loan = applied();
    assert_eq!(loan.reject("ben", vec![" ".into()]), Err(Refusal::NoReason));
    assert!(loan.reject("anna", vec!["debts".into()]).is_err());
    let decided = loan.reject("ben", vec!["debts".into()]);
    take(&mut loan, decided);
    assert_eq!((loan.state(), loan.reasons()), (State::Rejected, ["debts".to_owned()].as_slice()));
    assert!(loan.approve("ben", 100, 100).is_err() && loan.cancel("").is_err());
}

#[test]
fn it_is_cancelled_only_before_money_has_moved() {
    let mut loan = accepted(applied());
    let decided = loan.cancel("not needed");
    let mut other = loan.clone();
    take(&mut other, decided);
    assert_eq!(other.state(), State::Cancelled);
    let decided = loan.disburse("d1", day("2024-01-01"), 100);
    take(&mut loan, decided);
    let refused = Refusal::NotAllowed { state: State::Active, verb: "cancelled" };
    assert_eq!(loan.cancel("too late"), Err(refused));
}

#[test]
fn each_verb_is_refused_in_the_states_that_do_not_know_it() {
    let on = day("2024-01-01");
    let loan = applied();
    let refused = [
        loan.accept(),
        loan.disburse("a", on, 1),
        loan.repay("b", (on, 1), Beyond::Ahead, Overpayment::Returned),
        loan.reverse("c", "b"),
        loan.restructure("d", on, new_terms(&loan), None),
        loan.write_off("e", on, "ben", "carl"),
        loan.recover("f", on, 1),
        loan.settle("g", on),
    ];
    for decided in refused {
        assert!(matches!(decided, Err(Refusal::NotAllowed { state: State::Applied, .. })));
    }
    assert!(State::ALL.iter().all(|state| !state.to_string().is_empty()));
}

#[test]
fn disbursements_stay_within_the_approval_and_their_number() {
    let mut loan = accepted(applied());
    let above = Refusal::AboveApproval { amount: 100_001, left: 100_000 };
    assert_eq!(loan.disburse("d", day("2024-01-01"), 100_001), Err(above));
    for (reference, on) in [("d1", "2024-01-01"), ("d2", "2024-02-10"), ("d3", "2024-02-10")] {
        let decided = loan.disburse(reference, day(on), 10_000);
        take(&mut loan, decided);
    }
    let none = Refusal::NoTrancheLeft { most: 3 };
    assert_eq!(loan.disburse("d4", day("2024-02-10"), 1), Err(none));
    let early = Refusal::Backdated { on: day("2024-02-09"), last: day("2024-02-10") };
    let decided = loan.repay("r", (day("2024-02-09"), 1), Beyond::Ahead, Overpayment::Refused);
    assert_eq!(decided, Err(early));
}

#[test]
fn the_first_due_date_that_was_agreed_is_after_the_money() {
    let asked = Asked { first_due: "2024-01-20".into(), ..asked() };
    let loan = Loan::apply_for(LoanId::from_parts(1, [1; 10]), application(&offer(), &asked));
    let loan = accepted(loan);
    let passed = Refusal::FirstDuePassed { on: day("2024-01-20"), first_due: day("2024-01-20") };
    assert_eq!(loan.disburse("d1", day("2024-01-20"), 100), Err(passed));
    assert!(loan.disburse("d1", day("2024-01-19"), 100).is_ok());
}

#[test]
fn the_same_reference_again_changes_nothing_and_with_other_content_is_refused() {
    let mut loan = active();
    repay(&mut loan, "r1", "2024-02-01", 17_255);
    let before = loan.clone();
    assert!(repay(&mut loan, "r1", "2024-02-01", 17_255).is_empty());
    assert_eq!(loan.disburse("d1", day("2024-01-01"), 100_000), Ok(vec![]));
    let reused = |reference: &str| Err(Refusal::ReferenceReused { reference: reference.into() });
    let decided = loan.repay("r1", (day("2024-02-01"), 1), Beyond::Ahead, Overpayment::Returned);
    assert_eq!(decided, reused("r1"));
    assert_eq!(loan.disburse("r1", day("2024-02-01"), 1), reused("r1"));
    assert_eq!(loan, before);
}

#[test]
fn more_than_pays_it_off_is_refused_without_leave() {
    let loan = active();
    let on = day("2024-01-16");
    let decided = loan.repay("r", (on, 100_485), Beyond::Ahead, Overpayment::Refused);
    assert_eq!(decided, Err(Refusal::AbovePayOff { amount: 100_485, pay_off: 100_484 }));
    assert!(loan.repay("r", (on, 100_484), Beyond::Ahead, Overpayment::Refused).is_ok());
}

#[test]
fn a_reversal_leaves_the_loan_as_if_the_repayment_had_never_been() {
    let mut loan = active();
    repay(&mut loan, "r1", "2024-02-01", 17_255);
    repay(&mut loan, "r2", "2024-03-01", 17_255);
    let decided = loan.reverse("v1", "r1");
    take(&mut loan, decided);
    let mut without = active();
    repay(&mut without, "r2", "2024-03-01", 17_255);
    assert_eq!(loan.book(), without.book());
    assert_eq!(loan.book().map(|book| book.arrears(day("2024-03-02")).bucket), Some(Bucket::To30));
    assert_eq!(loan.reverse("v1", "r1"), Ok(vec![]));
    let twice = Refusal::AlreadyReversed { reference: "r1".into() };
    assert_eq!(loan.reverse("v2", "r1"), Err(twice));
    let none = Refusal::RepaymentNotFound { reference: "d1".into() };
    assert_eq!(loan.reverse("v2", "d1"), Err(none));
}

#[test]
fn a_reversal_opens_a_loan_that_was_repaid() {
    let mut loan = active();
    repay(&mut loan, "r1", "2024-01-16", 100_484);
    assert_eq!(loan.state(), State::Closed);
    let decided = loan.reverse("v1", "r1");
    take(&mut loan, decided);
    assert_eq!(loan.state(), State::Active);
    assert_eq!(loan.book(), active().book());
}

#[test]
fn two_persons_write_it_off_and_money_may_still_come_in() {
    let mut loan = active();
    let on = day("2024-09-01");
    assert!(matches!(loan.write_off("w", on, "ben", "ben"), Err(Refusal::SamePerson { .. })));
    let decided = loan.write_off("w", on, "ben", "carl");
    take(&mut loan, decided);
    assert_eq!(loan.state(), State::WrittenOff);
    let early = Refusal::Backdated { on: day("2024-08-31"), last: on };
    assert_eq!(loan.recover("x", day("2024-08-31"), 1_000), Err(early));
    let later = day("2024-09-03");
    let decided = loan.recover("x", later, 1_000);
    take(&mut loan, decided);
    assert_eq!(loan.recover("x", later, 1_000), Ok(vec![]));
    let early = Refusal::Backdated { on, last: later };
    assert_eq!(loan.recover("y", on, 1_000), Err(early));
    assert!(loan.recover("y", later, 1_000_000).is_err());
    let decided = loan.repay("r", (on, 1), Beyond::Ahead, Overpayment::Returned);
    assert!(matches!(decided, Err(Refusal::NotAllowed { state: State::WrittenOff, .. })));
}

#[test]
fn what_was_paid_ahead_above_the_pay_off_settles_and_the_rest_is_returned() {
    let early = Price::Part("1".parse().expect("a rate"));
    let offer = Offer { fees: Fees { early, ..Fees::default() }, ..offer() };
    let loan = Loan::apply_for(LoanId::from_parts(1, [1; 10]), application(&offer, &asked()));
    let mut loan = accepted(loan);
    let decided = loan.disburse("d1", day("2024-01-01"), 100_000);
    take(&mut loan, decided);
    let pay_off = |loan: &Loan, on: &str| {
        loan.book().expect("a book").pay_off(day(on)).expect("in range").total
    };
    let ahead = pay_off(&loan, "2024-01-31") - 1;
    repay(&mut loan, "r1", "2024-01-31", ahead);
    let none = Refusal::NotAllowed { state: State::Active, verb: "settled" };
    assert_eq!(loan.settle("s", day("2024-01-31")), Err(none));
    // With an instalment due the fee is of less principal: 1,000.00 + 10.00 + 8.37.
    let due = day("2024-02-01");
    assert_eq!(pay_off(&loan, "2024-02-01"), 0);
    let decided = loan.settle("s", due);
    let (reference, returned) = ("s".to_owned(), ahead - 101_837);
    let settled = Event::Repaid { reference, on: due, amount: 0, returned, beyond: Beyond::Ahead };
    assert_eq!(take(&mut loan, decided), [settled]);
    assert!(returned > 0);
    assert_eq!((loan.state(), loan.to_return()), (State::Closed, 0));
    assert_eq!(loan.book().map(|book| book.paid().total()), Some(101_837));
    assert_eq!(loan.settle("s", due), Ok(vec![]));
    // What was returned cannot be owed again behind its back.
    assert!(loan.reverse("v", "r1").is_err());
    let decided = loan.reverse("v", "s");
    take(&mut loan, decided);
    assert_eq!(loan.state(), State::Active);
}

#[test]
fn what_a_repaid_loan_still_holds_is_told_and_returned() {
    let mut loan = active();
    let (reference, on) = ("r".to_owned(), day("2024-01-16"));
    let beyond = Beyond::Ahead;
    loan.apply(Event::Repaid { reference, on, amount: 100_584, returned: 0, beyond }).expect("in");
    assert_eq!((loan.state(), loan.to_return()), (State::Closed, 100));
    let decided = loan.settle("s", on);
    take(&mut loan, decided);
    assert_eq!((loan.state(), loan.to_return()), (State::Closed, 0));
    assert_eq!(loan.book().map(Book::credit), Some(0));
}

#[test]
fn other_terms_need_a_later_day_and_principal_and_cost_no_second_fee() {
    let upfront = Price::Flat(500);
    let offer = Offer { fees: Fees { upfront, ..Fees::default() }, ..offer() };
    let loan = Loan::apply_for(LoanId::from_parts(1, [1; 10]), application(&offer, &asked()));
    let mut loan = accepted(loan);
    let on = day("2024-01-01");
    let decided = loan.disburse("d1", on, 100_000);
    take(&mut loan, decided);
    let (terms, passed) = (new_terms(&loan), Refusal::FirstDuePassed { on, first_due: on });
    assert_eq!(loan.restructure("s1", on, terms, Some(on)), Err(passed));
    let decided = loan.restructure("s1", day("2024-03-16"), terms, None);
    take(&mut loan, decided);
    let cost = Cost::of(loan.book().expect("a book").plan()).expect("in range");
    assert_eq!((cost.fees, cost.total), (0, cost.interest));
    let mut loan = active();
    // All principal and interest but a cent of interest, by way of what is due.
    let whole: i64 = [17_255; 5].iter().sum::<i64>() + 17_253;
    loan.application.policy.allocation = Allocation::check(
        &[Component::Principal, Component::Interest, Component::Fee, Component::Penalty],
        Across::Components,
        &mut Violations::new(),
    )
    .expect("an order");
    loan.application.policy.penalty_rate = "0".parse().expect("a rate");
    loan.book = loan.folded(&loan.entries).expect("the same");
    repay(&mut loan, "r", "2024-08-01", whole - 1);
    let none =
        Refusal::NotAllowed { state: State::Active, verb: "restructured: no principal is left" };
    assert_eq!(loan.restructure("s", day("2024-08-01"), new_terms(&loan), None), Err(none));
}

#[test]
fn a_restructured_loan_keeps_its_old_plan_and_is_repaid_by_the_new() {
    let mut loan = active();
    let held = *new_terms(&loan);
    let other = Wanted { currency: "CZK".parse().expect("koruna"), ..held };
    let other = Terms::new(other).expect("terms");
    let decided = loan.restructure("s1", day("2024-03-16"), other, None);
    assert!(matches!(decided, Err(Refusal::CurrencyMismatch { .. })));
    let decided = loan.restructure("s1", day("2024-03-16"), new_terms(&loan), None);
    take(&mut loan, decided);
    assert_eq!(loan.state(), State::Restructured);
    assert_eq!(loan.book().map(|book| book.former().len()), Some(1));
    let pay_off = loan.book().expect("a book").pay_off(day("2024-04-01")).expect("in range").total;
    repay(&mut loan, "r1", "2024-04-01", pay_off);
    assert_eq!(loan.state(), State::Closed);
    assert_eq!(loan.book().map(|book| book.paid().principal), Some(100_000));
}
