//! Defects that other ledgers shipped, each by where it was reported, that no other test of ours
//! has as it happened there.

use std::collections::BTreeSet;

use florin_account::{
    app::command::Outcome,
    domain::{hold::HoldStatus, refusal::Refusal},
};
use florin_kernel::{Date, LARGEST_MOVEMENT};
use florin_proto::account::v1::{
    GetBalanceRequest, PostTransactionsRequest, get_balance_request::AsOf,
    transaction_result::Outcome as Told,
};
use florin_testkit::place::number;
use futures_util::future::join_all;

use crate::{
    bench_ledger::{committer, each, place, post, release, reverse},
    capture_holds::{hold, posted, refusal},
    capture_requests::spend,
    desk::{desk, machine, payment},
    end_of_day::end_days,
    fees::monthly,
    interest_world::{advance, pay_interest},
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

/// LerianStudio/midaz #2429: decided on one snapshot, applied on another. Two replicas book a
/// credit and a debit on an account without money (or at the end of its overdraft) at once: the
/// debit goes through where the credit was first, and where it was not it is refused for what
/// was there then; never is it decided by the one and booked after the other.
#[tokio::test(flavor = "multi_thread")]
async fn a_debit_beside_a_credit_is_booked_on_the_balance_it_was_decided_by() {
    for bench in each().await {
        let other = committer(&bench.db);
        for limit in [0, 1_000] {
            let account = bench.open_with_limit(limit).await;
            if limit > 0 {
                let down = bench.run(post(&format!("down{limit}"), &[(account, -limit)])).await;
                assert!(posted(&down));
            }
            let mut refused = 0;
            for round in 0..30 {
                let name = |what: &str| format!("{what}{limit}/{round}");
                let credit = post(&name("in"), &[(account, 700)]);
                let debit = post(&name("out"), &[(account, -700)]);
                let (credited, debited) = if round % 2 == 0 {
                    tokio::join!(bench.committer.submit(credit, None), other.submit(debit, None))
                } else {
                    let both = tokio::join!(
                        other.submit(debit, None),
                        bench.committer.submit(credit, None)
                    );
                    (both.1, both.0)
                };
                assert!(posted(&credited.unwrap()), "round {round}");
                match debited.unwrap() {
                    Outcome::Posted { .. } => {}
                    Outcome::Refused(Refusal::InsufficientFunds { available, .. }) => {
                        assert_eq!(available.minor(), 0, "round {round}");
                        refused += 1;
                        assert!(posted(&bench.run(post(&name("even"), &[(account, -700)])).await));
                    }
                    other => panic!("round {round}: {other:?}"),
                }
                assert_eq!(bench.balance(account).await, (-limit, 0), "round {round}");
            }
            let below = format!(
                "SELECT COUNT(*) FROM account_events WHERE account_id = '{account}' \
                 AND posted_after < {}",
                -limit
            );
            assert_eq!(number(&bench.db, &below).await.unwrap(), 0, "{refused} of 30 were refused");
        }
        bench.assert_clean().await;
    }
}

/// blnkfinance/blnk #203, #205, #323: amounts went through floating-point numbers. The code has
/// none (clippy refuses them); a cent counts beside more than such a number tells apart.
#[tokio::test(flavor = "multi_thread")]
async fn a_cent_is_not_lost_beside_more_than_a_float_can_count() {
    for bench in each().await {
        let account = bench.open(0).await;
        let movements = 20;
        for at in 0..movements {
            let paid = bench.run(post(&format!("m{at}"), &[(account, LARGEST_MOVEMENT)])).await;
            assert!(posted(&paid), "{paid:?}");
        }
        for (at, minor) in [10, 20, 1].into_iter().enumerate() {
            assert!(posted(&bench.run(post(&format!("c{at}"), &[(account, minor)])).await));
        }
        let sum = movements * LARGEST_MOVEMENT + 31;
        assert!(sum > 1 << 53, "a float tells it from its neighbours");
        assert_eq!(bench.balance(account).await.0, sum);
        let request = GetBalanceRequest { account_id: account.to_string(), as_of: None };
        let answer = desk(&bench).get_balance(&machine("GetBalance", &[]), request).await;
        let told = answer.unwrap().into_inner().posted.unwrap().amount;
        assert_eq!(told, format!("{}.{:02}", sum / 100, sum % 100));
        bench.assert_clean().await;
    }
}

/// blnkfinance/blnk #384: a zero amount looped in the queue for ever. At the door it is refused
/// (`bad_input`, `legs_must_sum..`); one that the bank itself comes to books nothing and holds up
/// nobody: a fee of nothing, and interest that rounds to nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_fee_of_nothing_and_interest_that_rounds_to_nothing_book_nothing_and_the_day_ends() {
    for bench in each().await {
        pay_interest(&bench, "current", "2026-11-21", &[("0", "0.01")]).await;
        monthly(&bench, 0).await;
        let account = bench.open(1).await;
        for (closing, opening) in [
            ("2026-11-21", "2026-11-23"),
            ("2026-11-23", "2026-11-30"),
            ("2026-11-30", "2026-12-01"),
        ] {
            advance(&bench, closing, opening).await;
            end_days(&bench, 1).await;
        }
        let ended = "SELECT COUNT(*) FROM business_days WHERE ended_at IS NOT NULL";
        assert_eq!(number(&bench.db, ended).await.unwrap(), 3);
        let booked = "SELECT COUNT(*) FROM journal WHERE caller = 'account'";
        assert_eq!(number(&bench.db, booked).await.unwrap(), 0);
        let accrued = "SELECT COUNT(*) FROM accruals WHERE credit NOT LIKE '0.0000000000' \
                       AND booked_credit = 0";
        assert_eq!(number(&bench.db, accrued).await.unwrap(), 1, "it has accrued, below a cent");
        assert_eq!(bench.balance(account).await, (1, 0));
        bench.assert_clean().await;
    }
}

/// formancehq/wallets #109: an id made for each attempt stood in what was compared, so that the
/// retry of a request looked like another payload.
#[tokio::test(flavor = "multi_thread")]
async fn a_retry_is_the_same_request_whatever_ids_its_attempt_is_given() {
    for bench in each().await {
        let account = bench.open(1_000).await;
        let mut ids = BTreeSet::new();
        for attempt in 0..3 {
            let call =
                PostTransactionsRequest { transactions: vec![spend("retried", account, "4.00")] };
            let told = desk(&bench).post_transactions(&payment("PostTransactions"), call).await;
            match told.unwrap().into_inner().results.remove(0).outcome.unwrap() {
                Told::Posted(posted) => {
                    assert_eq!(posted.replayed, attempt > 0);
                    ids.insert(posted.transaction_id);
                }
                Told::Refused(refusal) => panic!("{refusal:?}"),
            }
        }
        assert_eq!((ids.len(), bench.balance(account).await), (1, (600, 0)));
        bench.assert_clean().await;
    }
}
