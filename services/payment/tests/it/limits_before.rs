//! A limit counts what its day and month have taken on before it was set.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use florin_kernel::Date;
use florin_payment::{Payment, Turn};
use florin_proto::payment::v1::{
    CreateOrderRequest, LimitPeriod, LimitScope, ListLimitsRequest, OrderFrequency,
    RemoveLimitRequest, SetLimitRequest, TransferStatus,
};
use florin_rpc::Error;
use florin_store::{Tx, sql};
use florin_testkit::{Place, simulator::Action};
use tokio::{
    sync::oneshot,
    task::{JoinHandle, JoinSet},
};

use crate::{
    bank::{Bank, customer, iban, places, staff, until_decided},
    bulks,
    clearing::world::World,
};

const SCOPES: [LimitScope; 3] = [LimitScope::Account, LimitScope::Customer, LimitScope::Channel];
const PERIODS: [LimitPeriod; 2] = [LimitPeriod::Day, LimitPeriod::Month];

fn subject(bank: &Bank, scope: LimitScope) -> String {
    match scope {
        LimitScope::Account => bank.from.to_string(),
        LimitScope::Customer => bank.alice.to_string(),
        LimitScope::Channel | LimitScope::Unspecified => "branch".to_owned(),
    }
}

fn request(bank: &Bank, scope: LimitScope, period: LimitPeriod, amount: &str) -> SetLimitRequest {
    SetLimitRequest {
        scope: scope.into(),
        subject: subject(bank, scope),
        period: period.into(),
        amount: amount.into(),
        currency: "EUR".into(),
    }
}

async fn set(bank: &Bank, scope: LimitScope, period: LimitPeriod, amount: &str) {
    let ctx = staff("SetLimit", &format!("{scope:?} {period:?} {amount}"));
    let request = request(bank, scope, period, amount);
    until_decided(|| bank.payment.set_limit(&ctx, request.clone())).await.unwrap();
}

/// What of the account's one limit is used.
async fn used(bank: &Bank) -> String {
    let request =
        ListLimitsRequest { account_id: bank.from.to_string(), ..ListLimitsRequest::default() };
    let told = bank.payment.list_limits(&staff("ListLimits", ""), request).await.unwrap();
    let limits = told.into_inner().limits;
    assert_eq!(limits.len(), 1);
    limits.into_iter().next().unwrap().used.unwrap().amount
}

/// What a limit leaves, by the refusal of more.
async fn left(bank: &Bank, key: &str) -> String {
    let refused = bank.transfer(key, bank.order("99")).await.unwrap_err();
    let error = Error::from_status(&refused);
    assert_eq!(error.reason(), "LIMIT_EXCEEDED");
    error.metadata()["left"].clone()
}

/// Counters that are not the sum of what counts in them.
async fn untrue(bank: &Bank) -> Vec<String> {
    let window = "CASE WHEN u.id LIKE '%/____-__-__/___' THEN r.date ELSE SUBSTR(r.date, 1, 7) END";
    let query = format!(
        "SELECT u.id FROM limit_usage AS u WHERE u.used <> (SELECT CAST(COALESCE(SUM(r.amount), 0) \
         AS BIGINT) FROM reservations AS r WHERE u.id IN ( \
         'account/' || r.account || '/' || {window} || '/' || r.currency, \
         'customer/' || r.customer || '/' || {window} || '/' || r.currency, \
         'channel/' || r.channel || '/' || r.account || '/' || {window} || '/' || r.currency)) \
         ORDER BY u.id"
    );
    bank.texts(&query).await
}

#[tokio::test]
async fn a_limit_counts_what_was_accepted_before_it_was_set() {
    for (scope, period) in SCOPES.iter().flat_map(|one| PERIODS.map(|period| (*one, period))) {
        for place in places() {
            let bank = Bank::open(place).await;
            bank.accepted("yesterday", "3").await;
            bank.ledger.set_business_date("2026-11-23");
            bank.hear_of_the_date().await;
            bank.accepted("before", "4").await;
            let of_month = period == LimitPeriod::Month;
            set(&bank, scope, period, if of_month { "8" } else { "5" }).await;
            if scope == LimitScope::Account {
                assert_eq!(used(&bank).await, if of_month { "7.00" } else { "4.00" });
            }
            assert_eq!(left(&bank, "above").await, "1.00", "{scope:?} {period:?}");
            bank.accepted("to the cent", "1").await;
            assert_eq!(left(&bank, "nothing").await, "0.00");
            assert_eq!(untrue(&bank).await, [""; 0]);
        }
    }
}

#[tokio::test]
async fn what_was_accepted_before_a_limit_and_ends_unpaid_is_given_back_once() {
    for place in places() {
        let bank = Bank::open(place).await;
        let poor = bank.accepted("poor", "200").await;
        let failed = bank.accepted("failed", "300").await;
        bank.accepted("paid", "30").await;
        set(&bank, LimitScope::Account, LimitPeriod::Day, "1000").await;
        assert_eq!(used(&bank).await, "530.00");
        // From here on there is a counter, which has those of before.
        bank.accepted("after", "1").await;
        assert_eq!(used(&bank).await, "531.00");
        while bank.turn().await != Turn::Idle {
            bank.let_time_pass().await;
        }
        for unpaid in [poor, failed] {
            assert_eq!(bank.status(&unpaid).await, TransferStatus::Failed);
        }
        assert_eq!(used(&bank).await, "31.00");
        bank.let_time_pass().await;
        bank.turn().await;
        assert_eq!((used(&bank).await.as_str(), untrue(&bank).await.len()), ("31.00", 0));
        let short = "florin_payment_limit_counters_short_total{role=\"payment\"} 0";
        assert!(bank.metrics().contains(short), "{}", bank.metrics());
    }
}

#[tokio::test]
async fn a_limit_that_was_removed_stops_nothing_and_is_true_when_it_is_set_again() {
    for place in places() {
        let bank = Bank::open(place).await;
        set(&bank, LimitScope::Account, LimitPeriod::Day, "5").await;
        bank.accepted("one", "4").await;
        let remove = RemoveLimitRequest {
            scope: LimitScope::Account.into(),
            subject: bank.from.to_string(),
            period: LimitPeriod::Day.into(),
            currency: "EUR".into(),
        };
        bank.payment.remove_limit(&staff("RemoveLimit", "r"), remove).await.unwrap();
        let poor = bank.accepted("two", "150").await;
        bank.accepted("three", "7").await;
        while bank.turn().await != Turn::Idle {
            bank.let_time_pass().await;
        }
        assert_eq!(bank.status(&poor).await, TransferStatus::Failed);
        set(&bank, LimitScope::Account, LimitPeriod::Day, "12").await;
        assert_eq!(used(&bank).await, "11.00");
        assert_eq!(left(&bank, "four").await, "1.00");
        assert_eq!(untrue(&bank).await, [""; 0]);
    }
}

/// Its transfers have no row of what counts, and name their counters themselves.
#[tokio::test]
async fn what_a_release_before_took_on_goes_back_to_the_counters_of_then_alone() {
    for place in places() {
        let bank = Bank::open(place).await;
        let poor = bank.accepted("poor", "200").await;
        bank.execute("DELETE FROM reservations").await;
        let day = format!("account/{}/2026-11-21/EUR", bank.from);
        let month = format!("account/{}/2026-11/EUR", bank.from);
        bank.execute(&format!("UPDATE transfers SET reserved = '[\"{day}\", \"{month}\"]'")).await;
        bank.execute(&format!("INSERT INTO limit_usage (id, used) VALUES ('{day}', 20000)")).await;
        for period in PERIODS {
            set(&bank, LimitScope::Account, period, "1000").await;
        }
        bank.accepted("new", "5").await;
        let counter = async |id: &str| {
            bank.count(&format!("SELECT used FROM limit_usage WHERE id = '{id}'")).await
        };
        assert_eq!((counter(&day).await, counter(&month).await), (20_500, 500));
        while bank.turn().await != Turn::Idle {
            bank.let_time_pass().await;
        }
        assert_eq!(bank.status(&poor).await, TransferStatus::Failed);
        assert_eq!((counter(&day).await, counter(&month).await), (500, 500));
    }
}

/// Lines of a file, an order and a payment to another bank.
#[tokio::test]
async fn whatever_moves_money_from_an_account_counts_alike() {
    for place in places() {
        let world = World::open(place).await;
        let bank = &world.bank;
        bank.ledger.set_business_date("2027-01-14");
        bank.hear_of_the_date().await;
        let order = CreateOrderRequest {
            from: bank.from.to_string(),
            to: bank.to.to_string(),
            amount: "10".into(),
            currency: "EUR".into(),
            frequency: OrderFrequency::Once.into(),
            first_on: "2027-01-15".into(),
            ..CreateOrderRequest::default()
        };
        let ctx = customer(bank.alice, "CreateOrder", "order");
        bank.payment.create_order(&ctx, order).await.unwrap();
        bank.ledger.set_business_date("2027-01-15");
        bank.hear_of_the_date().await;
        let today = Date::constant(2027, 1, 15);
        assert_eq!(bank.payment.run_orders_of(today).await.unwrap(), 1);
        let file = bulks::line("wage", &iban(2), "2.00") + &bulks::line("tip", &iban(2), "0.50");
        bulks::sent(bank, "wages", file.as_bytes()).await;
        bulks::work(&bank.payment, bulks::TODAY).await;
        world.rule(Action::Silent);
        let out = world.sent("20").await;
        set(bank, LimitScope::Account, LimitPeriod::Day, "40").await;
        assert_eq!(used(bank).await, "32.50");
        assert_eq!(left(bank, "above").await, "7.50");
        // The network rejects what was taken on before the limit.
        world.reject("no", None).await;
        assert_eq!(bank.status(&out).await, TransferStatus::Failed);
        assert_eq!(used(bank).await, "12.50");
        assert_eq!(left(bank, "still above").await, "27.50");
        assert_eq!(untrue(bank).await, [""; 0]);
    }
}

#[tokio::test]
async fn what_counted_long_ago_goes_with_its_counters() {
    for place in places() {
        let bank = Bank::open(place).await;
        bank.ledger.set_business_date("2026-08-31");
        set(&bank, LimitScope::Account, LimitPeriod::Month, "50").await;
        bank.accepted("summer", "5").await;
        bank.ledger.set_business_date("2026-11-23");
        bank.hear_of_the_date().await;
        bank.accepted("now", "6").await;
        assert_eq!(bank.payment.delete_old_counters().await.unwrap(), 1);
        assert_eq!(bank.count("SELECT COUNT(*) FROM reservations").await, 1);
        assert_eq!((used(&bank).await.as_str(), untrue(&bank).await.len()), ("6.00", 0));
    }
}

/// Whatever order they come in, a transfer is refused by the new limit or counted by it.
#[tokio::test]
async fn a_limit_that_is_set_beside_transfers_counts_every_one_of_them() {
    const ASKED: usize = 40;
    for place in places() {
        let mut bank = Bank::open(place).await;
        let replicas = [bank.payment.clone(), bank.replica().await];
        for payment in &replicas {
            until_decided(|| async { Ok(payment.hear_of_the_date().await?) }).await.unwrap();
        }
        let bank = Arc::new(bank);
        let mut calls = JoinSet::new();
        for number in 0..ASKED {
            let (payment, payer) = (replicas[number % 2].clone(), Arc::clone(&bank));
            calls.spawn(async move {
                let ctx = customer(payer.alice, "CreateTransfer", &format!("k{number}"));
                let call = || payment.create_transfer(&ctx, payer.order("1"));
                usize::from(until_decided(call).await.is_ok())
            });
            if number == ASKED / 3 {
                let bank = Arc::clone(&bank);
                calls.spawn(async move {
                    set(&bank, LimitScope::Account, LimitPeriod::Day, "20").await;
                    0
                });
            }
            if number == ASKED / 2 {
                let bank = Arc::clone(&bank);
                calls.spawn(async move {
                    set(&bank, LimitScope::Customer, LimitPeriod::Month, "25").await;
                    0
                });
            }
        }
        let accepted: usize = calls.join_all().await.into_iter().sum();
        assert_eq!(used(&bank).await, format!("{accepted}.00"));
        assert_eq!(untrue(&bank).await, [""; 0]);
        // One more makes both counters begin, where none has.
        let _ = bank.transfer("last", bank.order("0.01")).await;
        assert_eq!(untrue(&bank).await, [""; 0]);
    }
}

/// A transfer that was taken on by the limits of before, and has not committed: the limit waits
/// for it, and what comes after waits for the limit.
#[tokio::test]
async fn a_limit_waits_for_those_who_count_without_it() {
    for place in places().into_iter().filter(is_postgres) {
        let mut bank = Bank::open(place).await;
        let second = bank.replica().await;
        until_decided(|| async { Ok(second.hear_of_the_date().await?) }).await.unwrap();
        bank.hear_of_the_date().await;
        let bank = Arc::new(bank);
        // What each acceptance writes after it has gone by the limits.
        let (release, released) = oneshot::channel::<()>();
        let (locked, has_locked) = oneshot::channel::<()>();
        let db = bank.database().clone();
        let holder = tokio::spawn(async move {
            let both = Mutex::new(Some((locked, released)));
            let both = &both;
            db.write(async |tx: Tx| {
                sql::execute(&tx, "LOCK TABLE outbox IN SHARE ROW EXCLUSIVE MODE", []).await?;
                let both = both.lock().unwrap().take();
                if let Some((locked, released)) = both {
                    let _ = locked.send(());
                    let _ = released.await;
                }
                Ok::<_, florin_store::StoreError>(())
            })
            .await
        });
        has_locked.await.unwrap();
        let mut calls = JoinSet::new();
        let pay = |key: &'static str, payment: Payment| {
            let bank = Arc::clone(&bank);
            async move {
                let ctx = customer(bank.alice, "CreateTransfer", key);
                let paid = until_decided(|| payment.create_transfer(&ctx, bank.order("4"))).await;
                usize::from(paid.is_ok())
            }
        };
        calls.spawn(pay("before", second));
        until(&bank, &holder, 1, || false).await;
        let setting = {
            let bank = Arc::clone(&bank);
            tokio::spawn(
                async move { set(&bank, LimitScope::Account, LimitPeriod::Day, "6").await },
            )
        };
        until(&bank, &holder, 2, || setting.is_finished()).await;
        let next = if setting.is_finished() { 2 } else { 3 };
        calls.spawn(pay("after", bank.payment.clone()));
        until(&bank, &holder, next, || false).await;
        let _ = release.send(());
        let _ = holder.await.unwrap();
        setting.await.unwrap();
        let accepted: usize = calls.join_all().await.into_iter().sum();
        assert_eq!(accepted, 1, "4 and 4 are above 6");
        assert_eq!((used(&bank).await.as_str(), untrue(&bank).await.len()), ("4.00", 0));
    }
}

fn is_postgres(place: &Place) -> bool {
    place.options.url.starts_with("postgres")
}

/// How many wait for a lock of these tables.
async fn waits(bank: &Bank) -> i64 {
    let query = "SELECT COUNT(*) FROM pg_locks WHERE NOT granted AND (relation = \
                 'outbox'::regclass OR (locktype = 'advisory' AND classid = 'limits'::regclass))";
    bank.count(query).await
}

/// Waits until so many wait, or it has come about otherwise. Where the holder was sent away, for
/// its silence, nobody waits any more, and what is said of the end still holds.
async fn until<T>(bank: &Bank, holder: &JoinHandle<T>, count: i64, or: impl Fn() -> bool) {
    let start = Instant::now();
    while waits(bank).await < count && !or() && !holder.is_finished() {
        assert!(start.elapsed() < Duration::from_secs(120), "nobody waits");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
