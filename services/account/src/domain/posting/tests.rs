//! Legs, entries and what a transaction leaves behind.

use proptest::prelude::*;

use super::{
    super::account::{
        Status,
        tests::{acc, account},
    },
    *,
};

fn leg(target: Target, minor: i64) -> Leg {
    let eur = "EUR".parse().expect("euro");
    Leg { target, amount: Money::new(minor, eur), counterparty: String::new() }
}

fn customer(id: &str, minor: i64) -> Leg {
    leg(Target::Account(acc(id)), minor)
}

fn chart() -> BTreeMap<String, GlAccount> {
    [("1010", false), ("2010", true)]
        .map(|(code, control)| {
            let gl = GlAccount { code: code.into(), name: String::new(), class: 1, control };
            (code.to_owned(), gl)
        })
        .into()
}

fn accounts(balances: &[(&str, i64)]) -> BTreeMap<AccountId, Account> {
    balances.iter().map(|(id, posted)| (acc(id), account(id, *posted))).collect()
}

#[test]
fn legs_must_sum_to_zero_in_each_currency_and_be_no_zeros() {
    assert!(matches!(
        Legs::new(vec![customer("a", -5), customer("b", 4)]),
        Err(UnbalancedLegs::Sum { .. })
    ));
    assert_eq!(Legs::new(vec![customer("a", 0), customer("b", 0)]), Err(UnbalancedLegs::Zero(0)));
    assert_eq!(Legs::new(vec![customer("a", -5)]), Err(UnbalancedLegs::Count(1)));
    let huge = vec![customer("a", -i64::MAX), customer("b", i64::MAX)];
    assert_eq!(Legs::new(huge), Err(UnbalancedLegs::TooLarge(0)));
    let usd = Money::new(5, "USD".parse().expect("dollar"));
    let mixed = vec![customer("a", -5), Leg { amount: usd, ..customer("b", 5) }];
    assert!(matches!(Legs::new(mixed), Err(UnbalancedLegs::Sum { .. })));
}

#[test]
fn a_transaction_has_2_to_64_legs_of_at_most_10_to_the_15() {
    let many = |pairs: usize| {
        let pair = [customer("a", -1), customer("b", 1)];
        Legs::new(pair.iter().cycle().take(2 * pairs).cloned().collect())
    };
    assert_eq!(many(32).map(|legs| legs.as_slice().len()), Ok(64));
    assert_eq!(many(33), Err(UnbalancedLegs::Count(66)));
    assert_eq!(many(0), Err(UnbalancedLegs::Count(0)));
    let largest = florin_kernel::LARGEST_MOVEMENT;
    let of = |minor| Legs::new(vec![customer("a", minor), customer("b", -minor)]);
    assert!(of(largest).is_ok());
    assert_eq!(of(largest + 1), Err(UnbalancedLegs::TooLarge(0)));
    assert_eq!(of(-largest - 1), Err(UnbalancedLegs::TooLarge(0)));
}

#[test]
fn a_reversal_turns_every_leg_and_leaves_nothing_of_the_transaction() {
    let mut locked = accounts(&[("a", 100), ("b", 7)]);
    let before: Vec<i64> = locked.values().map(|account| account.posted).collect();
    let legs = vec![customer("a", -60), customer("b", 50), leg(Target::Gl("1010".into()), 10)];
    let legs = Legs::new(legs).expect("balanced");
    let reversed = legs.reversed();
    assert_eq!(reversed.reversed(), legs);
    for legs in [&legs, &reversed] {
        decide(legs, &[], Rules::Today, &mut locked, &chart()).expect("covered");
    }
    let after: Vec<i64> = locked.values().map(|account| account.posted).collect();
    assert_eq!(after, before);
}

proptest! {
    /// Whatever is asked for: either each leg is booked on its account, with the account's
    /// versions counted and nobody spending what he has not, or nothing changes at all.
    #[test]
    fn a_transaction_is_booked_whole_or_not_at_all(
        balances in prop::array::uniform3(-50..100_i64),
        overdraft in 0..40_i64,
        legs in prop::collection::vec((0..4_usize, -60..60_i64), 1..6),
        import: bool,
    ) {
        let names = ["a", "b", "c"];
        let target = |at: usize| {
            let gl = || Target::Gl("1010".into());
            names.get(at).map_or_else(gl, |name| Target::Account(acc(name)))
        };
        let sum: i64 = legs.iter().map(|(_, minor)| minor).sum();
        let legs = legs.iter().map(|(at, minor)| leg(target(*at), *minor));
        let mut legs: Vec<_> = legs.collect();
        legs.push(leg(target(3), -sum));
        let Ok(legs) = Legs::new(legs) else { return Ok(()) };
        let [a, b, c] = balances;
        let mut locked = accounts(&[("a", a), ("b", b), ("c", c)]);
        locked.values_mut().for_each(|account| account.overdraft_limit = overdraft);
        let before = locked.clone();
        let rules = if import { Rules::Import } else { Rules::Today };
        let Ok(Decided { entries, .. }) = decide(&legs, &[], rules, &mut locked, &chart()) else {
            prop_assert_eq!(&locked, &before);
            let spends_too_much = before.values().any(|account| {
                let net = net_of(&legs, account.id);
                net < 0 && account.available().expect("in range") + net < 0
            });
            prop_assert!(spends_too_much && rules == Rules::Today);
            return Ok(());
        };
        prop_assert_eq!(entries.len(), legs.as_slice().len());
        for (id, was) in &before {
            let is = &locked[id];
            let own = entries.iter().filter(|entry| entry.account == Some(*id));
            let net = net_of(&legs, *id);
            prop_assert_eq!(is.posted, was.posted + net);
            prop_assert!(net >= 0 || is.available().expect("in range") >= 0 || rules == Rules::Import);
            let (mut posted, mut version) = (was.posted, was.version);
            for entry in own {
                posted += entry.amount.minor();
                version += 1;
                prop_assert_eq!((entry.posted_after, entry.version), (posted, version));
                prop_assert_eq!(entry.available_after, posted + overdraft);
                prop_assert_eq!(&entry.gl_code, "2010");
            }
            prop_assert_eq!(is.version, version);
        }
    }
}

fn net_of(legs: &Legs, id: AccountId) -> i64 {
    let on = Target::Account(id);
    let own = legs.as_slice().iter().filter(|leg| leg.target == on);
    own.map(|leg| leg.amount.minor()).sum()
}

#[test]
fn moves_money_and_numbers_the_versions() {
    let mut locked = accounts(&[("a", 100), ("b", 0)]);
    let legs = Legs::new(vec![customer("a", -60), customer("b", 60)]).expect("balanced");
    let entries = decide(&legs, &[], Rules::Today, &mut locked, &chart()).expect("covered").entries;
    let after: Vec<_> = entries.iter().map(|entry| (entry.posted_after, entry.version)).collect();
    assert_eq!(after, [(40, 2), (60, 2)]);
    assert_eq!(entries[0].gl_code, "2010");
    assert_eq!(locked[&acc("a")].posted + locked[&acc("b")].posted, 100);
}

#[test]
fn a_refusal_leaves_every_account_as_it_was() {
    let mut locked = accounts(&[("a", 10), ("b", 0)]);
    let before = locked.clone();
    for legs in [
        vec![customer("b", 60), customer("a", -60)],
        vec![customer("b", 5), customer("a", 5), leg(Target::Gl("2010".into()), -10)],
        vec![customer("b", 5), leg(Target::Gl("7777".into()), -5)],
        vec![customer("a", -5), customer("nobody", 5)],
    ] {
        let legs = Legs::new(legs).expect("balanced");
        assert!(decide(&legs, &[], Rules::Today, &mut locked, &chart()).is_err());
        assert_eq!(locked, before);
    }
}

#[test]
fn a_credit_in_the_same_transaction_covers_its_debit() {
    let mut locked = accounts(&[("a", 0), ("b", 50)]);
    let legs = vec![customer("a", -30), customer("a", 50), customer("b", -20)];
    let legs = Legs::new(legs).expect("balanced");
    assert!(decide(&legs, &[], Rules::Today, &mut locked, &chart()).is_ok());
    assert_eq!((locked[&acc("a")].posted, locked[&acc("a")].version), (20, 3));
}

#[test]
fn a_credit_to_an_overdrawn_account_is_taken() {
    let mut locked = accounts(&[("a", -500)]);
    let legs = vec![customer("a", 1), leg(Target::Gl("1010".into()), -1)];
    let legs = Legs::new(legs).expect("balanced");
    assert!(decide(&legs, &[], Rules::Today, &mut locked, &chart()).is_ok());
}

#[test]
fn an_import_overdraws_where_history_did() {
    let mut locked = accounts(&[("a", 0)]);
    let legs = vec![customer("a", -9), leg(Target::Gl("1010".into()), 9)];
    let legs = Legs::new(legs).expect("balanced");
    assert!(decide(&legs, &[], Rules::Today, &mut locked, &chart()).is_err());
    assert!(decide(&legs, &[], Rules::Import, &mut locked, &chart()).is_ok());
}

#[test]
fn what_is_owed_is_taken_in_every_state_of_the_account_and_overdraws_it() {
    for status in [Status::Open, Status::Frozen, Status::Closed] {
        let mut locked = accounts(&[("a", 4)]);
        locked.get_mut(&acc("a")).expect("account").status = status;
        let legs = vec![customer("a", -9), leg(Target::Gl("1010".into()), 9)];
        let legs = Legs::new(legs).expect("balanced");
        assert!(decide(&legs, &[], Rules::Today, &mut locked, &chart()).is_err());
        assert!(decide(&legs, &[], Rules::Owed, &mut locked, &chart()).is_ok(), "{status:?}");
        assert_eq!((locked[&acc("a")].posted, locked[&acc("a")].status), (-5, status));
    }
}

#[test]
fn both_dates_are_refused_inside_a_closed_period() {
    let day = |text: &str| text.parse::<Date>().expect("date");
    let books = Books { business_date: day("2026-11-21"), closed_through: Some(day("2026-10-31")) };
    let today = day("2026-11-21");
    let dates = |booking, value| books.dates(booking, value, Rules::Today);
    assert_eq!(dates(None, None), Ok((today, today)));
    assert_eq!(dates(None, Some(day("2026-11-01"))), Ok((today, day("2026-11-01"))));
    for (booking, value) in [(None, "2026-10-31"), (Some(day("2026-10-31")), "2026-11-21")] {
        let refused = dates(booking, Some(day(value)));
        assert!(matches!(refused, Err(Refusal::PeriodClosed { .. })), "{refused:?}");
    }
}

#[test]
fn nothing_is_booked_ahead_and_values_lie_within_a_year_unless_imported() {
    let day = |text: &str| -> Date { text.parse().expect(text) };
    let today = day("2026-11-21");
    let books = Books { business_date: today, closed_through: None };
    let ahead = day("2026-11-22");
    for rules in [Rules::Today, Rules::Import] {
        let refused = books.dates(Some(ahead), None, rules);
        assert_eq!(refused, Err(Refusal::BookedAhead { booking: ahead, business_date: today }));
    }
    for value in ["2025-11-20", "2027-11-22"].map(day) {
        assert_eq!(books.dates(None, Some(value), Rules::Today), Ok((today, value)));
    }
    for value in ["2025-11-19", "2027-11-23", "1900-01-01", "9999-12-31"].map(day) {
        let refused = books.dates(None, Some(value), Rules::Today);
        assert_eq!(refused, Err(Refusal::ValuedTooFar { value, booking: today }));
        assert_eq!(books.dates(None, Some(value), Rules::Import), Ok((today, value)));
    }
}
