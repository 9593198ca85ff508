//! Limits: reserved when a transfer is accepted, given back once if it ends unpaid.

use std::sync::Arc;

use florin_payment::{Payment, Turn};
use florin_proto::payment::v1::{
    CancelTransferRequest, CreateDepositRequest, Limit, LimitPeriod, LimitScope, ListLimitsRequest,
    RemoveLimitRequest, SetLimitRequest, TransferStatus,
};
use florin_rpc::Error;
use tokio::task::JoinSet;

use crate::bank::{Bank, customer, customer_id, places, reason, staff, until_decided};

async fn set(bank: &Bank, scope: LimitScope, subject: &str, period: LimitPeriod, amount: &str) {
    let request = SetLimitRequest {
        scope: scope.into(),
        subject: subject.into(),
        period: period.into(),
        amount: amount.into(),
        currency: "EUR".into(),
    };
    let key = format!("{subject} {period:?} {amount}");
    bank.payment.set_limit(&staff("SetLimit", &key), request).await.unwrap();
}

async fn account_limit(bank: &Bank, period: LimitPeriod, amount: &str) {
    set(bank, LimitScope::Account, &bank.from.to_string(), period, amount).await;
}

/// Used and left of the limits of Alice's account, as she sees them.
async fn seen(bank: &Bank) -> Vec<(LimitPeriod, String, String)> {
    let request =
        ListLimitsRequest { account_id: bank.from.to_string(), ..ListLimitsRequest::default() };
    let ctx = customer(bank.alice, "ListLimits", "");
    let told = bank.payment.list_limits(&ctx, request).await.unwrap().into_inner();
    let amount = |money: Option<florin_proto::common::v1::Money>| money.unwrap_or_default().amount;
    let one = |limit: Limit| (limit.period(), amount(limit.used), amount(limit.left));
    told.limits.into_iter().map(one).collect()
}

/// Before many ask at once.
async fn until_heard(payment: &Payment) {
    until_decided(|| async { Ok(payment.hear_of_the_date().await?) }).await.unwrap();
}

fn facts(error: &Error) -> Vec<&str> {
    let fact = |key: &str| error.metadata().get(key).map_or("", String::as_str);
    ["scope", "period", "limit", "left", "currency"].map(fact).to_vec()
}

async fn refused(bank: &Bank, key: &str, amount: &str) -> Error {
    let refused = bank.transfer(key, bank.order(amount)).await.unwrap_err();
    let error = Error::from_status(&refused);
    assert_eq!(error.reason(), "LIMIT_EXCEEDED");
    error
}

#[tokio::test]
async fn a_refusal_names_the_limit_and_what_is_left_of_it() {
    for place in places() {
        let bank = Bank::open(place).await;
        account_limit(&bank, LimitPeriod::Day, "10.00").await;
        set(&bank, LimitScope::Customer, &bank.alice.to_string(), LimitPeriod::Month, "12").await;
        set(&bank, LimitScope::Channel, "branch", LimitPeriod::Transfer, "8.00").await;
        assert_eq!(
            facts(&refused(&bank, "a", "8.01").await),
            ["CHANNEL", "TRANSFER", "8.00", "8.00", "EUR"]
        );
        bank.accepted("b", "8").await;
        assert_eq!(
            facts(&refused(&bank, "c", "2.01").await),
            ["ACCOUNT", "DAY", "10.00", "2.00", "EUR"]
        );
        bank.accepted("d", "2").await;
        // The next business date has a day of its own, in the same month.
        bank.ledger.set_business_date("2026-11-23");
        let next = bank.hear_of_the_date().await;
        assert_eq!(next, "2026-11-23");
        assert_eq!(
            facts(&refused(&bank, "e", "2.01").await),
            ["CUSTOMER", "MONTH", "12.00", "2.00", "EUR"]
        );
        bank.accepted("f", "2").await;
        bank.ledger.set_business_date("2026-12-01");
        bank.hear_of_the_date().await;
        bank.accepted("g", "8").await;
    }
}

#[tokio::test]
async fn what_ends_unpaid_is_given_back_exactly_once() {
    for place in places() {
        let bank = Bank::open(place).await;
        for period in [LimitPeriod::Day, LimitPeriod::Month] {
            account_limit(&bank, period, "300").await;
        }
        let is = |used: &str, left: &str| {
            [LimitPeriod::Day, LimitPeriod::Month]
                .map(|one| (one, used.to_owned(), left.to_owned()))
        };
        let poor = bank.accepted("poor", "200").await;
        let cancelled = bank.accepted("cancelled", "50").await;
        assert_eq!(seen(&bank).await, is("250.00", "50.00"));
        for key in ["c1", "c2"] {
            let request = CancelTransferRequest { transfer_id: cancelled.clone() };
            let ctx = customer(bank.alice, "CancelTransfer", key);
            let told = reason(bank.payment.cancel_transfer(&ctx, request).await);
            assert_eq!(told == "OK", key == "c1");
        }
        assert_eq!(seen(&bank).await, is("200.00", "100.00"));
        // A void that goes unanswered leaves it reserved: it may yet be paid.
        bank.ledger.set_voids_away(true);
        bank.turn().await;
        assert_eq!(seen(&bank).await, is("200.00", "100.00"));
        bank.ledger.set_voids_away(false);
        bank.let_time_pass().await;
        assert_eq!(bank.turn().await, Turn::Done);
        assert_eq!(bank.status(&poor).await, TransferStatus::Failed);
        bank.let_time_pass().await;
        assert_eq!(bank.turn().await, Turn::Idle);
        assert_eq!(seen(&bank).await, is("0.00", "300.00"));
        // What is paid stays used.
        bank.accepted("paid", "30").await;
        assert_eq!(bank.turn().await, Turn::Done);
        assert_eq!(seen(&bank).await, is("30.00", "270.00"));
    }
}

#[tokio::test]
async fn parallel_transfers_of_two_replicas_never_exceed_a_limit_together() {
    const ASKED: usize = 60;
    for place in places() {
        let mut bank = Bank::open(place).await;
        account_limit(&bank, LimitPeriod::Day, "20").await;
        set(&bank, LimitScope::Customer, &bank.alice.to_string(), LimitPeriod::Month, "25").await;
        let replicas = [bank.payment.clone(), bank.replica().await];
        for payment in &replicas {
            until_heard(payment).await;
        }
        let bank = Arc::new(bank);
        let mut calls = JoinSet::new();
        for number in 0..ASKED {
            let (payment, bank) = (replicas[number % 2].clone(), Arc::clone(&bank));
            calls.spawn(async move {
                let ctx = customer(bank.alice, "CreateTransfer", &format!("k{number}"));
                let call = || payment.create_transfer(&ctx, bank.order("1"));
                match until_decided(call).await {
                    Ok(_) => true,
                    Err(status) => {
                        assert_eq!(reason::<()>(Err(status)), "LIMIT_EXCEEDED");
                        false
                    }
                }
            });
        }
        let accepted = calls.join_all().await.into_iter().filter(|accepted| *accepted).count();
        assert_eq!(accepted, 20);
        assert_eq!(bank.count("SELECT COUNT(*) FROM transfers").await, 20);
        assert_eq!(seen(&bank).await[0].1, "20.00");
        while bank.turn().await != Turn::Idle {}
        assert_eq!(bank.ledger.balance(bank.to), 2_000);
    }
}

#[tokio::test]
async fn the_same_key_reserves_once_and_keeps_its_refusal() {
    for place in places() {
        let bank = Bank::open(place).await;
        account_limit(&bank, LimitPeriod::Day, "10").await;
        for _ in 0..3 {
            bank.accepted("k", "6").await;
            let first = refused(&bank, "r", "5").await;
            assert_eq!(facts(&first)[3], "4.00");
        }
        assert_eq!(seen(&bank).await, [(LimitPeriod::Day, "6.00".into(), "4.00".into())]);
        account_limit(&bank, LimitPeriod::Day, "20").await;
        // The refusal was decided, and is the answer of its key; a new key is decided anew.
        assert_eq!(facts(&refused(&bank, "r", "5").await)[3], "4.00");
        bank.accepted("again", "5").await;
    }
}

#[tokio::test]
async fn cash_and_other_accounts_count_for_nothing() {
    for place in places() {
        let bank = Bank::open(place).await;
        account_limit(&bank, LimitPeriod::Day, "0").await;
        let deposit = CreateDepositRequest {
            to: bank.from.to_string(),
            amount: "5".into(),
            currency: "EUR".into(),
            description: String::new(),
        };
        bank.payment.create_deposit(&staff("CreateDeposit", "d"), deposit).await.unwrap();
        assert_eq!(facts(&refused(&bank, "k", "0.01").await)[3], "0.00");
        let other = florin_proto::payment::v1::CreateTransferRequest {
            from: bank.to.to_string(),
            to: bank.from.to_string(),
            ..bank.order("1")
        };
        let ctx = customer(bank.bob, "CreateTransfer", "o");
        bank.payment.create_transfer(&ctx, other).await.unwrap();
    }
}

#[tokio::test]
async fn limits_are_set_and_removed_by_staff_audited_and_seen_by_their_customer_alone() {
    for place in places() {
        let bank = Bank::open(place).await;
        account_limit(&bank, LimitPeriod::Day, "1").await;
        account_limit(&bank, LimitPeriod::Day, "2").await;
        set(&bank, LimitScope::Customer, &bank.alice.to_string(), LimitPeriod::Day, "3").await;
        let audited = "SELECT COUNT(*) FROM audit WHERE reference LIKE 'limit/%'";
        assert_eq!(bank.count(audited).await, 3);
        assert_eq!(seen(&bank).await.len(), 2, "the account's second and the customer's");
        let raised = "SELECT COUNT(*) FROM audit \
                      WHERE reference LIKE 'limit/account/%/DAY/EUR: 1.00 -> 2.00'";
        assert_eq!(bank.count(raised).await, 1);
        let of_account =
            ListLimitsRequest { account_id: bank.from.to_string(), ..ListLimitsRequest::default() };
        let ctx = customer(customer_id(9), "ListLimits", "");
        let told = bank.payment.list_limits(&ctx, of_account).await;
        assert_eq!(reason(told), "ACCOUNT_NOT_FOUND");
        let of_alice = ListLimitsRequest {
            customer_id: bank.alice.to_string(),
            ..ListLimitsRequest::default()
        };
        let ctx = customer(bank.bob, "ListLimits", "");
        assert_eq!(reason(bank.payment.list_limits(&ctx, of_alice).await), "NOT_OWN_CUSTOMER");
        let nothing = bank.payment.list_limits(&staff("ListLimits", ""), Default::default()).await;
        assert_eq!(reason(nothing), "INVALID_REQUEST");

        let remove = || RemoveLimitRequest {
            scope: LimitScope::Account.into(),
            subject: bank.from.to_string(),
            period: LimitPeriod::Day.into(),
            currency: "EUR".into(),
        };
        bank.payment.remove_limit(&staff("RemoveLimit", "r"), remove()).await.unwrap();
        let again = bank.payment.remove_limit(&staff("RemoveLimit", "again"), remove()).await;
        assert_eq!(reason(again), "LIMIT_NOT_FOUND");
        assert_eq!(bank.count(audited).await, 4);
        bank.accepted("k", "2.50").await;
    }
}

#[tokio::test]
async fn a_counter_that_holds_too_little_or_is_gone_stops_no_end() {
    for place in places() {
        let bank = Bank::open(place).await;
        for period in [LimitPeriod::Day, LimitPeriod::Month] {
            account_limit(&bank, period, "1000").await;
        }
        let poor = bank.accepted("poor", "200").await;
        let paid = bank.accepted("paid", "30").await;
        bank.execute("UPDATE limit_usage SET used = 1 WHERE id LIKE '%/2026-11-21/%'").await;
        bank.execute("DELETE FROM limit_usage WHERE id LIKE '%/2026-11/%'").await;
        assert_eq!(bank.turn().await, Turn::Done);
        assert_eq!(bank.status(&poor).await, TransferStatus::Failed);
        assert_eq!(bank.status(&paid).await, TransferStatus::Completed);
        assert_eq!(bank.count("SELECT COUNT(*) FROM limit_usage WHERE used <> 0").await, 0);
        let short = "florin_payment_limit_counters_short_total{role=\"payment\"} 1";
        assert!(bank.metrics().contains(short), "{}", bank.metrics());
    }
}

#[tokio::test]
async fn a_limit_that_would_guard_nothing_is_refused() {
    for place in places() {
        let bank = Bank::open(place).await;
        let request = |account: String, currency: &str| SetLimitRequest {
            scope: LimitScope::Account.into(),
            subject: account,
            period: LimitPeriod::Day.into(),
            amount: "1".into(),
            currency: currency.into(),
        };
        let nobody = crate::bank::account_id(99).to_string();
        for (key, account, currency, expected) in [
            ("a", nobody, "EUR", "ACCOUNT_NOT_FOUND"),
            ("b", bank.from.to_string(), "USD", "CURRENCY_MISMATCH"),
        ] {
            let ctx = staff("SetLimit", key);
            let told = bank.payment.set_limit(&ctx, request(account, currency)).await;
            assert_eq!(reason(told), expected);
        }
        assert_eq!(bank.count("SELECT COUNT(*) FROM limits").await, 0);
    }
}

#[tokio::test]
async fn counters_of_long_ago_are_deleted_and_those_of_today_are_not() {
    for place in places() {
        let bank = Bank::open(place).await;
        account_limit(&bank, LimitPeriod::Day, "10").await;
        account_limit(&bank, LimitPeriod::Month, "20").await;
        bank.accepted("k", "6").await;
        let old = "INSERT INTO limit_usage (id, used) VALUES \
                   ('account/x/2026-08-31/EUR', 5), ('account/x/2025-10/EUR', 7)";
        bank.execute(old).await;
        assert_eq!(bank.payment.delete_old_counters().await.unwrap(), 2);
        assert_eq!(bank.payment.delete_old_counters().await.unwrap(), 0);
        assert_eq!(seen(&bank).await[0].1, "6.00");
        assert_eq!(bank.count("SELECT COUNT(*) FROM limit_usage").await, 2);
    }
}

/// An order locks the counters that it moves, and no others.
#[tokio::test]
async fn limits_of_another_currency_are_not_counted() {
    for place in places() {
        let bank = Bank::open(place).await;
        for currency in ["EUR", "USD", "CZK"] {
            let request = SetLimitRequest {
                scope: LimitScope::Customer.into(),
                subject: bank.alice.to_string(),
                period: LimitPeriod::Day.into(),
                amount: "10".into(),
                currency: currency.into(),
            };
            bank.payment.set_limit(&staff("SetLimit", currency), request).await.unwrap();
        }
        bank.accepted("k", "6").await;
        assert_eq!(bank.count("SELECT COUNT(*) FROM limit_usage").await, 1);
    }
}
