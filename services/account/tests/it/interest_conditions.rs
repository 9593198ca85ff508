//! Conditions of interest: set once, from the business date on, told with their versions.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use florin_account::{
    domain::{
        fee::{FeeEvent, FeeSchedule, FeeTier},
        interest::{self as domain, Terms, Tier, Tiers},
    },
    store,
};
use florin_kernel::{Date, UnixMicros};
use florin_proto::account::v1::{
    GetAccruedInterestRequest, InterestConditions, ListInterestConditionsRequest,
    SetInterestConditionsRequest,
};
use florin_store::{Engine, StoreError, Tx};
use florin_testkit::place::{number, reason, staff, violations};

use crate::{
    bench_ledger::{Bench, each, sqlite},
    desk::{desk, machine},
    end_of_day::end_days,
    interest_world::{advance, conditions, pay_interest, tiers},
};

#[tokio::test(flavor = "multi_thread")]
async fn conditions_are_set_once_from_the_business_date_on_and_listed_with_their_versions() {
    for bench in each().await {
        let desk = desk(&bench);
        let set = async |told: InterestConditions| {
            let ctx = staff("SetInterestConditions", &["credit_officer"]);
            let request = SetInterestConditionsRequest { conditions: Some(told) };
            reason(desk.set_interest_conditions(&ctx, request).await)
        };
        let first = conditions("current", "2026-11-21", &[("0", "1.25"), ("1000.00", "2")]);
        assert_eq!(set(first.clone()).await, "OK");
        assert_eq!(set(first.clone()).await, "OK", "the same again is the first");
        let other = conditions("current", "2026-11-21", &[("0", "1.26")]);
        assert_eq!(set(other).await, "CONDITIONS_EXIST");
        let past = conditions("current", "2026-11-20", &[("0", "1")]);
        assert_eq!(set(past).await, "CONDITIONS_IN_THE_PAST");
        assert_eq!(set(conditions("gold", "2026-11-21", &[])).await, "PRODUCT_NOT_FOUND");
        let later = conditions("current", "2027-01-01", &[]);
        assert_eq!(set(later.clone()).await, "OK");
        let savings = conditions("savings", "2026-12-01", &[("0", "3")]);
        assert_eq!(set(savings.clone()).await, "OK");
        advance(&bench, "2026-11-21", "2026-11-23").await;
        assert_eq!(set(first.clone()).await, "OK", "the same again, though it is the past by now");

        let ctx = machine("ListInterestConditions", &[]);
        let page = async |product: &str, page_token: String| {
            let product = product.to_owned();
            let request = ListInterestConditionsRequest { product, page_size: 2, page_token };
            desk.list_interest_conditions(&ctx, request).await.unwrap().into_inner()
        };
        let told = page("", String::new()).await;
        assert_eq!(told.conditions, [first.clone(), later.clone()]);
        let told = page("", told.next_page_token).await;
        assert_eq!((told.conditions, told.next_page_token), (vec![savings], String::new()));
        assert_eq!(page("current", String::new()).await.conditions, [first, later]);
        let audited = "SELECT count(*) FROM audit WHERE reference LIKE 'interest_conditions/%'";
        assert_eq!(number(&bench.db, audited).await.unwrap(), 3);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_conditions_are_refused_with_every_field() {
    let bench = sqlite().await;
    let desk = desk(&bench);
    let told = async |conditions: InterestConditions| {
        let ctx = staff("SetInterestConditions", &["credit_officer"]);
        let request = SetInterestConditionsRequest { conditions: Some(conditions) };
        let told = violations(desk.set_interest_conditions(&ctx, request).await);
        let told = told.into_iter().map(|(field, rule)| {
            format!("{} {rule}", field.strip_prefix("conditions.").unwrap_or(&field))
        });
        told.collect::<Vec<_>>()
    };
    let mut bad = conditions("current", "2026-11-31", &[("0", "1001"), ("1.00", "-1")]);
    bad.day_count = "30/365".into();
    bad.currency = "ZZZ".into();
    bad.tiering = 7;
    bad.overdraft = Vec::new();
    assert_eq!(
        told(bad).await,
        [
            "currency UNKNOWN_CURRENCY",
            "valid_from MALFORMED_DATE",
            "day_count UNKNOWN_DAY_COUNT",
            "tiering UNKNOWN_VALUE",
            "credit[0].rate_percent MALFORMED_RATE",
            "credit[1].rate_percent MALFORMED_RATE",
        ]
    );
    let sound = || conditions("current", "2026-11-21", &[]);
    for (tiers, rule) in [
        (tiers(&[("1.00", "1")]), "credit OUT_OF_RANGE"),
        (tiers(&[("0", "1"), ("0", "2")]), "credit OUT_OF_RANGE"),
        (tiers(&[("0", "1"); 21]), "credit TOO_MANY"),
    ] {
        assert_eq!(told(InterestConditions { credit: tiers, ..sound() }).await, [rule]);
    }
    let dollars =
        InterestConditions { currency: "USD".into(), credit: tiers(&[("0", "1")]), ..sound() };
    assert_eq!(told(dollars).await, ["credit[0].from CURRENCY_MISMATCH"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn accrued_interest_is_told_exactly_to_holders_and_staff() {
    for bench in each().await {
        pay_interest(&bench, "current", "2026-11-21", &[("0", "1")]).await;
        let account = bench.open(12_345).await;
        let desk = desk(&bench);
        let ask = async || {
            let request = GetAccruedInterestRequest { account_id: account.to_string() };
            let ctx = machine("GetAccruedInterest", &[]);
            desk.get_accrued_interest(&ctx, request).await.unwrap().into_inner()
        };
        let before = ask().await;
        assert_eq!((before.accrued_through.as_str(), before.account_id), ("", account.to_string()));
        advance(&bench, "2026-11-21", "2026-11-23").await;
        end_days(&bench, 1).await;
        let told = ask().await;
        assert_eq!(told.accrued_through, "2026-11-22");
        let credit = told.credit.unwrap();
        // 123.45 * 1 % / 365 is 0.0033821918 a day.
        assert_eq!(credit.accrued, "0.0067643836");
        assert_eq!(credit.booked.unwrap().amount, "0.01");
        assert_eq!(credit.capitalised.unwrap().amount, "0.00");
        assert_eq!(told.overdraft.unwrap().accrued, "0.0000000000");
        let stranger = florin_testkit::place::customer(
            "GetAccruedInterest",
            crate::bench_ledger::cus("nobody"),
        );
        let request = GetAccruedInterestRequest { account_id: account.to_string() };
        let refused = desk.get_accrued_interest(&stranger, request).await;
        assert_eq!(reason(refused), "ACCOUNT_NOT_FOUND");
    }
}

/// Whether the first has written, and whether the second is done.
type Flags<'f> = (&'f AtomicBool, &'f AtomicBool);

/// Writes something, and commits it once another transaction waits for it or that one is over.
async fn hold_until_awaited<F, Fut>(bench: &Bench, (begun, over): Flags<'_>, write: F)
where
    F: Fn(Tx) -> Fut + Send + Sync,
    Fut: Future<Output = Result<bool, StoreError>> + Send,
{
    let waiting = "SELECT COUNT(*) FROM pg_locks AS l JOIN pg_stat_activity AS a ON a.pid = l.pid \
                   WHERE NOT l.granted AND a.datname = current_database()";
    let held = bench.db.write(async |tx: Tx| {
        assert!(write(tx).await?, "it is the first");
        begun.store(true, Ordering::SeqCst);
        while number(&bench.db, waiting).await.unwrap() == 0 && !over.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok::<_, StoreError>(())
    });
    held.await.unwrap();
}

/// Asks once the other has written, until no lock was waited for in vain.
async fn settled<F>((begun, over): Flags<'_>, ask: impl Fn() -> F) -> String
where
    F: Future<Output = String>,
{
    while !begun.load(Ordering::SeqCst) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    loop {
        let told = ask().await;
        if told != "CONCURRENT_CHANGE" {
            over.store(true, Ordering::SeqCst);
            return told;
        }
    }
}

/// The second equal one waits for the first and meets it. On SQLite one comes after the other.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_equal_sets_at_once_the_second_meets_the_first() {
    for bench in each().await {
        if bench.db.engine() == Engine::Sqlite {
            continue;
        }
        let told = conditions("current", "2026-12-01", &[("0", "1")]);
        let tiers = || Tiers::new(vec![Tier { from: 0, rate: "1".parse().unwrap() }]).unwrap();
        let terms = Terms {
            day_count: "ACT/365F".parse().unwrap(),
            tiering: domain::Tiering::Marginal,
            capitalisation: domain::Capitalisation::Monthly,
            credit: tiers(),
            overdraft: tiers(),
        };
        let currency = "EUR".parse().unwrap();
        let day = Date::constant(2026, 12, 1);
        let id = ("current".to_owned(), currency, day);
        let (begun, over, at) = (AtomicBool::new(false), AtomicBool::new(false), UnixMicros(1));
        let (flags, id, terms) = ((&begun, &over), &id, &terms);
        let first = hold_until_awaited(&bench, flags, async |tx: Tx| {
            store::conditions::add(&tx, id, terms, at).await
        });
        let second = settled(flags, || async {
            let ctx = staff("SetInterestConditions", &["credit_officer"]);
            let request = SetInterestConditionsRequest { conditions: Some(told.clone()) };
            reason(desk(&bench).set_interest_conditions(&ctx, request).await)
        });
        assert_eq!(tokio::join!(first, second).1, "OK");

        let tier = FeeTier { from: 0, flat: 250, rate: "0".parse().unwrap() };
        let schedule = &FeeSchedule::new(vec![tier], 0, None).unwrap();
        let id = &("current".to_owned(), currency, FeeEvent::Month, Date::constant(2026, 11, 21));
        let (begun, over) = (AtomicBool::new(false), AtomicBool::new(false));
        let flags = (&begun, &over);
        let first = hold_until_awaited(&bench, flags, async |tx: Tx| {
            store::fees::add(&tx, id, schedule, at).await
        });
        let second = settled(flags, || crate::fees::set_monthly(&bench, 250));
        assert_eq!(tokio::join!(first, second).1, "OK");
    }
}
