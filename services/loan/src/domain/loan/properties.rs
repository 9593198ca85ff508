//! Whatever happens to a loan, in whatever order.

use florin_kernel::Date;
use proptest::prelude::*;

use super::{
    tests::{active, application, day, repay, take},
    *,
};
use crate::domain::{
    book::Beyond,
    day::{Earned, Moved, Track},
    fee::{Fees, Price},
    plan::Effect,
    product::{Offer, tests::offer},
    request::tests::asked,
    terms::{Terms, Wanted},
};

/// What a day brings.
#[derive(Debug, Clone, Copy)]
enum Step {
    Repay(i64),
    Early(i64, Effect),
    Tranche(i64),
    Reverse(usize),
    Restructure(u32),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1_i64..40_000).prop_map(Step::Repay),
        2 => (1_i64..60_000).prop_map(|amount| Step::Early(amount, Effect::Lower)),
        2 => (1_i64..60_000).prop_map(|amount| Step::Early(amount, Effect::Shorten)),
        1 => (1_i64..20_000).prop_map(Step::Tranche),
        1 => (0_usize..8).prop_map(Step::Reverse),
        1 => (1_u32..20).prop_map(Step::Restructure),
    ]
}

fn happens(loan: &mut Loan, number: usize, on: Date, step: Step) -> Vec<Event> {
    let reference = format!("m{number}");
    let decided = match step {
        Step::Repay(amount) => {
            loan.repay(&reference, (on, amount), Beyond::Ahead, Overpayment::Returned)
        }
        Step::Early(amount, effect) => {
            loan.repay(&reference, (on, amount), Beyond::Early(effect), Overpayment::Returned)
        }
        Step::Tranche(amount) => loan.disburse(&reference, on, amount),
        Step::Reverse(which) => loan.reverse(&reference, &format!("m{which}")),
        Step::Restructure(instalments) => {
            let held = **loan.application().request.terms();
            let terms = Terms::new(Wanted { instalments, ..held });
            loan.restructure(&reference, on, terms.expect("terms"), None)
        }
    };
    let events = decided.unwrap_or_default();
    for event in &events {
        loan.apply(event.clone()).expect("what was decided applies");
    }
    events
}

fn is_sound(loan: &Loan) {
    let book = loan.book().expect("a book");
    let owed: i64 = book.claims().iter().map(|claim| claim.owed.principal).sum();
    assert_eq!(owed, book.lent(), "principal claimed is principal lent");
    for claim in book.claims() {
        for amounts in [claim.paid, claim.open()] {
            let all = [amounts.penalty, amounts.fee, amounts.interest, amounts.principal];
            assert!(all.iter().all(|amount| *amount >= 0), "{claim:?}");
        }
    }
    let kept: i64 = loan
        .entries
        .iter()
        .filter(|entry| !entry.reversed)
        .map(|entry| {
            let Event::Repaid { amount, returned, .. } = &entry.event else { return 0 };
            amount - returned
        })
        .sum();
    assert_eq!(book.paid().total() + book.credit(), kept, "money that came in is accounted for");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_the_replay_agrees_and_principal_repaid_is_principal_lent(
        steps in prop::collection::vec((0_i64..60, step()), 1..8),
        late in 0_i64..3_00,
    ) {
        let offer = Offer {
            fees: Fees {
                late: Price::Flat(late),
                early: Price::Part("1".parse().expect("a rate")),
                instalment: Price::Flat(100),
                ..Fees::default()
            },
            down_payment: "10".into(),
            ..offer()
        };
        let id = LoanId::from_parts(1, [1; 10]);
        let mut loan = Loan::apply_for(id, application(&offer, &asked()));
        let mut events = Vec::new();
        let decided = loan.approve("ben", 100_000, i64::MAX);
        events.extend(take(&mut loan, decided));
        let decided = loan.accept();
        events.extend(take(&mut loan, decided));
        let decided = loan.disburse("d1", day("2024-01-01"), 70_000);
        events.extend(take(&mut loan, decided));
        let mut on = day("2024-01-01");
        for (number, (days, step)) in steps.into_iter().enumerate() {
            on = on.checked_add(jiff::Span::new().days(days)).expect("a day");
            events.extend(happens(&mut loan, number, on, step));
            is_sound(&loan);
        }
        let replayed = Loan::replay(id, loan.application().clone(), events);
        prop_assert_eq!(replayed.as_ref(), Ok(&loan));
        if loan.state() != State::Closed {
            let pay_off = loan.book().expect("a book").pay_off(on).expect("in range").total;
            // Where more was paid ahead than pays it off there is nothing to pay.
            prop_assume!(pay_off > 0);
            let decided = loan.repay("end", (on, pay_off), Beyond::Ahead, Overpayment::Refused);
            take(&mut loan, decided);
        }
        is_sound(&loan);
        prop_assert_eq!(loan.state(), State::Closed);
        let book = loan.book().expect("a book");
        prop_assert_eq!(book.paid().principal, book.lent());
        // What was earned and what was moved leave nothing in the general ledger.
        let left = book.left(&book.day_end(book.through()).expect("in range").earned);
        prop_assert_eq!(left, Some(Moved::default()));
    }

    #[test]
    fn accruals_of_any_split_of_days_sum_to_the_whole(
        cuts in prop::collection::vec(0_i64..400, 1..10),
        paid in 0_i64..30_000,
    ) {
        let mut loan = active();
        if paid > 0 {
            repay(&mut loan, "r1", "2024-02-20", paid);
        }
        let book = loan.book().expect("a book");
        let mut cuts = cuts;
        cuts.sort_unstable();
        let until = |days| book.through().checked_add(jiff::Span::new().days(days)).expect("a day");
        let told = |days| {
            let accrual = book.accrual(until(days)).expect("in range");
            [accrual.interest, accrual.penalty]
        };
        let mut before = [0; 2];
        let mut booked = [0; 2];
        for cut in cuts.into_iter().chain([400]) {
            let now = told(cut);
            for (sum, (now, before)) in booked.iter_mut().zip(now.into_iter().zip(before)) {
                prop_assert!(now >= before, "nothing is taken back");
                *sum += now - before;
            }
            before = now;
        }
        prop_assert_eq!(booked, told(400));
    }

    #[test]
    fn what_the_ends_of_days_book_is_the_same_however_they_are_grouped_and_by_a_track(
        cuts in prop::collection::btree_set(0_i64..300, 0..12),
        paid in 0_i64..40_000,
    ) {
        let mut loan = active();
        if paid > 0 {
            repay(&mut loan, "r1", "2024-02-20", paid);
        }
        let book = loan.book().expect("a book");
        let on = |days: i64| book.through().checked_add(jiff::Span::new().days(days)).expect("a day");
        let (mut booked, mut sum) = (Earned::default(), Earned::default());
        for cut in cuts.into_iter().chain([300]) {
            let end = book.day_end(on(cut)).expect("in range");
            let due = end.earned.since(&booked).expect("in range");
            sum = sum.plus(&due).expect("in range");
            booked = end.earned;
            let track = Track::of(book, on(cut), end.due_on, 40);
            for later in 1..50 {
                let Some(interest) = track.on(on(cut + later)) else { continue };
                let slow = book.day_end(on(cut + later)).expect("in range");
                prop_assert_eq!(Earned { interest, ..end.earned }, slow.earned);
            }
        }
        prop_assert_eq!(sum, book.day_end(on(300)).expect("in range").earned);
    }
}
