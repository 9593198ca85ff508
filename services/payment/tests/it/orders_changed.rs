//! Orders that are changed, and those whose dates meet holidays.

use std::sync::Arc;

use florin_kernel::Date;
use florin_payment::Turn;
use florin_proto::{
    account::v1::FeeEvent,
    payment::v1::{
        CancelOrderRequest, CreateOrderRequest, GetOrderRequest, LimitPeriod, LimitScope, Order,
        OrderFrequency, OrderHolidayRule, OrderRun, OrderRunRefused, OrderStatus, SetLimitRequest,
        TransferStatus, UpdateOrderRequest,
    },
};
use florin_store::sql;
use florin_testkit::place::violations;
use prost::Message as _;
use prost_types::FieldMask;

use crate::bank::{Bank, customer, places, reason, staff};

async fn create(bank: &Bank, key: &str, change: impl FnOnce(&mut CreateOrderRequest)) -> Order {
    let mut request = CreateOrderRequest {
        from: bank.from.to_string(),
        to: bank.to.to_string(),
        amount: "10".into(),
        currency: "EUR".into(),
        frequency: OrderFrequency::Daily.into(),
        first_on: "2027-01-29".into(),
        ..CreateOrderRequest::default()
    };
    change(&mut request);
    let ctx = customer(bank.alice, "CreateOrder", key);
    bank.payment.create_order(&ctx, request).await.unwrap().into_inner().order.unwrap()
}

async fn get(bank: &Bank, id: &str) -> (Order, Vec<OrderRun>) {
    let request = GetOrderRequest { order_id: id.into() };
    let ctx = customer(bank.alice, "GetOrder", "");
    let answer = bank.payment.get_order(&ctx, request).await.unwrap().into_inner();
    (answer.order.unwrap(), answer.runs)
}

fn update(order: &Order, paths: &[&str], amount: &str, last_on: &str) -> UpdateOrderRequest {
    UpdateOrderRequest {
        order_id: order.order_id.clone(),
        amount: amount.into(),
        last_on: last_on.into(),
        update_mask: Some(FieldMask { paths: paths.iter().map(|&path| path.into()).collect() }),
    }
}

/// Opens a business date with what the calendar has next, and runs the orders.
async fn open(bank: &Bank, date: &str, next: &str) -> usize {
    bank.ledger.set_business_date(date);
    bank.ledger.set_next_business_date(next);
    bank.hear_of_the_date().await;
    bank.payment.run_orders_of(date.parse::<Date>().unwrap()).await.unwrap()
}

#[tokio::test]
async fn a_date_on_which_the_bank_is_closed_is_paid_by_the_rule_of_the_order() {
    use OrderHolidayRule::{Following, ModifiedFollowing, Preceding, Unspecified};
    for place in places() {
        let bank = Bank::open(place).await;
        let mut orders = Vec::new();
        // Saturdays: the 23rd, whose next business date is in its month, and the 30th.
        for date in ["2027-01-23", "2027-01-30"] {
            for rule in [Unspecified, Following, ModifiedFollowing, Preceding] {
                let key = format!("{date} {rule:?}");
                let once = |request: &mut CreateOrderRequest| {
                    request.frequency = OrderFrequency::Once.into();
                    request.first_on = date.into();
                    request.holiday_rule = rule.into();
                };
                let order = create(&bank, &key, once).await;
                let told = if rule == Unspecified { Following } else { rule };
                assert_eq!(order.holiday_rule(), told);
                orders.push(order);
            }
        }
        assert_eq!(open(&bank, "2027-01-21", "2027-01-22").await, 0);
        assert_eq!(open(&bank, "2027-01-22", "2027-01-25").await, 1);
        assert_eq!(open(&bank, "2027-01-22", "2027-01-25").await, 0);
        assert_eq!(paid(&bank, &orders).await, [0, 0, 0, 1, 0, 0, 0, 0]);
        open(&bank, "2027-01-25", "2027-01-26").await;
        assert_eq!(paid(&bank, &orders).await, [1, 1, 1, 1, 0, 0, 0, 0]);
        open(&bank, "2027-01-29", "2027-02-01").await;
        assert_eq!(paid(&bank, &orders).await, [1, 1, 1, 1, 0, 0, 1, 1]);
        open(&bank, "2027-02-01", "2027-02-02").await;
        assert_eq!(paid(&bank, &orders).await, [1; 8]);
        assert_eq!(open(&bank, "2027-02-02", "2027-02-03").await, 0);
    }
}

async fn paid(bank: &Bank, orders: &[Order]) -> Vec<usize> {
    let mut paid = Vec::new();
    for order in orders {
        paid.push(get(bank, &order.order_id).await.1.len());
    }
    paid
}

#[tokio::test]
async fn a_daily_order_pays_each_day_with_the_amount_of_then_and_ends_on_its_last_date() {
    for place in places() {
        let bank = Bank::open(place).await;
        let order = create(&bank, "daily", |_| ()).await;
        assert_eq!(open(&bank, "2027-01-29", "2027-02-01").await, 1);
        let ctx = |key: &str| customer(bank.alice, "UpdateOrder", key);
        let change = update(&order, &["amount", "last_on"], "12.50", "2027-02-02");
        for _ in 0..2 {
            let told = bank.payment.update_order(&ctx("change"), change.clone()).await.unwrap();
            let told = told.into_inner().order.unwrap();
            assert_eq!(told.amount.unwrap().amount, "12.50");
            assert_eq!(
                (told.last_on.as_str(), told.next_on.as_str()),
                ("2027-02-02", "2027-01-30")
            );
        }
        // Saturday, Sunday and Monday.
        assert_eq!(open(&bank, "2027-02-01", "2027-02-02").await, 3);
        assert_eq!(open(&bank, "2027-02-02", "2027-02-03").await, 1);
        assert_eq!(open(&bank, "2027-02-03", "2027-02-04").await, 0);
        while bank.turn().await != Turn::Idle {}
        assert_eq!(bank.ledger.balance(bank.to), 1_000 + 4 * 1_250);
        let (told, runs) = get(&bank, &order.order_id).await;
        assert_eq!((told.status(), runs.len()), (OrderStatus::Ended, 5));
        let audited = format!(
            "SELECT COUNT(*) FROM audit WHERE reference = \
             '{}; amount: 10.00 -> 12.50; last_on: none -> 2027-02-02'",
            order.order_id
        );
        assert_eq!(bank.count(&audited).await, 1);
        let late =
            bank.payment.update_order(&ctx("late"), update(&order, &["amount"], "1", "")).await;
        assert_eq!(reason(late), "ORDER_STATE");
    }
}

#[tokio::test]
async fn only_what_the_mask_names_is_changed_and_only_by_who_may_pay() {
    for place in places() {
        let bank = Bank::open(place).await;
        let order = create(&bank, "order", |_| ()).await;
        let ctx = |who, key: &str| customer(who, "UpdateOrder", key);
        for (who, key) in [(bank.bob, "b"), (bank.carol, "c")] {
            let ctx = ctx(who, key);
            let told = bank.payment.update_order(&ctx, update(&order, &["amount"], "1", ""));
            assert_eq!(reason(told.await), "ORDER_NOT_FOUND");
        }
        for (change, field) in [
            (update(&order, &[], "1", ""), "update_mask"),
            (update(&order, &["currency"], "1", ""), "update_mask"),
            (update(&order, &["amount"], "", ""), "amount"),
            (update(&order, &["amount"], "0", ""), "amount"),
            (update(&order, &["amount"], "1.234", ""), "amount"),
            (update(&order, &["last_on"], "", "tomorrow"), "last_on"),
            (update(&order, &["last_on"], "", "2027-01-28"), "last_on"),
        ] {
            let key = format!("{field} {} {}", change.amount, change.last_on);
            let told = bank.payment.update_order(&ctx(bank.alice, &key), change).await;
            assert_eq!(violations(told)[0].0, field);
        }
        let last = update(&order, &["last_on"], "99", "2027-03-01");
        let told = bank.payment.update_order(&ctx(bank.alice, "l"), last).await.unwrap();
        let told = told.into_inner().order.unwrap();
        assert_eq!((told.amount, told.last_on.as_str()), (order.amount.clone(), "2027-03-01"));
        let none = update(&order, &["last_on"], "", "");
        let told = bank.payment.update_order(&ctx(bank.alice, "n"), none).await.unwrap();
        assert_eq!(told.into_inner().order.unwrap().last_on, "");
        let both = update(&order, &["amount", "last_on"], "0", "2027-01-28");
        let told = violations(bank.payment.update_order(&ctx(bank.alice, "both"), both).await);
        let fields: Vec<_> = told.iter().map(|one| one.0.as_str()).collect();
        assert_eq!(fields, ["amount", "last_on"]);
        let cancel = CancelOrderRequest { order_id: order.order_id.clone() };
        bank.payment.cancel_order(&customer(bank.alice, "CancelOrder", "c"), cancel).await.unwrap();
        let ctx = ctx(bank.alice, "x");
        let told = bank.payment.update_order(&ctx, update(&order, &["amount"], "1", ""));
        assert_eq!(reason(told.await), "ORDER_STATE");
    }
}

#[tokio::test]
async fn a_run_whose_transfer_ended_unpaid_says_why() {
    for place in places() {
        let bank = Bank::open(place).await;
        let order = create(&bank, "order", |request| request.amount = "500".into()).await;
        assert_eq!(open(&bank, "2027-01-29", "2027-02-01").await, 1);
        while bank.turn().await != Turn::Idle {}
        let runs = get(&bank, &order.order_id).await.1;
        assert_eq!(runs[0].reason, "INSUFFICIENT_FUNDS");
        assert!(runs[0].transfer_id.starts_with("trf_"));
    }
}

#[tokio::test]
async fn an_amount_that_is_changed_while_its_fee_is_quoted_is_paid_with_its_own_fee() {
    for place in places() {
        let bank = Arc::new(Bank::open(place).await);
        let order = create(&bank, "order", |request| {
            request.frequency = OrderFrequency::Once.into();
        })
        .await;
        bank.ledger.set_fee(bank.from, FeeEvent::Transfer, 50);
        let quoting = bank.ledger.hold_quotes();
        let today: Date = "2027-01-29".parse().unwrap();
        let running = {
            let bank = Arc::clone(&bank);
            tokio::spawn(async move { bank.payment.run_orders_of(today).await })
        };
        // Quoted, of the 10.00 of then, and not told yet.
        quoting.quoted.acquire().await.unwrap().forget();
        bank.ledger.set_fee(bank.from, FeeEvent::Transfer, 90);
        let ctx = customer(bank.alice, "UpdateOrder", "more");
        bank.payment.update_order(&ctx, update(&order, &["amount"], "20", "")).await.unwrap();
        quoting.told.add_permits(2);
        let first = running.await.unwrap().unwrap();
        let second = bank.payment.run_orders_of(today).await.unwrap();
        assert_eq!(first + second, 1);
        while bank.turn().await != Turn::Idle {}
        let runs = get(&bank, &order.order_id).await.1;
        assert_eq!(bank.status(&runs[0].transfer_id).await, TransferStatus::Completed);
        assert_eq!(bank.ledger.balance(bank.to), 2_000);
        assert_eq!(bank.ledger.balance(bank.from), 10_000 - 2_000 - 90);
    }
}

#[tokio::test]
async fn a_later_last_date_pays_no_date_that_had_passed() {
    for place in places() {
        let bank = Bank::open(place).await;
        let order = create(&bank, "order", |request| {
            request.amount = "500".into();
            request.last_on = "2027-01-31".into();
            request.retries = 3;
        })
        .await;
        assert_eq!(open(&bank, "2027-01-31", "").await, 3);
        while bank.turn().await != Turn::Idle {}
        bank.ledger.set_business_date("2027-02-20");
        bank.hear_of_the_date().await;
        let ctx = |key: &str| customer(bank.alice, "UpdateOrder", key);
        let change = update(&order, &["amount", "last_on"], "1", "2027-03-31");
        for _ in 0..2 {
            let told = bank.payment.update_order(&ctx("longer"), change.clone()).await.unwrap();
            let told = told.into_inner().order.unwrap();
            assert_eq!((told.status(), told.next_on.as_str()), (OrderStatus::Active, "2027-02-21"));
        }
        // The date that failed is tried again; none of February is paid.
        assert_eq!(open(&bank, "2027-02-20", "").await, 1);
        assert_eq!(open(&bank, "2027-02-21", "").await, 1);
        let skipped = format!(
            "SELECT COUNT(*) FROM order_runs WHERE order_id = '{}' AND reason = 'SKIPPED'",
            order.order_id
        );
        assert_eq!(bank.count(&skipped).await, 20);
        assert_eq!(bank.count("SELECT COUNT(*) FROM transfers").await, 5);
    }
}

#[tokio::test]
async fn an_order_that_is_refused_and_has_its_next_date_before_a_retry_promises_none() {
    for place in places() {
        let bank = Bank::open(place).await;
        let limit = SetLimitRequest {
            scope: LimitScope::Channel.into(),
            subject: "standing_order".into(),
            period: LimitPeriod::Day.into(),
            amount: "5".into(),
            currency: "EUR".into(),
        };
        bank.payment.set_limit(&staff("SetLimit", "l"), limit).await.unwrap();
        let order = create(&bank, "order", |request| request.retries = 1).await.order_id;
        assert_eq!(open(&bank, "2027-01-29", "").await, 0);
        let query = "SELECT payload FROM outbox WHERE aggregate = $1";
        let rows = sql::query_all(bank.database().read(), query, [order.as_str().into()]).await;
        let payload: Vec<u8> = rows.unwrap()[0].try_get("", "payload").unwrap();
        let told = OrderRunRefused::decode(payload.as_slice()).unwrap();
        let run = told.run.unwrap();
        assert_eq!((run.date.as_str(), told.retry_on.as_str()), ("2027-01-29", ""));
    }
}
