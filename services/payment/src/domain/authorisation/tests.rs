use super::*;
use crate::domain::{Given, give_back};

fn authorisation(holds: &[(i64, i64)]) -> Authorisation {
    let held =
        holds.iter().map(|(number, remaining)| CardHold { number: *number, remaining: *remaining });
    Authorisation {
        id: AuthorisationId::from_parts(1, [1; 10]),
        account: AccountId::from_parts(1, [1; 10]),
        customer: None,
        channel: "processor".into(),
        network: "visa".into(),
        network_reference: String::new(),
        merchant: Merchant {
            id: "m".into(),
            name: "Shop".into(),
            mcc: "5411".into(),
            country: "CZ".into(),
        },
        settlement_gl_code: "2400".into(),
        shortfall_gl_code: None,
        currency: "EUR".parse().expect("euro"),
        status: AuthorisationStatus::Authorised,
        authorised: holds.iter().map(|(_, remaining)| remaining).sum(),
        captured: 0,
        holds: held.collect(),
        expires_at: UnixMicros(100),
        operations: 1,
        pending: None,
        version: 1,
        created_at: UnixMicros(1),
        changed_at: UnixMicros(1),
    }
}

fn released(number: i64, amount: Option<i64>) -> Released {
    Released { number, amount }
}

#[test]
fn states_and_operations_are_stored_under_these_numbers_for_ever() {
    let codes = AuthorisationStatus::ALL.iter().map(|status| status.code());
    assert_eq!(codes.collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
    assert_eq!(AuthorisationStatus::from_code(7), None);
    use OperationKind::{Authorise, Capture, Expire, Increment, Reverse};
    let kinds = [Authorise, Increment, Capture, Reverse, Expire].map(OperationKind::code);
    assert_eq!(kinds, [1, 2, 3, 4, 5]);
    assert_eq!(OperationKind::from_code(6), None);
    assert_eq!(
        [1, 2, 3, 4].map(|code| Decision::from_code(code).is_some()),
        [true, true, true, false]
    );
    assert_eq!(Decider::from_code(4), Some(Decider::StandIn));
}

#[test]
fn a_capture_takes_the_oldest_holds_and_the_last_gives_the_others_back() {
    let one = authorisation(&[(1, 10), (2, 5), (3, 5)]);
    let part = |number, amount, keep_rest| Part { number, amount, keep_rest };
    let parts = one.plan_capture(12, false);
    assert_eq!(parts.parts, [part(1, 10, false), part(2, 2, true)]);
    assert_eq!((parts.beyond, parts.released.len()), (0, 0));
    let last = one.plan_capture(12, true);
    assert_eq!(last.parts, [part(1, 10, false), part(2, 2, false)]);
    assert_eq!((last.beyond, last.released), (0, vec![released(3, None)]));
    let above = one.plan_capture(23, true);
    assert_eq!(above.parts.len(), 3);
    assert_eq!((above.beyond, above.released.len()), (3, 0));
}

#[test]
fn parts_are_captured_until_the_last_and_what_they_leave_is_held() {
    let mut one = authorisation(&[(1, 10), (2, 5)]);
    let plan = one.plan_capture(12, false);
    one.capture(12, false, &plan).expect("range");
    assert_eq!((one.captured, one.held(), one.remainder()), (12, 3, 3));
    assert_eq!(one.holds, [CardHold { number: 2, remaining: 3 }]);
    let plan = one.plan_capture(1, true);
    one.capture(1, true, &plan).expect("range");
    assert_eq!((one.status, one.captured, one.held()), (AuthorisationStatus::Captured, 13, 0));
    assert_eq!(one.is_free(UnixMicros(1)), Err(NotTaken::State(AuthorisationStatus::Captured)));
}

#[test]
fn captures_together_may_be_above_by_the_lesser_of_percent_and_amount() {
    let mut one = authorisation(&[(1, 100)]);
    let tolerance = |percent, at_most| Tolerance { percent, at_most };
    let left = |one: &Authorisation, tolerance| {
        let mut most = 0;
        while one.may_capture(most + 1, tolerance).is_ok() {
            most += 1;
        }
        let refused = one.may_capture(most + 1, tolerance);
        assert_eq!(refused, Err(NotTaken::AboveTolerance { left: one.money(most) }));
        most
    };
    assert_eq!(left(&one, Tolerance::default()), 100);
    assert_eq!(left(&one, tolerance(15, None)), 115);
    assert_eq!(left(&one, tolerance(15, Some(10))), 110);
    assert_eq!(left(&one, tolerance(15, Some(20))), 115);
    let plan = one.plan_capture(60, false);
    one.capture(60, false, &plan).expect("range");
    assert_eq!(left(&one, tolerance(15, None)), 55);
    one.reverse(20, &one.plan_reversal(20));
    assert_eq!(left(&one, tolerance(15, None)), 32, "of what is still authorised: 80 and 12");
    assert_eq!(tolerance(u32::MAX, None).above(i64::MAX), i64::MAX);
}

#[test]
fn a_reversal_gives_the_youngest_holds_back_and_all_of_them_at_the_end() {
    let mut one = authorisation(&[(1, 10), (2, 5)]);
    assert_eq!(one.plan_reversal(4).released, [released(2, Some(4))]);
    assert_eq!(one.plan_reversal(5).released, [released(2, None)]);
    assert_eq!(one.plan_reversal(7).released, [released(2, None), released(1, Some(2))]);
    assert_eq!(one.plan_reversal(15).released, [released(2, None), released(1, None)]);
    assert_eq!(one.may_reverse(16), Err(NotTaken::AboveRemainder { left: one.money(15) }));
    let plan = one.plan_reversal(7);
    one.reverse(7, &plan);
    assert_eq!((one.authorised, one.held(), one.remainder()), (8, 8, 8));
    let plan = one.plan_reversal(8);
    one.reverse(8, &plan);
    assert_eq!((one.status, one.authorised), (AuthorisationStatus::Reversed, 0));
}

#[test]
fn what_is_not_held_is_reversed_first() {
    let mut one = authorisation(&[(1, 10)]);
    one.authorised = 14;
    assert!(one.plan_reversal(4).released.is_empty());
    assert_eq!(one.plan_reversal(5).released, [released(1, Some(1))]);
    one.reverse(4, &Plan::default());
    assert_eq!((one.held(), one.remainder()), (10, 10));
}

#[test]
fn one_operation_at_a_time_and_none_after_the_end() {
    let one = authorisation(&[(1, 10)]);
    assert_eq!(one.is_free(UnixMicros(99)), Ok(()));
    let expired = Err(NotTaken::State(AuthorisationStatus::Expired));
    assert_eq!(one.is_free(UnixMicros(100)), expired);
    let busy = Authorisation { pending: Some(1), ..one.clone() };
    assert_eq!(busy.is_free(UnixMicros(99)), Err(NotTaken::Busy));
    for (status, refused) in [
        (AuthorisationStatus::Pending, NotTaken::Busy),
        (AuthorisationStatus::Declined, NotTaken::State(AuthorisationStatus::Declined)),
        (AuthorisationStatus::Reversed, NotTaken::State(AuthorisationStatus::Reversed)),
        (AuthorisationStatus::Expired, NotTaken::State(AuthorisationStatus::Expired)),
    ] {
        let ended = Authorisation { status, ..one.clone() };
        assert_eq!(ended.is_free(UnixMicros(99)), Err(refused));
        assert_eq!(ended.remainder(), 0);
    }
    let eight: Vec<_> = (1..=8).map(|number| (number, 1)).collect();
    assert_eq!(authorisation(&eight).may_increment(1), Err(NotTaken::TooManyHolds));
    assert_eq!(one.may_increment(i64::MAX), Err(NotTaken::OutOfRange));
    assert_eq!(one.may_increment(1), Ok(()));
}

#[test]
fn limits_get_back_the_youngest_first_and_nothing_twice() {
    let operation = |number, minor, counter: &str| Operation {
        authorisation: AuthorisationId::from_parts(1, [1; 10]),
        number,
        kind: OperationKind::Authorise,
        network: "visa".into(),
        reference: format!("r{number}"),
        request_hash: Vec::new(),
        amount: Money::new(minor, "EUR".parse().expect("euro")),
        last: false,
        hold_seconds: 1,
        answer_by: None,
        initiator: Vec::new(),
        traceparent: None,
        score: Vec::new(),
        created_at: UnixMicros(1),
        decision: Decision::Approved,
        decided_by: Some(Decider::Ledger),
        decided_at: Some(UnixMicros(1)),
        failure: None,
        transaction: None,
        shortfall: 0,
        reserved: vec![counter.to_owned()],
        given_back: 0,
    };
    let mut both = [operation(1, 10, "monday"), operation(2, 5, "tuesday")];
    let of = |counter: &str, amount| Given {
        number: if counter == "monday" { 1 } else { 2 },
        amount,
        reserved: vec![counter.to_owned()],
    };
    assert_eq!(give_back(&mut both, 3), [of("tuesday", 3)]);
    assert_eq!(give_back(&mut both, 3), []);
    assert_eq!(give_back(&mut both, 9), [of("tuesday", 2), of("monday", 4)]);
    assert_eq!(give_back(&mut both, 99), [of("monday", 6)]);
    assert_eq!(give_back(&mut both, 99), []);
}
