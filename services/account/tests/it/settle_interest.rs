//! Interest that is settled before its period is over, so that an account can be closed.

use florin_account::{
    app::command::{Change, Outcome},
    domain::refusal::Refusal,
};
use florin_kernel::AccountId;
use florin_proto::account::v1::{SettleInterestRequest, SettleInterestResponse};

use crate::{
    bench_ledger::{Bench, change, each, post},
    desk::{desk, teller},
    end_of_day::{DAYS, end_days, end_month},
    interest_world::{advance, pay_interest, valued},
};

async fn settle(bench: &Bench, account: AccountId) -> SettleInterestResponse {
    let request = SettleInterestRequest { account_id: account.to_string() };
    desk(bench).settle_interest(&teller("SettleInterest"), request).await.unwrap().into_inner()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_closed_once_it_has_got_its_interest_or_paid_it() {
    for bench in each().await {
        pay_interest(&bench, "current", "2026-11-21", &[("0", "3.65")]).await;
        let (saved, unused) = (bench.open(100_000).await, bench.open(0).await);
        assert_eq!(settle(&bench, saved).await, SettleInterestResponse::default());
        advance(&bench, "2026-11-21", "2026-11-23").await;
        end_days(&bench, 1).await;
        bench.run(post("out", &[(saved, -100_000)])).await;
        let close = |account| bench.run(change(account, Change::Close("x".into())));
        let refused = close(saved).await;
        let unsettled = Refusal::InterestUnsettled { account: saved };
        assert!(matches!(&refused, Outcome::Refused(one) if *one == unsettled), "{refused:?}");
        // Two days at 0.10, booked on the open date; the second time it is the same.
        let settled = settle(&bench, saved).await;
        assert_eq!(settled.booking_date, "2026-11-23");
        assert_eq!(bench.balance(saved).await.0, 20);
        assert_eq!(settle(&bench, saved).await, settled);
        assert!(matches!(close(saved).await, Outcome::Refused(Refusal::NotEmpty { .. })));
        bench.run(post("rest", &[(saved, -20)])).await;
        for account in [saved, unused] {
            let done = close(account).await;
            assert!(matches!(done, Outcome::Account { .. }), "{done:?}");
        }
        end_month(&bench).await;
        let interest = "SELECT COUNT(*) FROM journal WHERE kind LIKE 'interest_%' \
                        AND kind <> 'interest_accrual'";
        assert_eq!(florin_testkit::place::number(&bench.db, interest).await.unwrap(), 1);
        bench.assert_clean().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_settlement_beside_the_end_of_the_month_pays_once() {
    for bench in each().await {
        pay_interest(&bench, "current", "2026-11-21", &[("0", "3.65")]).await;
        let account = bench.open(100_000).await;
        for (closing, opening) in DAYS {
            advance(&bench, closing, opening).await;
            end_days(&bench, 1).await;
            let (one, other) = tokio::join!(settle(&bench, account), settle(&bench, account));
            assert_eq!(one.transaction_id, other.transaction_id, "{closing}");
        }
        let (credit, paid) = ("booked_credit", "capitalised_credit");
        for column in [credit, paid] {
            let query = format!("SELECT {column} FROM accruals");
            let total = florin_testkit::place::number(&bench.db, &query).await.unwrap();
            assert_eq!(bench.balance(account).await.0, 100_000 + total, "{column}");
        }
        bench.assert_clean().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_not_closed_before_the_days_after_the_months_end_have_accrued() {
    for bench in each().await {
        pay_interest(&bench, "current", "2026-11-21", &[("0", "3.65")]).await;
        let account = bench.open(100_000).await;
        for (closing, opening) in DAYS.into_iter().take(4) {
            advance(&bench, closing, opening).await;
            end_days(&bench, 1).await;
        }
        // The month ends before two closed days, which are not in what it accrues.
        advance(&bench, "2026-11-30", "2026-12-03").await;
        end_days(&bench, 1).await;
        assert_eq!(bench.balance(account).await.0, 100_100);
        bench.run(post("out", &[(account, -100_100)])).await;
        let close = || bench.run(change(account, Change::Close("x".into())));
        let early = Refusal::EndOfDayOpen { day: "2026-12-03".parse().unwrap() };
        let refused = close().await;
        assert!(matches!(&refused, Outcome::Refused(one) if *one == early), "{refused:?}");
        advance(&bench, "2026-12-03", "2026-12-04").await;
        end_days(&bench, 1).await;
        settle(&bench, account).await;
        assert_eq!(bench.balance(account).await.0, 20);
        bench.run(post("rest", &[(account, -20)])).await;
        let done = close().await;
        assert!(matches!(done, Outcome::Account { .. }), "{done:?}");
        bench.assert_clean().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_was_empty_is_not_closed_before_what_came_since_has_accrued() {
    for bench in each().await {
        pay_interest(&bench, "current", "2026-11-21", &[("0", "3.65")]).await;
        let (since, late) = (bench.open(0).await, bench.open(0).await);
        for (closing, opening) in DAYS.into_iter().take(4) {
            advance(&bench, closing, opening).await;
            end_days(&bench, 1).await;
        }
        // Valued after the month's end, which accrues nothing of it.
        let paid = |reference, account| post(reference, &[(account, 1_000_000)]);
        bench.run(valued(paid("in", since), "2026-12-01")).await;
        advance(&bench, "2026-11-30", "2026-12-03").await;
        end_days(&bench, 1).await;
        bench.run(valued(paid("late", late), "2026-11-25")).await;
        for (account, reference) in [(since, "out"), (late, "back")] {
            bench.run(post(reference, &[(account, -1_000_000)])).await;
            let refused = bench.run(change(account, Change::Close("x".into()))).await;
            let early = Refusal::EndOfDayOpen { day: "2026-12-03".parse().unwrap() };
            assert!(matches!(&refused, Outcome::Refused(one) if *one == early), "{refused:?}");
        }
        advance(&bench, "2026-12-03", "2026-12-04").await;
        end_days(&bench, 1).await;
        for (account, cents) in [(since, 200), (late, 800)] {
            settle(&bench, account).await;
            assert_eq!(bench.balance(account).await.0, cents);
        }
        bench.assert_clean().await;
    }
}
