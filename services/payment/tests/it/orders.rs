//! Scheduled and standing orders run by the business date.

use std::sync::Arc;

use florin_kernel::{AccountId, Date, OrderId};
use florin_payment::{Payment, Turn};
use florin_proto::payment::v1::{
    CancelOrderRequest, CreateOrderRequest, GetOrderRequest, LimitPeriod, LimitScope,
    ListOrdersRequest, Order, OrderFrequency, OrderRun, OrderRunRefused, OrderStatus,
    ResumeOrderRequest, SetLimitRequest, SkipOrderRequest, SuspendOrderRequest, TransferStatus,
};
use florin_rpc::Error;
use prost::Message as _;
use tokio::task::JoinSet;

use crate::bank::{Bank, customer, customer_id, iban, places, reason, staff};

fn day(month: i8, day: i8) -> Date {
    Date::constant(2027, month, day)
}

fn request(bank: &Bank) -> CreateOrderRequest {
    CreateOrderRequest {
        from: bank.from.to_string(),
        to: bank.to.to_string(),
        amount: "10".into(),
        currency: "EUR".into(),
        description: "rent".into(),
        frequency: OrderFrequency::Monthly.into(),
        first_on: "2027-01-31".into(),
        ..CreateOrderRequest::default()
    }
}

async fn create(bank: &Bank, request: CreateOrderRequest) -> Order {
    let ctx = customer(bank.alice, "CreateOrder", "order");
    bank.payment.create_order(&ctx, request).await.unwrap().into_inner().order.unwrap()
}

async fn get(bank: &Bank, id: &str) -> (Order, Vec<OrderRun>) {
    let ctx = customer(bank.alice, "GetOrder", "");
    let request = GetOrderRequest { order_id: id.into() };
    let answer = bank.payment.get_order(&ctx, request).await.unwrap().into_inner();
    (answer.order.unwrap(), answer.runs)
}

async fn run(payment: &Payment, today: Date) -> usize {
    payment.run_orders_of(today).await.unwrap()
}

#[tokio::test]
async fn a_business_date_is_done_when_it_has_come_and_no_order_of_it_is_left() {
    for place in places() {
        let bank = Bank::open(place).await;
        create(&bank, request(&bank)).await;
        let work = async |on: Date| {
            let steps = bank.payment.day_work(on).await.unwrap();
            let [step] = steps.as_slice() else { panic!("{steps:?}") };
            assert_eq!(step.step, "orders");
            (step.done, step.open)
        };
        bank.hear_of_the_date().await;
        assert_eq!(work(day(1, 29)).await, (false, 0), "it has not come");
        assert_eq!(work(day(2, 1)).await, (false, 1));
        bank.ledger.set_business_date("2027-02-01");
        bank.hear_of_the_date().await;
        assert_eq!(work(day(2, 1)).await, (false, 1), "it has come, and the order has not run");
        run(&bank.payment, day(2, 1)).await;
        bank.turn().await;
        run(&bank.payment, day(2, 1)).await;
        assert_eq!(work(day(2, 1)).await, (true, 0));
        assert_eq!(work(day(1, 29)).await, (true, 0));
    }
}

#[tokio::test]
async fn an_order_becomes_one_transfer_on_each_of_its_dates_whoever_runs_it() {
    for place in places() {
        let mut bank = Bank::open(place).await;
        let order = create(&bank, request(&bank)).await;
        assert_eq!((order.status(), order.next_on.as_str()), (OrderStatus::Active, "2027-01-31"));
        assert_eq!(run(&bank.payment, day(1, 29)).await, 0);
        let replicas = [bank.payment.clone(), bank.replica().await];
        let bank = Arc::new(bank);
        // The 31st is a Sunday: Monday's business date does it.
        for (today, date) in [(day(2, 1), "2027-01-31"), (day(3, 1), "2027-02-28")] {
            let mut runs = JoinSet::new();
            for number in 0..8 {
                let payment = replicas[number % 2].clone();
                runs.spawn(async move { run(&payment, today).await });
            }
            assert_eq!(runs.join_all().await.into_iter().sum::<usize>(), 1, "{date}");
            while bank.turn().await != Turn::Idle {}
            let (_, told) = get(&bank, &order.order_id).await;
            assert_eq!((told[0].date.as_str(), told[0].attempt), (date, 1));
            assert_eq!(bank.status(&told[0].transfer_id).await, TransferStatus::Completed);
        }
        assert_eq!(bank.count("SELECT COUNT(*) FROM transfers").await, 2);
        assert_eq!(bank.ledger.balance(bank.to), 2_000);
        assert_eq!(get(&bank, &order.order_id).await.0.next_on, "2027-03-31");
    }
}

#[tokio::test]
async fn an_order_that_is_asked_for_again_after_its_date_is_the_first() {
    for place in places() {
        let bank = Bank::open(place).await;
        let first = create(&bank, request(&bank)).await;
        bank.ledger.set_business_date("2027-02-01");
        bank.hear_of_the_date().await;
        assert_eq!(run(&bank.payment, day(2, 1)).await, 1);
        assert_eq!(create(&bank, request(&bank)).await, first);
        let other = CreateOrderRequest { amount: "11".into(), ..request(&bank) };
        let ctx = customer(bank.alice, "CreateOrder", "order");
        let refused = bank.payment.create_order(&ctx, other).await;
        assert_eq!(reason(refused), "IDEMPOTENCY_KEY_REUSED");
        assert_eq!(bank.count("SELECT COUNT(*) FROM orders").await, 1);
    }
}

#[tokio::test]
async fn an_order_keeps_its_key_for_ever() {
    for place in places() {
        let bank = Bank::open(place).await;
        let first = create(&bank, request(&bank)).await;
        bank.ledger.set_business_date("2027-02-01");
        bank.hear_of_the_date().await;
        bank.execute("DELETE FROM idempotency_keys").await;
        assert_eq!(create(&bank, request(&bank)).await, first);
        let other = CreateOrderRequest { amount: "11".into(), ..request(&bank) };
        let ctx = customer(bank.alice, "CreateOrder", "order");
        let refused = bank.payment.create_order(&ctx, other).await;
        assert_eq!(reason(refused), "IDEMPOTENCY_KEY_REUSED");
        assert_eq!(bank.count("SELECT COUNT(*) FROM orders").await, 1);
    }
}

#[tokio::test]
async fn an_order_that_cannot_be_run_holds_up_no_other() {
    for place in places() {
        let bank = Bank::open(place).await;
        let order = create(&bank, request(&bank)).await.order_id;
        // The same order thrice, from accounts of which one has a limit that nobody can read.
        let columns = "status, debtor_iban, creditor_account, creditor_iban, currency, amount, \
                       description, frequency, every, first_on, last_on, retries, customer, \
                       actor, initiator, created_at, passed, current_on, attempt, check_on, \
                       last_transfer, run_on";
        let unreadable = AccountId::from_parts(77, [7; 10]);
        for (millis, account) in [(1, unreadable), (2, AccountId::from_parts(88, [8; 10]))] {
            let id = OrderId::from_parts(millis, [0; 10]);
            bank.execute(&format!(
                "INSERT INTO orders (id, debtor_account, {columns}) \
                 SELECT '{id}', '{account}', {columns} FROM orders WHERE id = '{order}'"
            ))
            .await;
        }
        bank.execute(&format!(
            "INSERT INTO limits (subject, period, currency, maximum, set_at) \
             VALUES ('account/{unreadable}', 1, 'nope', 1, 0)"
        ))
        .await;
        assert_eq!(run(&bank.payment, day(2, 1)).await, 2);
        assert_eq!(run(&bank.payment, day(2, 1)).await, 0);
        assert_eq!(bank.count("SELECT COUNT(*) FROM transfers").await, 2);
        assert_eq!(bank.count("SELECT COUNT(*) FROM order_runs").await, 2);
    }
}

#[tokio::test]
async fn dates_that_nobody_ran_are_made_up_for_each_once() {
    for place in places() {
        let bank = Bank::open(place).await;
        let weekly = CreateOrderRequest {
            frequency: OrderFrequency::Weekly.into(),
            last_on: "2027-02-14".into(),
            ..request(&bank)
        };
        let order = create(&bank, weekly).await;
        assert_eq!(run(&bank.payment, day(3, 1)).await, 3);
        assert_eq!(run(&bank.payment, day(3, 1)).await, 0);
        let (order, runs) = get(&bank, &order.order_id).await;
        assert_eq!((order.status(), order.next_on.as_str()), (OrderStatus::Ended, ""));
        let dates: Vec<_> = runs.iter().map(|run| run.date.as_str()).collect();
        assert_eq!(dates, ["2027-02-14", "2027-02-07", "2027-01-31"]);
    }
}

#[tokio::test]
async fn a_date_that_failed_is_tried_again_on_the_next_business_dates() {
    for place in places() {
        let bank = Bank::open(place).await;
        let order = CreateOrderRequest { amount: "150".into(), retries: 2, ..request(&bank) };
        let order = create(&bank, order).await.order_id;
        assert_eq!(run(&bank.payment, day(2, 1)).await, 1);
        assert_eq!(run(&bank.payment, day(2, 1)).await, 0, "once a business date");
        // While the first attempt has not ended, no second is made.
        assert_eq!(run(&bank.payment, day(2, 2)).await, 0);
        assert_eq!(bank.turn().await, Turn::Done);
        assert_eq!(run(&bank.payment, day(2, 3)).await, 1);
        // Funds come before the second attempt is judged: there is no third.
        bank.put_account(
            1,
            20_000,
            vec![(bank.alice, florin_proto::account::v1::HolderRole::Owner)],
        );
        assert_eq!(bank.turn().await, Turn::Done);
        for number in 4..10 {
            assert_eq!(run(&bank.payment, day(2, number)).await, 0);
        }
        let (_, runs) = get(&bank, &order).await;
        let told: Vec<_> = runs.iter().map(|run| (run.date.as_str(), run.attempt)).collect();
        assert_eq!(told, [("2027-01-31", 2), ("2027-01-31", 1)]);
        assert_eq!(bank.ledger.balance(bank.to), 15_000);
    }
}

/// Dates, attempts and the dates of the next ones, as the events of an order tell them.
async fn refusals(bank: &Bank, id: &str) -> Vec<(String, i32, String)> {
    let query = "SELECT payload FROM outbox WHERE aggregate = $1 ORDER BY position";
    let rows = florin_store::sql::query_all(bank.database().read(), query, [id.into()]).await;
    let told = rows.unwrap().into_iter().map(|row| {
        let payload: Vec<u8> = row.try_get("", "payload").unwrap();
        let event = OrderRunRefused::decode(payload.as_slice()).unwrap();
        let run = event.run.unwrap();
        assert_eq!((run.reason.as_str(), run.transfer_id.as_str()), ("LIMIT_EXCEEDED", ""));
        assert_eq!(event.order.unwrap().order_id, id);
        (run.date, run.attempt, event.retry_on)
    });
    told.collect()
}

#[tokio::test]
async fn a_limit_refuses_the_transfer_of_an_order_and_the_run_tells_it() {
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
        let order =
            create(&bank, CreateOrderRequest { retries: 1, ..request(&bank) }).await.order_id;
        assert_eq!(run(&bank.payment, day(2, 1)).await, 0);
        assert_eq!(run(&bank.payment, day(2, 2)).await, 0);
        let (_, runs) = get(&bank, &order).await;
        let told =
            runs.iter().map(|run| (run.attempt, run.reason.as_str(), run.transfer_id.as_str()));
        let told: Vec<_> = told.collect();
        assert_eq!(told, [(2, "LIMIT_EXCEEDED", ""), (1, "LIMIT_EXCEEDED", "")]);
        let events: Vec<_> = (1..=2).map(|one| ("order_run_refused".to_owned(), one)).collect();
        assert_eq!(bank.events(&order).await, events);
        let told = refusals(&bank, &order).await;
        assert_eq!(
            told,
            [
                ("2027-01-31".into(), 1, "2027-02-02".into()),
                ("2027-01-31".into(), 2, String::new())
            ]
        );
        // The same date again tells nothing new.
        assert_eq!(run(&bank.payment, day(2, 2)).await, 0);
        assert_eq!(bank.events(&order).await.len(), 2);
        assert_eq!(bank.count("SELECT COUNT(*) FROM transfers").await, 0);
    }
}

#[tokio::test]
async fn an_order_is_skipped_suspended_resumed_and_cancelled() {
    for place in places() {
        let bank = Bank::open(place).await;
        let id = create(&bank, request(&bank)).await.order_id;
        let ctx = |method: &str| customer(bank.alice, method, method);
        let skip = SkipOrderRequest { order_id: id.clone(), date: "2027-01-31".into() };
        for _ in 0..2 {
            // The key again skips no second date.
            let skipped = bank.payment.skip_order(&ctx("SkipOrder"), skip.clone()).await.unwrap();
            assert_eq!(skipped.into_inner().order.unwrap().next_on, "2027-02-28");
        }
        // Nor does another key: that date was skipped, and the one after is wanted.
        let other = customer(bank.alice, "SkipOrder", "other");
        let refused = bank.payment.skip_order(&other, skip).await.unwrap_err();
        assert_eq!(Error::from_status(&refused).reason(), "ORDER_STATE");
        assert_eq!(get(&bank, &id).await.0.next_on, "2027-02-28");
        let suspend = SuspendOrderRequest { order_id: id.clone() };
        bank.payment.suspend_order(&ctx("SuspendOrder"), suspend.clone()).await.unwrap();
        let again = customer(bank.alice, "SuspendOrder", "again");
        let refused = bank.payment.suspend_order(&again, suspend).await.unwrap_err();
        let error = Error::from_status(&refused);
        assert_eq!(
            (error.reason(), error.metadata()["status"].as_str()),
            ("ORDER_STATE", "SUSPENDED")
        );
        assert_eq!(run(&bank.payment, day(4, 5)).await, 0);
        bank.ledger.set_business_date("2027-04-05");
        bank.hear_of_the_date().await;
        let resume = ResumeOrderRequest { order_id: id.clone() };
        let order = bank.payment.resume_order(&ctx("ResumeOrder"), resume).await.unwrap();
        assert_eq!(order.into_inner().order.unwrap().next_on, "2027-04-30");
        assert_eq!(run(&bank.payment, day(4, 5)).await, 0, "what passed is not made up for");
        let cancel = CancelOrderRequest { order_id: id.clone() };
        bank.payment.cancel_order(&ctx("CancelOrder"), cancel).await.unwrap();
        assert_eq!(run(&bank.payment, day(5, 3)).await, 0);
        let (order, runs) = get(&bank, &id).await;
        assert_eq!(order.status(), OrderStatus::Cancelled);
        assert!(runs.iter().all(|run| run.reason == "SKIPPED" && run.attempt == 0));
        assert_eq!(runs.len(), 3);
        let audited = format!("SELECT COUNT(*) FROM audit WHERE reference = '{id}'");
        assert_eq!(bank.count(&audited).await, 5);
    }
}

#[tokio::test]
async fn a_row_that_is_no_order_holds_up_no_other() {
    for place in places() {
        let bank = Bank::open(place).await;
        let broken = create(&bank, request(&bank)).await.order_id;
        let ctx = customer(bank.alice, "CreateOrder", "other");
        let other = bank.payment.create_order(&ctx, request(&bank)).await.unwrap().into_inner();
        bank.execute(&format!("UPDATE orders SET last_on = '?' WHERE id = '{broken}'")).await;
        assert_eq!(run(&bank.payment, day(2, 1)).await, 1);
        assert_eq!(get(&bank, &other.order.unwrap().order_id).await.1.len(), 1);
    }
}

#[tokio::test]
async fn orders_are_their_payers_alone_and_refused_where_their_transfer_would_be() {
    for place in places() {
        let bank = Bank::open(place).await;
        let typed = CreateOrderRequest { to: iban(2), ..request(&bank) };
        let order = create(&bank, typed).await;
        assert_eq!(order.to, iban(2));
        for who in [bank.bob, customer_id(9)] {
            let get = GetOrderRequest { order_id: order.order_id.clone() };
            let told = bank.payment.get_order(&customer(who, "GetOrder", ""), get).await;
            assert_eq!(reason(told), "ORDER_NOT_FOUND");
            let list =
                ListOrdersRequest { account_id: bank.from.to_string(), ..Default::default() };
            let told = bank.payment.list_orders(&customer(who, "ListOrders", ""), list).await;
            assert_eq!(reason(told), "ACCOUNT_NOT_FOUND");
        }
        // Carol may look and not touch.
        let list = ListOrdersRequest { account_id: bank.from.to_string(), ..Default::default() };
        let told = bank.payment.list_orders(&customer(bank.carol, "ListOrders", ""), list).await;
        assert_eq!(told.unwrap().into_inner().orders, std::slice::from_ref(&order));
        let cancel = CancelOrderRequest { order_id: order.order_id };
        let told =
            bank.payment.cancel_order(&customer(bank.carol, "CancelOrder", "c"), cancel).await;
        assert_eq!(reason(told), "ORDER_NOT_FOUND");

        for (wrong, expected) in [
            (CreateOrderRequest { to: iban(77), ..request(&bank) }, "CREDITOR_ACCOUNT_NOT_FOUND"),
            (CreateOrderRequest { currency: "USD".into(), ..request(&bank) }, "CURRENCY_MISMATCH"),
            (
                CreateOrderRequest { first_on: "2026-11-21".into(), ..request(&bank) },
                "INVALID_REQUEST",
            ),
            (
                CreateOrderRequest { last_on: "2027-01-30".into(), ..request(&bank) },
                "INVALID_REQUEST",
            ),
            (CreateOrderRequest { every: 53, ..request(&bank) }, "INVALID_REQUEST"),
            (CreateOrderRequest { retries: 6, ..request(&bank) }, "INVALID_REQUEST"),
        ] {
            let ctx = customer(bank.alice, "CreateOrder", "wrong");
            assert_eq!(reason(bank.payment.create_order(&ctx, wrong).await), expected);
        }
    }
}
