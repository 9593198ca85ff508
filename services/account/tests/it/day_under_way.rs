//! What waits while the end of a business date is under way, and what time alone heals.

use florin_account::app::command::{Change, Outcome};
use florin_kernel::AccountId;
use florin_proto::account::v1::{
    AdvanceBusinessDateRequest, CloseAccountRequest, ClosePeriodRequest, CreateGlAccountRequest,
    GlClass, RemapProductRequest,
};
use florin_rpc::CallContext;
use florin_testkit::place::{number, reason, was_replayed, with_key};

use crate::{
    bench_ledger::{Bench, change, each, post},
    desk::{desk, teller},
    end_of_day::{end_days, worker},
    interest_world::{advance, pay_interest},
};

async fn close(bench: &Bench, ctx: &CallContext, account: AccountId) -> String {
    let request = CloseAccountRequest { account_id: account.to_string(), reason: "moving".into() };
    reason(desk(bench).close_account(ctx, request).await)
}

/// The day was closed and the account is reached later: it is not closed in between, and what it
/// has earned in the month is paid.
#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_not_closed_before_the_end_of_the_day_has_paid_it() {
    for bench in each().await {
        pay_interest(&bench, "current", "2026-11-21", &[("0", "3.65")]).await;
        let account = bench.open(100_000).await;
        advance(&bench, "2026-11-21", "2026-11-30").await;
        end_days(&bench, 1).await;
        advance(&bench, "2026-11-30", "2026-12-01").await;
        bench.run(post("out", &[(account, -100_000)])).await;
        let ctx = with_key(teller("CloseAccount"), "leaving");
        assert_eq!(close(&bench, &ctx, account).await, "END_OF_DAY_OPEN");
        // Half way through it is no better.
        worker(&bench, 1).turn().await.unwrap();
        assert_eq!(close(&bench, &ctx, account).await, "END_OF_DAY_OPEN");
        end_days(&bench, 1).await;
        // Ten days at 0.10 were paid, so that it is not empty; the refusal was of that moment.
        assert_eq!(bench.balance(account).await.0, 100);
        assert_eq!(close(&bench, &ctx, account).await, "ACCOUNT_NOT_EMPTY");
        bench.run(post("rest", &[(account, -100)])).await;
        assert_eq!(close(&bench, &ctx, account).await, "ACCOUNT_NOT_EMPTY", "that one is stored");
        let fresh = teller("CloseAccount");
        assert_eq!(close(&bench, &fresh, account).await, "OK");
        let given_up = "SELECT COUNT(*) FROM journal WHERE kind = 'interest_given_up'";
        assert_eq!(number(&bench.db, given_up).await.unwrap(), 0);
        bench.assert_clean().await;
    }
}

/// The race itself: whoever is closed has its interest, or was closed on the day before.
#[tokio::test(flavor = "multi_thread")]
async fn closings_beside_the_end_of_a_day_lose_no_interest() {
    for bench in each().await {
        pay_interest(&bench, "current", "2026-11-21", &[("0", "3.65")]).await;
        let mut accounts = Vec::new();
        for _ in 0..8 {
            accounts.push(bench.open(100_000).await);
        }
        advance(&bench, "2026-11-21", "2026-11-30").await;
        end_days(&bench, 1).await;
        advance(&bench, "2026-11-30", "2026-12-01").await;
        let leave = async {
            for account in &accounts {
                bench.run(post(&format!("{account}/out"), &[(*account, -100_000)])).await;
                bench.run(change(*account, Change::Close("x".into()))).await;
            }
        };
        tokio::join!(leave, end_days(&bench, 2));
        end_days(&bench, 1).await;
        for account in accounts {
            assert_eq!(bench.balance(account).await.0, 100, "ten days at 0.10");
        }
        bench.assert_clean().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_close_beside_another_of_its_batch_is_refused_alone() {
    for bench in each().await {
        let (leaving, paying) = (bench.open(0).await, bench.open(10).await);
        advance(&bench, "2026-11-21", "2026-11-23").await;
        let batch = vec![change(leaving, Change::Close("x".into())), post("p", &[(paying, -1)])];
        let told = bench.run_all(batch).await;
        assert!(matches!(told[0], Outcome::Refused(_)), "{told:?}");
        assert!(matches!(told[1], Outcome::Posted { .. }), "{told:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_product_is_not_mapped_anew_while_the_end_of_a_day_is_under_way() {
    for bench in each().await {
        let gl = CreateGlAccountRequest {
            code: "2011".into(),
            name: "Other current accounts".into(),
            class: GlClass::Liability.into(),
            control: true,
        };
        desk(&bench).create_gl_account(&teller("CreateGlAccount"), gl).await.unwrap();
        bench.open(100).await;
        advance(&bench, "2026-11-21", "2026-11-23").await;
        let ctx = with_key(teller("RemapProduct"), "remap");
        let request = RemapProductRequest {
            product: "current".into(),
            currency: String::new(),
            control_gl_code: "2011".into(),
        };
        let early = desk(&bench).remap_product(&ctx, request.clone()).await;
        assert_eq!(reason(early), "END_OF_DAY_OPEN");
        end_days(&bench, 1).await;
        assert_eq!(reason(desk(&bench).remap_product(&ctx, request).await), "OK");
        bench.assert_clean().await;
    }
}

/// What time alone heals is not stored under the key.
#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_closes_a_period_once_it_is_over() {
    for bench in each().await {
        let ctx = with_key(teller("ClosePeriod"), "november");
        let close = async |bench: &Bench| {
            let request = ClosePeriodRequest { closed_through: "2026-11-22".into() };
            desk(bench).close_period(&ctx, request).await
        };
        assert_eq!(reason(close(&bench).await), "PERIOD_NOT_OVER");
        advance(&bench, "2026-11-21", "2026-11-23").await;
        assert_eq!(reason(close(&bench).await), "PERIOD_NOT_OVER", "its end is not done");
        end_days(&bench, 1).await;
        assert_eq!(reason(close(&bench).await), "OK");
        assert!(was_replayed(&close(&bench).await));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_advances_from_a_date_once_it_is_open() {
    for bench in each().await {
        let ctx = with_key(teller("AdvanceBusinessDate"), "monday");
        let monday = async |bench: &Bench| {
            let (closing, opening) = ("2026-11-23".to_owned(), "2026-11-24".to_owned());
            let request = AdvanceBusinessDateRequest { closing, opening };
            reason(desk(bench).advance_business_date(&ctx, request).await)
        };
        assert_eq!(monday(&bench).await, "BUSINESS_DATE_STALE");
        advance(&bench, "2026-11-21", "2026-11-23").await;
        assert_eq!(monday(&bench).await, "OK");
    }
}

/// An account of another bank, imported while the end of the month is under way.
#[tokio::test(flavor = "multi_thread")]
async fn an_imported_account_owes_no_fee_of_the_month_before_its_import() {
    for bench in each().await {
        crate::fees::monthly(&bench, 250).await;
        advance(&bench, "2026-11-21", "2026-11-30").await;
        end_days(&bench, 1).await;
        let here = crate::interest_world::import(&bench, "2020-01-01").await;
        advance(&bench, "2026-11-30", "2026-12-01").await;
        let late = crate::interest_world::import(&bench, "2020-01-01").await;
        end_days(&bench, 1).await;
        assert_eq!(bench.balance(here).await.0, -250);
        assert_eq!(bench.balance(late).await.0, 0, "it came in December");
        for (closing, opening) in [
            ("2026-12-01", "2026-12-11"),
            ("2026-12-11", "2026-12-21"),
            ("2026-12-21", "2026-12-31"),
            ("2026-12-31", "2027-01-01"),
        ] {
            advance(&bench, closing, opening).await;
        }
        end_days(&bench, 1).await;
        assert_eq!(bench.balance(late).await.0, -250);
        bench.assert_clean().await;
    }
}
