//! What holds of every plan.

use super::*;

fn methods() -> impl Strategy<Value = Method> {
    prop::sample::select(vec![
        Method::EqualInstalments,
        Method::EqualPrincipal,
        Method::Flat,
        Method::Bullet,
    ])
}

prop_compose! {
    fn any_wanted()(
        method in methods(),
        instalments in 1_u32..40,
        units in 0_i64..=80_000_000,
        basis in prop::sample::select(Basis::ALL.to_vec()),
        (count, unit) in prop::sample::select(vec![
            (1_i64, Unit::Days), (15, Unit::Days), (1, Unit::Weeks), (2, Unit::Weeks),
            (1, Unit::Months), (3, Unit::Months), (12, Unit::Months),
        ]),
        grace in (0_u32..5, 0_u32..5, 0_u32..5),
        down in prop::sample::select(vec![0_i64, 10_000_000, 33_333_333]),
        multiple in prop::sample::select(vec![1_i64, 10, 100]),
    ) -> Wanted {
        let most = instalments - 1;
        Wanted {
            rate: Rate::from_units(units).expect("in range"),
            basis,
            spacing: every(count, unit),
            grace: Grace {
                principal: grace.0.min(most),
                interest: grace.1.min(most),
                free: grace.2.min(instalments),
            },
            down_payment: Rate::from_units(down).expect("in range"),
            multiple,
            ..wanted(method, instalments)
        }
    }
}

fn is_whole(plan: &Plan, repaid: i64) {
    let schedule = plan.schedule();
    let principal: i64 = schedule.iter().map(|line| line.principal).sum();
    assert_eq!(principal + repaid, plan.lent(), "principal repaid is principal lent");
    for line in &schedule {
        let amounts = [line.principal, line.interest, line.earned, line.fee, line.balance];
        assert!(amounts.iter().all(|amount| *amount >= 0), "{line:?}");
    }
    assert_eq!(schedule.last().map(|line| line.balance), Some(0));
    let due: i64 = schedule.iter().map(|line| line.interest).sum();
    let earned: i64 = schedule.iter().map(|line| line.earned).sum();
    assert_eq!((due, plan.earned_until(Date::MAX)), (earned, Some(earned)));
    assert!(schedule.windows(2).all(|pair| pair[0].due <= pair[1].due));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn principal_sums_to_what_was_lent_and_nothing_is_negative(
        wanted in any_wanted(), amount in 1_i64..10_000_000,
    ) {
        is_whole(&lent(wanted, "2023-10-31", amount), 0);
    }

    #[test]
    fn so_it_does_with_tranches_and_early_repayments(
        wanted in any_wanted(),
        moves in prop::collection::vec((0_i64..400, 1_i64..2_000_000, 0_u8..3), 1..5),
    ) {
        let mut plan = lent(wanted, "2023-10-31", 1_000_000);
        let mut repaid = 0;
        let mut moves = moves;
        moves.sort_unstable();
        for (after, amount, kind) in moves {
            let on = plan.start().checked_add(jiff::Span::new().days(after)).expect("a day");
            let took = match kind {
                0 => plan.disburse(on, amount).map(|()| 0),
                1 => plan.repay_early(on, amount, Effect::Lower).map(|()| amount),
                _ => plan.repay_early(on, amount, Effect::Shorten).map(|()| amount),
            };
            repaid += took.unwrap_or(0);
        }
        is_whole(&plan, repaid);
    }

    #[test]
    fn the_interest_of_any_split_of_days_sums_to_that_of_the_whole(
        wanted in any_wanted(), cuts in prop::collection::vec(0_i64..500, 1..8),
    ) {
        let mut plan = lent(wanted, "2023-10-31", 1_234_567);
        let before = plan.earned_until(day("2023-11-09"));
        let early = plan.repay_early(day("2023-11-09"), 100_000, Effect::Lower);
        if early.is_ok() && wanted.method != Method::Flat {
            prop_assert_eq!(plan.earned_until(day("2023-11-09")), before, "no move changes it");
        }
        let mut cuts = cuts;
        cuts.sort_unstable();
        let (mut sum, mut before) = (0, 0);
        for cut in cuts {
            let until = plan.start().checked_add(jiff::Span::new().days(cut)).expect("a day");
            let earned = plan.earned_until(until).expect("in range");
            prop_assert!(earned >= before, "interest is not taken back");
            sum += earned - before;
            before = earned;
        }
        sum += plan.earned_until(plan.end()).expect("in range") - before;
        prop_assert_eq!(sum, plan.schedule().iter().map(|line| line.earned).sum::<i64>());
    }
}
