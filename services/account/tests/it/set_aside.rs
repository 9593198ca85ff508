//! An account whose figures leave 64 bits holds up no other.

use florin_account::{
    app::{
        command::Change,
        verify_ledger::{Report, verify},
    },
    store::set_aside,
};
use florin_kernel::AccountId;
use florin_proto::account::v1::{
    AccountSetAside, ClosePeriodRequest, EndOfDayStep, ListAccountsSetAsideRequest,
    ListBusinessDaysRequest,
};
use florin_store::{Tx, sql};
use florin_testkit::place::{number, reason, with_key};

use crate::{
    bench_ledger::{Bench, change, each, post},
    desk::{desk, machine, teller},
    end_of_day::{end_days, worker},
    interest_world::{advance, pay_interest, valued},
};

/// Nine tenths of what 64 bits hold.
const MOST: i64 = i64::MAX / 10 * 9;

async fn aside(bench: &Bench) -> Vec<AccountSetAside> {
    let ctx = machine("ListAccountsSetAside", &[]);
    let request = ListAccountsSetAsideRequest::default();
    desk(bench).list_accounts_set_aside(&ctx, request).await.unwrap().into_inner().accounts
}

async fn close_november(bench: &Bench) -> String {
    let ctx = with_key(teller("ClosePeriod"), "november");
    let request = ClosePeriodRequest { closed_through: "2026-11-30".into() };
    reason(desk(bench).close_period(&ctx, request).await)
}

/// What a movement is bounded to does not sum to 64 bits within the time of a test: the figures
/// are made, and made good again before they are verified.
async fn make(bench: &Bench, statement: &str) {
    bench.db.write(async |tx: Tx| sql::execute(&tx, statement, []).await).await.unwrap();
}

/// An account whose balance by value date leaves 64 bits.
async fn beyond(bench: &Bench) -> AccountId {
    let account = bench.open_with_limit(1_000).await;
    for (text, on) in [("a", "2026-11-19"), ("b", "2026-11-20")] {
        let posted = bench.run(valued(post(text, &[(account, 100)]), on)).await;
        assert!(posted.record().is_some(), "{posted:?}");
    }
    make(bench, &format!("UPDATE turnover SET net = {MOST} WHERE net = 100")).await;
    account
}

async fn make_good(bench: &Bench) {
    make(bench, &format!("UPDATE turnover SET net = 100 WHERE net = {MOST}")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_beyond_the_range_is_set_aside_and_the_others_have_their_interest() {
    for bench in each().await {
        pay_interest(&bench, "current", "2026-11-21", &[("0", "3.65")]).await;
        let good = bench.open(100_000).await;
        let bad = beyond(&bench).await;
        let other = bench.open(100_000).await;
        for (closing, opening) in [("2026-11-21", "2026-11-30"), ("2026-11-30", "2026-12-01")] {
            advance(&bench, closing, opening).await;
            end_days(&bench, 2).await;
        }
        for account in [good, other] {
            assert_eq!(bench.balance(account).await.0, 100_100);
        }
        let told = aside(&bench).await;
        let [one] = told.as_slice() else { panic!("{told:?}") };
        assert_eq!(
            (one.account_id.as_str(), one.business_date.as_str()),
            (bad.to_string().as_str(), "2026-11-21")
        );
        assert_eq!(one.step(), EndOfDayStep::Accrual);
        assert!(one.cause.contains("64 bits"), "{}", one.cause);
        let days = desk(&bench)
            .list_business_days(&machine("x", &[]), ListBusinessDaysRequest::default())
            .await
            .unwrap()
            .into_inner()
            .days;
        assert!(days.iter().all(|day| day.ended_at.is_some()), "{days:?}");
        let first = &days[1].steps[0];
        assert_eq!((first.accounts, first.refused, first.set_aside), (3, 0, 1));
        assert_eq!((days[0].steps[0].accounts, days[0].steps[0].set_aside), (2, 0));

        // The proof tells of it and calls it no breach.
        make_good(&bench).await;
        let mut notices = Vec::new();
        let summary = verify(&bench.db, 100, async |report| {
            if let Report::Notice { record, .. } = report {
                notices.push(record);
            }
            Ok(())
        });
        assert_eq!(summary.await.unwrap().breaches, 0);
        assert_eq!(notices, [bad.to_string()]);
        bench.assert_clean().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_period_waits_for_an_account_that_stands_aside_until_it_has_caught_up() {
    for bench in each().await {
        pay_interest(&bench, "current", "2026-11-21", &[("0", "0.01")]).await;
        crate::fees::monthly(&bench, 250).await;
        let bad = beyond(&bench).await;
        for (closing, opening) in [("2026-11-21", "2026-11-30"), ("2026-11-30", "2026-12-01")] {
            advance(&bench, closing, opening).await;
            end_days(&bench, 2).await;
        }
        assert_eq!(close_november(&bench).await, "ACCOUNT_SET_ASIDE");
        assert_eq!(worker(&bench, 1).catch_up().await.unwrap(), 0, "its figures are as they were");
        // Nobody closes it meanwhile: it would lose what it lacks.
        let closed = bench.run(change(bad, Change::Close("x".into()))).await;
        assert!(format!("{closed:?}").contains("EndOfDayOpen"), "{closed:?}");
        // Booked on the first of December it is a late entry, which the end of that date sees.
        let out = valued(post("back", &[(bad, -100)]), "2026-11-20");
        let out = bench.run(out).await;
        assert!(out.record().is_some(), "{out:?}");
        make(&bench, &format!("UPDATE turnover SET net = -{MOST} WHERE net = -100")).await;
        assert_eq!(worker(&bench, 1).catch_up().await.unwrap(), 0, "booked after those days");
        advance(&bench, "2026-12-01", "2026-12-02").await;
        assert_eq!(worker(&bench, 1).catch_up().await.unwrap(), 0, "a date is to be ended");
        end_days(&bench, 1).await;
        assert_eq!(aside(&bench).await.len(), 1);
        assert_eq!(worker(&bench, 1).catch_up().await.unwrap(), 1);
        assert_eq!(aside(&bench).await, []);
        assert_eq!(close_november(&bench).await, "OK");
        let through = "SELECT COUNT(*) FROM accruals WHERE accrued_through = '2026-12-01'";
        assert_eq!(number(&bench.db, through).await.unwrap(), 1);
        let fee = "SELECT COUNT(*) FROM journal WHERE kind = 'account_fee'";
        assert_eq!(number(&bench.db, fee).await.unwrap(), 1);
        make_good(&bench).await;
        make(&bench, &format!("UPDATE turnover SET net = -100 WHERE net = -{MOST}")).await;
        // What it has accrued is of the figures that were made.
        let (_, breaches) = bench.verify().await;
        let [one] = breaches.as_slice() else { panic!("{breaches:#?}") };
        assert!(one.starts_with(&format!("interest {bad}: through 2026-12-01")), "{one}");
    }
}

/// Interest that no longer fits the account: the end of the month goes on, and once there is room
/// it is paid with the date that it had.
#[tokio::test(flavor = "multi_thread")]
async fn what_an_account_lacks_is_booked_in_order_once_its_figures_fit() {
    for bench in each().await {
        pay_interest(&bench, "current", "2026-11-21", &[("0", "3.65")]).await;
        crate::fees::monthly(&bench, 250).await;
        let (good, bad) = (bench.open(100_000).await, bench.open(0).await);
        bench.run(post("in", &[(bad, 100_000)])).await;
        advance(&bench, "2026-11-21", "2026-11-30").await;
        end_days(&bench, 1).await;
        let fill = |minor: i64| format!("UPDATE accounts SET posted = {minor} WHERE id = '{bad}'");
        make(&bench, &fill(i64::MAX)).await;
        for (closing, opening) in [("2026-11-30", "2026-12-01"), ("2026-12-01", "2026-12-02")] {
            advance(&bench, closing, opening).await;
            end_days(&bench, 1).await;
        }
        assert_eq!(bench.balance(good).await.0, 100_000 + 100 - 250);
        let told = aside(&bench).await;
        assert_eq!((told.len(), told[0].step()), (1, EndOfDayStep::Capitalisation));
        assert_eq!(close_november(&bench).await, "ACCOUNT_SET_ASIDE");
        assert_eq!(bench.balance(bad).await.0, i64::MAX, "nor was it charged");

        make(&bench, &fill(100_000)).await;
        assert_eq!(worker(&bench, 1).catch_up().await.unwrap(), 1);
        assert_eq!(worker(&bench, 1).catch_up().await.unwrap(), 0);
        assert_eq!(aside(&bench).await, []);
        assert_eq!(set_aside::count(bench.db.read()).await.unwrap(), 0);
        assert_eq!(bench.balance(bad).await.0, 100_000 + 100 - 250);
        let in_november = "SELECT COUNT(*) FROM journal WHERE booking_date = '2026-11-30' \
                           AND kind IN ('interest_capitalisation', 'account_fee')";
        assert_eq!(number(&bench.db, in_november).await.unwrap(), 4);
        assert_eq!(close_november(&bench).await, "OK", "with the key that met the refusal");
        // It is looked at again from the next end of day on.
        advance(&bench, "2026-12-02", "2026-12-03").await;
        end_days(&bench, 1).await;
        let through = "SELECT COUNT(*) FROM accruals WHERE accrued_through = '2026-12-02'";
        assert_eq!(number(&bench.db, through).await.unwrap(), 2);
        bench.assert_clean().await;
    }
}
