//! Orders that cannot be run: tried ever more rarely, told to people, and forgotten once they run.

use florin_kernel::Date;
use florin_proto::payment::v1::{
    CreateOrderRequest, FailingOrder, ListFailingOrdersRequest, ListFailingOrdersResponse,
    OrderFrequency,
};

use crate::bank::{Bank, customer, places, staff};

const DUE: Date = Date::constant(2027, 2, 1);

async fn create(bank: &Bank, key: &str) -> String {
    let request = CreateOrderRequest {
        from: bank.from.to_string(),
        to: bank.to.to_string(),
        amount: "10".into(),
        currency: "EUR".into(),
        description: "rent".into(),
        frequency: OrderFrequency::Monthly.into(),
        first_on: "2027-01-31".into(),
        ..CreateOrderRequest::default()
    };
    let ctx = customer(bank.alice, "CreateOrder", key);
    bank.payment.create_order(&ctx, request).await.unwrap().into_inner().order.unwrap().order_id
}

async fn failing(bank: &Bank) -> Vec<FailingOrder> {
    let ctx = staff("ListFailingOrders", "");
    let answer = bank.payment.list_failing_orders(&ctx, ListFailingOrdersRequest {}).await;
    let ListFailingOrdersResponse { orders, total } = answer.unwrap().into_inner();
    assert_eq!(usize::try_from(total), Ok(orders.len()));
    orders
}

fn micros(at: Option<prost_types::Timestamp>) -> i64 {
    florin_proto::instant_of(&at.unwrap()).unwrap().0
}

fn next(one: &FailingOrder) -> i64 {
    micros(one.next_attempt_at)
}

async fn run(bank: &Bank) -> usize {
    bank.payment.run_orders_of(DUE).await.unwrap()
}

#[tokio::test]
async fn an_order_whose_row_cannot_be_read_is_tried_rarely_and_told_until_it_runs() {
    for place in places() {
        let bank = Bank::open(place).await;
        let id = create(&bank, "broken").await;
        create(&bank, "other").await;
        bank.execute(&format!("UPDATE orders SET currency = '?' WHERE id = '{id}'")).await;
        assert_eq!(run(&bank).await, 1);
        for _ in 0..3 {
            assert_eq!(run(&bank).await, 0);
        }
        let told = failing(&bank).await;
        assert_eq!(told.len(), 1);
        assert_eq!((told[0].order_id.as_str(), told[0].attempts), (id.as_str(), 1), "it waits");
        assert!(told[0].last_cause.contains("cannot be read"), "{told:?}");
        assert!(next(&told[0]) > micros(told[0].since), "{told:?}");
        // Tried again when its time has come, and later still after that.
        bank.execute("UPDATE failing_orders SET next_at = 0").await;
        assert_eq!(run(&bank).await, 0);
        let again = failing(&bank).await;
        assert_eq!((again[0].attempts, again[0].since), (2, told[0].since));
        assert!(next(&again[0]) > next(&told[0]), "{again:?}");
        bank.execute(&format!("UPDATE orders SET currency = 'EUR' WHERE id = '{id}'")).await;
        assert_eq!(run(&bank).await, 0, "its time has not come");
        bank.execute("UPDATE failing_orders SET next_at = 0").await;
        assert_eq!(run(&bank).await, 1);
        assert_eq!(failing(&bank).await, []);
        assert_eq!(bank.count("SELECT COUNT(*) FROM failing_orders").await, 0);
        assert_eq!(bank.count("SELECT COUNT(*) FROM transfers").await, 2);
    }
}

#[tokio::test]
async fn an_order_that_its_transaction_fails_at_is_told_with_the_cause() {
    for place in places() {
        let bank = Bank::open(place).await;
        let id = create(&bank, "limited").await;
        let limit = format!(
            "INSERT INTO limits (subject, period, currency, maximum, set_at) \
             VALUES ('account/{}', 1, 'nope', 1, 0)",
            bank.from
        );
        bank.execute(&limit).await;
        assert_eq!((run(&bank).await, run(&bank).await), (0, 0));
        let told = failing(&bank).await;
        assert_eq!(told.len(), 1);
        assert_eq!((told[0].order_id.as_str(), told[0].attempts), (id.as_str(), 1));
        assert!(!told[0].last_cause.is_empty());
        // What has nothing to do any more needs nobody.
        bank.execute("UPDATE orders SET run_on = NULL").await;
        assert_eq!(failing(&bank).await, []);
    }
}

#[tokio::test]
async fn more_orders_than_a_page_that_cannot_be_read_hold_up_none_behind_them() {
    for place in places() {
        let bank = Bank::open(place).await;
        let id = create(&bank, "good").await;
        let columns = "status, debtor_account, debtor_iban, creditor_account, creditor_iban, \
                       amount, description, frequency, every, first_on, retries, customer, \
                       actor, initiator, created_at, passed, attempt, run_on, holiday_rule, \
                       next_on, events";
        for number in 0..201_u64 {
            // Each stands before the one that can be run.
            let broken = florin_kernel::OrderId::from_parts(number, [0; 10]);
            bank.execute(&format!(
                "INSERT INTO orders (id, currency, {columns}) \
                 SELECT '{broken}', '?', {columns} FROM orders WHERE id = '{id}'"
            ))
            .await;
        }
        let mut created = 0;
        for _ in 0..3 {
            created += run(&bank).await;
        }
        assert_eq!(created, 1);
    }
}
