//! Holds that are turned into entries, and holds whose time is over.

use florin_account::{
    app::command::{Change, Outcome, Work},
    domain::{account::Rules, hold::HoldStatus, refusal::Refusal},
};
use futures_util::future::join_all;

use crate::bench_ledger::{
    Bench, capture, change, each, place, post, release, release_part, reverse,
};

pub fn posted(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Posted { replayed: false, .. })
}

pub fn refusal(outcome: Outcome) -> Refusal {
    match outcome {
        Outcome::Refused(refusal) => refusal,
        other => panic!("{other:?}"),
    }
}

/// State, what remains and what was captured of a hold.
pub async fn hold(bench: &Bench, reference: &str) -> (HoldStatus, i64, i64) {
    let query = format!("SELECT {{}} FROM holds WHERE reference = '{reference}'");
    let number = async |column: &str| {
        let query = query.replace("{}", column);
        florin_testkit::place::number(&bench.db, &query).await.unwrap()
    };
    let status = HoldStatus::from_number(number("status").await).unwrap();
    (status, number("remaining").await, number("captured").await)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_is_captured_whole_in_part_and_in_parts() {
    for bench in each().await {
        let account = bench.open(100).await;
        bench.run(place("whole", account, 10)).await;
        assert!(posted(&bench.run(capture("c1", account, 10, &[("whole", None, false)])).await));
        assert_eq!(bench.balance(account).await, (90, 0));
        assert_eq!(hold(&bench, "whole").await, (HoldStatus::Captured, 0, 10));

        bench.run(place("part", account, 10)).await;
        let part = capture("c2", account, 6, &[("part", Some(6), false)]);
        assert!(posted(&bench.run(part).await));
        assert_eq!(bench.balance(account).await, (84, 0), "four are given back");
        assert_eq!(hold(&bench, "part").await, (HoldStatus::Captured, 0, 6));

        bench.run(place("parts", account, 10)).await;
        for (at, minor, left) in [(3, 3, 7), (4, 5, 2)] {
            let part = capture(&format!("c{at}"), account, minor, &[("parts", Some(minor), true)]);
            assert!(posted(&bench.run(part).await));
            assert_eq!(bench.balance(account).await.1, left);
            assert_eq!(hold(&bench, "parts").await, (HoldStatus::Open, left, 10 - left));
        }
        assert!(matches!(bench.run(release("r", "parts")).await, Outcome::Held { .. }));
        assert_eq!(hold(&bench, "parts").await, (HoldStatus::Captured, 0, 8));
        assert_eq!(bench.balance(account).await, (76, 0));

        // Two holds and a fee beyond them in one transaction; all of it in one batch.
        let both = [("one", None, false), ("two", Some(4), true)];
        let together = vec![
            place("one", account, 5),
            place("two", account, 5),
            capture("c5", account, 11, &both),
            capture("c6", account, 1, &[("two", None, false)]),
        ];
        let outcomes = bench.run_all(together).await;
        assert!(posted(&outcomes[2]) && posted(&outcomes[3]), "{outcomes:?}");
        assert_eq!(bench.balance(account).await, (64, 0));
        assert_eq!(hold(&bench, "two").await, (HoldStatus::Captured, 0, 5));
        bench.assert_clean().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_is_given_back_in_parts_and_each_part_once() {
    for bench in each().await {
        let account = bench.open(100).await;
        bench.run(place("h", account, 10)).await;
        for replayed in [false, true] {
            let outcome = bench.run(release_part("r1", "h", 4)).await;
            assert!(matches!(outcome, Outcome::Held { replayed: again, .. } if again == replayed));
            assert_eq!(hold(&bench, "h").await, (HoldStatus::Open, 6, 0));
            assert_eq!(bench.balance(account).await, (100, 6));
        }
        let other = refusal(bench.run(release_part("r1", "h", 5)).await);
        assert!(matches!(other, Refusal::ReferenceReused { .. }));
        let above = refusal(bench.run(release_part("r2", "h", 7)).await);
        assert!(matches!(above, Refusal::ReleaseExceedsHold { .. }));
        assert!(posted(&bench.run(capture("c", account, 5, &[("h", Some(5), true)])).await));
        bench.assert_clean().await;
        bench.run(release_part("r3", "h", 1)).await;
        assert_eq!(hold(&bench, "h").await, (HoldStatus::Captured, 0, 5));
        assert_eq!(bench.balance(account).await, (95, 0));
        bench.assert_clean().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_capture_changes_nothing() {
    for bench in each().await {
        let (account, other) = (bench.open(100).await, bench.open(100).await);
        bench.run(place("h", account, 60)).await;
        bench.run(place("o", other, 60)).await;
        let above = capture("a", account, 61, &[("h", Some(61), false)]);
        assert!(matches!(refusal(bench.run(above).await), Refusal::CaptureExceedsHold { .. }));
        for (name, of, debit) in [("b", account, 59), ("c", other, 60)] {
            let less = bench.run(capture(name, of, debit, &[("h", None, false)])).await;
            assert!(matches!(refusal(less), Refusal::CaptureExceedsDebit { .. }), "{name}");
        }
        // Forty are free: what is debited beyond the hold is a spending.
        let beyond = bench.run(capture("d", account, 101, &[("h", None, false)])).await;
        assert!(matches!(refusal(beyond), Refusal::InsufficientFunds { .. }));
        // Nor does what the capture gives back pay for it: forty are free, not ninety.
        let rest = bench.run(capture("d2", account, 51, &[("h", Some(10), false)])).await;
        assert!(matches!(refusal(rest), Refusal::InsufficientFunds { .. }));
        let nothing = bench.run(capture("e", account, 5, &[("nothing", None, false)])).await;
        assert!(matches!(refusal(nothing), Refusal::HoldNotFound { .. }));
        let mut stranger = capture("f", account, 60, &[("h", None, false)]);
        if let Work::Post(post) = &mut stranger.work {
            post.reference.caller = "loan".into();
        }
        assert!(matches!(refusal(bench.run(stranger).await), Refusal::HoldNotFound { .. }));
        assert_eq!(bench.balance(account).await, (100, 60));
        assert_eq!(hold(&bench, "h").await, (HoldStatus::Open, 60, 0));
        assert!(posted(&bench.run(capture("g", account, 100, &[("h", None, false)])).await));
        bench.assert_clean().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_capture_is_replayed_by_its_reference_and_a_spent_hold_pays_no_more() {
    for bench in each().await {
        let account = bench.open(100).await;
        bench.run(place("h", account, 60)).await;
        let spend = || capture("c", account, 60, &[("h", None, false)]);
        let calls = (0..8).map(|_| bench.run(spend()));
        let outcomes = join_all(calls).await;
        assert_eq!(outcomes.iter().filter(|one| posted(one)).count(), 1, "{outcomes:?}");
        assert!(outcomes.iter().all(|one| matches!(one, Outcome::Posted { .. })));
        let other = bench.run(capture("c", account, 60, &[("h", Some(60), true)])).await;
        assert!(matches!(refusal(other), Refusal::ReferenceReused { .. }));
        let again = bench.run(capture("c2", account, 60, &[("h", None, false)])).await;
        assert!(matches!(refusal(again), Refusal::HoldNotOpen { .. }));
        let released = bench.run(release("r", "h")).await;
        assert!(matches!(refusal(released), Refusal::HoldNotOpen { .. }));
        assert_eq!(bench.balance(account).await, (40, 0));
        bench.assert_clean().await;
    }
}

/// The money was set aside when state and funds were checked: DESIGN section 5.
#[tokio::test(flavor = "multi_thread")]
async fn a_capture_passes_a_freeze_and_an_empty_account_for_what_was_held_and_no_more() {
    for bench in each().await {
        let account = bench.open(100).await;
        bench.run(place("h", account, 60)).await;
        // Another bank's history takes the rest and more: forty less than nothing is free.
        let mut history = post("p", &[(account, -80)]);
        if let Work::Post(post) = &mut history.work {
            post.rules = Rules::Import;
        }
        assert!(posted(&bench.run(history).await));
        bench.run(change(account, Change::Freeze("x".into()))).await;
        let beyond = bench.run(capture("b", account, 61, &[("h", None, false)])).await;
        assert!(matches!(refusal(beyond), Refusal::Frozen { .. }));
        let plain = bench.run(post("q", &[(account, -1)])).await;
        assert!(matches!(refusal(plain), Refusal::Frozen { .. }));
        let spent = bench.run(capture("c", account, 60, &[("h", None, false)])).await;
        assert!(posted(&spent), "{spent:?}");
        assert_eq!(bench.balance(account).await, (-40, 0));
        bench.assert_clean().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn racing_captures_and_releases_spend_a_hold_once() {
    for bench in each().await {
        let account = bench.open(100).await;
        bench.run(place("parts", account, 60)).await;
        let calls = (0..10).map(|at| {
            let name = format!("c{at}");
            let bench = &bench;
            async move { bench.run(capture(&name, account, 10, &[("parts", Some(10), true)])).await }
        });
        let outcomes = join_all(calls).await;
        assert_eq!(outcomes.iter().filter(|one| posted(one)).count(), 6, "{outcomes:?}");
        assert_eq!(bench.balance(account).await, (40, 0));
        for round in 0..10 {
            let (name, spend) = (format!("h{round}"), format!("s{round}"));
            bench.run(place(&name, account, 1)).await;
            let back = format!("r{round}");
            let (spent, released) = tokio::join!(
                bench.run(capture(&spend, account, 1, &[(&name, None, false)])),
                bench.run(release(&back, &name)),
            );
            assert_ne!(posted(&spent), matches!(released, Outcome::Held { .. }));
        }
        bench.assert_clean().await;
    }
}

/// A reversal gives the money back; the hold stays spent.
#[tokio::test(flavor = "multi_thread")]
async fn the_reversal_of_a_capture_brings_no_hold_back() {
    for bench in each().await {
        let account = bench.open(100).await;
        bench.run(place("h", account, 60)).await;
        let spent = bench.run(capture("c", account, 60, &[("h", None, false)])).await;
        let Outcome::Posted { transaction, .. } = spent else { panic!("{spent:?}") };
        assert!(posted(&bench.run(reverse("rev", transaction)).await));
        assert_eq!(bench.balance(account).await, (100, 0));
        assert_eq!(hold(&bench, "h").await, (HoldStatus::Captured, 0, 60));
        bench.assert_clean().await;
    }
}
