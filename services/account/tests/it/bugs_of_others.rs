//! Defects that other ledgers shipped, each by where it was reported, that no other test of ours
//! has as it happened there.

use std::collections::BTreeSet;

use florin_account::{
    app::command::Outcome,
    domain::{hold::HoldStatus, refusal::Refusal},
};
use florin_kernel::Date;
use florin_proto::account::v1::{GetBalanceRequest, get_balance_request::AsOf};
use futures_util::future::join_all;

use crate::{
    bench_ledger::{each, place, post, release, reverse},
    capture_holds::{hold, posted, refusal},
    desk::{desk, machine},
};

/// blnkfinance/blnk #181: holds were not subtracted from available.
#[tokio::test(flavor = "multi_thread")]
async fn of_six_holds_of_1000_on_5000_five_are_placed() {
    for bench in each().await {
        let account = bench.open(5_000).await;
        let names: Vec<String> = (0..6).map(|at| format!("h{at}")).collect();
        let told = join_all(names.iter().map(|name| bench.run(place(name, account, 1_000)))).await;
        let placed = told.iter().filter(|one| matches!(one, Outcome::Held { .. })).count();
        let refused = told
            .iter()
            .filter(|one| matches!(one, Outcome::Refused(Refusal::InsufficientFunds { .. })))
            .count();
        assert_eq!((placed, refused), (5, 1), "{told:?}");
        assert_eq!(bench.balance(account).await, (5_000, 5_000));
        bench.assert_clean().await;
    }
}

/// blnkfinance/blnk #182: a rejected hold could still be captured.
#[tokio::test(flavor = "multi_thread")]
async fn a_released_hold_is_not_captured() {
    for bench in each().await {
        let account = bench.open(100).await;
        bench.run(place("h", account, 60)).await;
        bench.run(release("r", "h")).await;
        let captures = [("h", None, false)];
        let late = bench.run(crate::bench_ledger::capture("c", account, 60, &captures)).await;
        assert!(matches!(refusal(late), Refusal::HoldNotOpen { .. }));
        assert_eq!(hold(&bench, "h").await, (HoldStatus::Released, 0, 0));
        assert_eq!(bench.balance(account).await, (100, 0));
        bench.assert_clean().await;
    }
}

/// formancehq/ledger #364: ids made by the application collided under 50 concurrent requests.
#[tokio::test(flavor = "multi_thread")]
async fn fifty_postings_at_once_are_fifty_journal_transactions() {
    for bench in each().await {
        let (from, to) = (bench.open(500).await, bench.open(0).await);
        let calls = (0..50).map(|at| {
            let bench = &bench;
            async move { bench.run(post(&format!("p{at}"), &[(from, -10), (to, 10)])).await }
        });
        let told = join_all(calls).await;
        assert!(told.iter().all(posted), "{told:?}");
        let ids: BTreeSet<_> = told.iter().filter_map(Outcome::record).collect();
        assert_eq!((ids.len(), bench.balance(to).await), (50, (500, 0)));
        bench.assert_clean().await;
    }
}

/// open-bank #945: the balance left out reversed originals and counted their reversals.
#[tokio::test(flavor = "multi_thread")]
async fn a_reversed_posting_and_its_reversal_leave_each_balance_as_it_was() {
    for bench in each().await {
        let (from, to) = (bench.open(100).await, bench.open(7).await);
        let done = bench.run(post("p", &[(from, -60), (to, 60)])).await;
        let Outcome::Posted { transaction, .. } = done else { panic!("{done:?}") };
        assert!(posted(&bench.run(reverse("rev", transaction)).await));
        let today = Date::constant(2026, 11, 21).to_string();
        for (account, amount) in [(from, "1.00"), (to, "0.07")] {
            for as_of in [
                None,
                Some(AsOf::AsOfBookingDate(today.clone())),
                Some(AsOf::AsOfValueDate(today.clone())),
            ] {
                let request = GetBalanceRequest { account_id: account.to_string(), as_of };
                let answer = desk(&bench).get_balance(&machine("GetBalance", &[]), request).await;
                let found = answer.unwrap().into_inner().posted.unwrap();
                assert_eq!(found.amount, amount);
            }
        }
        bench.assert_clean().await;
    }
}
