//! Scheduled and standing orders.

use florin_kernel::{
    AccountId, Currency, CustomerId, Date, Money, OrderId, TransferId, UnixMicros,
};
use florin_store::{
    Engine, StoreError, Tx,
    idempotency::Key,
    row,
    rows::{self, Column, Keyed, Row, among, texts},
    sql,
};
use sea_orm::{ConnectionTrait, QueryResult};

use super::row::{order_to_row, transfer_of_row};
use crate::domain::{Frequency, HolidayRule, Opened, Order, OrderStatus, Schedule, Standing};

/// A stored order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandingOrder {
    /// Its id.
    pub id: OrderId,
    /// What each of its transfers is.
    pub order: Order,
    /// How far it is.
    pub standing: Standing,
    /// The customer whose limits count its transfers.
    pub customer: Option<CustomerId>,
    /// Who created it, for the audit.
    pub actor: String,
    /// Who set it going: an encoded `florin.common.v1.Initiator`.
    pub initiator: Vec<u8>,
    /// When it was created.
    pub created_at: UnixMicros,
    /// The transfer of the last attempt.
    pub last_transfer: Option<TransferId>,
    /// Number of the last event.
    pub events: i64,
}

/// What became of an order on one of its dates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderRun {
    /// The order.
    pub order: OrderId,
    /// Its own date.
    pub date: Date,
    /// From 1; 0 for a date that was passed over.
    pub attempt: i64,
    /// The transfer.
    pub transfer: Option<TransferId>,
    /// Why there is none.
    pub reason: Option<String>,
    /// When.
    pub at: UnixMicros,
}

const FIXED: [(&str, Column); 16] = [
    ("id", Column::Text),
    ("debtor_account", Column::Text),
    ("debtor_iban", Column::Text),
    ("creditor_account", Column::Text),
    ("creditor_iban", Column::Text),
    ("currency", Column::Text),
    ("description", Column::Text),
    ("frequency", Column::Int),
    ("every", Column::Int),
    ("first_on", Column::Text),
    ("holiday_rule", Column::Int),
    ("retries", Column::Int),
    ("customer", Column::Text),
    ("actor", Column::Text),
    ("initiator", Column::Bytes),
    ("created_at", Column::Int),
];
const CHANGING: [(&str, Column); 11] = [
    ("amount", Column::Int),
    ("last_on", Column::Text),
    ("next_on", Column::Text),
    ("events", Column::Int),
    ("status", Column::Int),
    ("passed", Column::Int),
    ("current_on", Column::Text),
    ("attempt", Column::Int),
    ("check_on", Column::Text),
    ("last_transfer", Column::Text),
    ("run_on", Column::Text),
];

/// Every column.
fn columns() -> String {
    let names: Vec<_> = FIXED.iter().chain(&CHANGING).map(|(name, _)| *name).collect();
    names.join(", ")
}

/// What each transfer of an order is.
fn each_of_row(id: &str, row: &QueryResult) -> Result<Order, StoreError> {
    let route = transfer_of_row(id, row)?;
    let currency: String = row.try_get("", "currency")?;
    let corrupt = |what: &str| StoreError::Corrupt(format!("order {id} has no valid {what}"));
    let currency: Currency = currency.parse().map_err(|_| corrupt("currency"))?;
    let amount = Money::new(row.try_get("", "amount")?, currency);
    Order::restore(route, amount, row.try_get("", "description")?).map_err(|_| corrupt("order"))
}

fn to_row(order: &StandingOrder) -> Row {
    let Standing { schedule, retries, status, passed, current_on, attempt, check_on } =
        &order.standing;
    let date = |date: Option<Date>| date.map(|date| date.to_string());
    let rest = row! {
        "id": order.id.to_string(),
        "frequency": schedule.frequency.code(),
        "every": schedule.every,
        "first_on": schedule.first_on.to_string(),
        "last_on": date(schedule.last_on),
        "holiday_rule": schedule.holiday_rule.code(),
        "next_on": date(order.standing.next_on()),
        "events": order.events,
        "retries": *retries,
        "customer": order.customer.map(|id| id.to_string()),
        "actor": order.actor.as_str(),
        "initiator": order.initiator.clone(),
        "created_at": order.created_at.0,
        "status": status.code(),
        "passed": *passed,
        "current_on": date(*current_on),
        "attempt": *attempt,
        "check_on": date(*check_on),
        "last_transfer": order.last_transfer.map(|id| id.to_string()),
        "run_on": date(order.standing.run_on()),
    };
    order_to_row(&order.order).and(rest)
}

fn from_row(row: &QueryResult) -> Result<StandingOrder, StoreError> {
    let id: String = row.try_get("", "id")?;
    let corrupt = |what: &str| StoreError::Corrupt(format!("order {id} has no valid {what}"));
    let date = |column: &'static str| {
        let text: Option<String> = row.try_get("", column)?;
        text.map(|text| text.parse::<Date>().map_err(|_| corrupt(column))).transpose()
    };
    let text = |column: &'static str| row.try_get::<Option<String>>("", column);
    let schedule = Schedule {
        frequency: Frequency::from_code(row.try_get("", "frequency")?)
            .ok_or_else(|| corrupt("frequency"))?,
        every: row.try_get("", "every")?,
        first_on: date("first_on")?.ok_or_else(|| corrupt("first_on"))?,
        last_on: date("last_on")?,
        holiday_rule: HolidayRule::from_code(row.try_get("", "holiday_rule")?)
            .ok_or_else(|| corrupt("holiday_rule"))?,
    };
    Ok(StandingOrder {
        order: each_of_row(&id, row)?,
        standing: Standing {
            schedule,
            retries: row.try_get("", "retries")?,
            status: OrderStatus::from_code(row.try_get("", "status")?)
                .ok_or_else(|| corrupt("status"))?,
            passed: row.try_get("", "passed")?,
            current_on: date("current_on")?,
            attempt: row.try_get("", "attempt")?,
            check_on: date("check_on")?,
        },
        customer: text("customer")?
            .map(|id| id.parse().map_err(|_| corrupt("customer")))
            .transpose()?,
        actor: row.try_get("", "actor")?,
        initiator: row.try_get("", "initiator")?,
        created_at: UnixMicros(row.try_get("", "created_at")?),
        last_transfer: text("last_transfer")?
            .map(|id| id.parse().map_err(|_| corrupt("last_transfer")))
            .transpose()?,
        events: row.try_get("", "events")?,
        id: id.parse().map_err(|_| corrupt("id"))?,
    })
}

/// Inserts a new order.
///
/// # Errors
/// Those of the database.
pub async fn insert(tx: &Tx, order: &StandingOrder) -> Result<(), StoreError> {
    let columns: Vec<_> = FIXED.iter().chain(&CHANGING).copied().collect();
    rows::insert_many(tx, "orders", &columns, vec![to_row(order)]).await.map(|_| ())
}

/// Keeps the key of a new order for ever.
///
/// # Errors
/// Those of the database; the key has an order already.
pub async fn keep_key(tx: &Tx, key: &Key, order: OrderId) -> Result<(), StoreError> {
    let query = "INSERT INTO order_keys (scope, key, request_hash, order_id) \
                 VALUES ($1, $2, $3, $4)";
    let values = [
        key.scope.as_str().into(),
        key.key.as_str().into(),
        key.fingerprint.to_vec().into(),
        order.to_string().into(),
    ];
    sql::execute(tx, query, values).await.map(|_| ())
}

/// The order of a key, and whether it was asked for with this request; None where there is none.
///
/// # Errors
/// Those of the database.
pub async fn of_key(
    connection: &impl ConnectionTrait,
    key: &Key,
) -> Result<Option<(OrderId, bool)>, StoreError> {
    let query = "SELECT order_id, request_hash FROM order_keys WHERE scope = $1 AND key = $2";
    let values = [key.scope.as_str().into(), key.key.as_str().into()];
    let Some(row) = sql::query_one(connection, query, values).await? else { return Ok(None) };
    let id: String = row.try_get("", "order_id")?;
    let hash: Vec<u8> = row.try_get("", "request_hash")?;
    let corrupt = |_| StoreError::Corrupt("a key of an order names none".into());
    Ok(Some((id.parse().map_err(corrupt)?, hash == key.fingerprint)))
}

/// Writes how far orders are that this transaction has locked.
///
/// # Errors
/// `Corrupt` where one is not there.
pub async fn update(tx: &Tx, orders: &[StandingOrder]) -> Result<(), StoreError> {
    if orders.is_empty() {
        return Ok(());
    }
    let rows = orders.iter().map(to_row).collect();
    let found = rows::update_many(tx, "orders", &[("id", Column::Text)], &CHANGING, rows).await?;
    if usize::try_from(found) == Ok(orders.len()) {
        return Ok(());
    }
    Err(StoreError::Corrupt(format!("{found} orders written where {} were meant", orders.len())))
}

/// Locks orders in the order of their ids and returns them in it; a row that is none is told in
/// the log and left out, so that it holds up no other.
///
/// # Errors
/// Those of the database.
pub async fn lock(tx: &Tx, ids: &[OrderId]) -> Result<Vec<StandingOrder>, StoreError> {
    let mut ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
    ids.sort_unstable();
    let columns = columns();
    let keyed = Keyed { table: "orders", id_column: "id", columns: &columns };
    let locked = rows::lock_by_id(tx, keyed, &ids).await?;
    let readable = |row: &QueryResult| {
        let read = from_row(row);
        read.inspect_err(|error| tracing::error!(%error, "a stored order cannot be read")).ok()
    };
    Ok(locked.iter().filter_map(readable).collect())
}

/// Orders that have something to do on a business date, those due first in front, but for those
/// that could not be run and are not to be tried again by `now`.
///
/// # Errors
/// Those of the database.
pub async fn due(
    connection: &impl ConnectionTrait,
    opened: Opened,
    now: UnixMicros,
    limit: i64,
) -> Result<Vec<OrderId>, StoreError> {
    // As the holiday rules say it (2 and 3); those done before their own date come last.
    let query = "SELECT id FROM orders WHERE (run_on <= $1 OR (holiday_rule <> 1 \
                 AND run_on IS NOT NULL AND next_on < $2 AND (holiday_rule = 3 \
                 OR SUBSTR(next_on, 1, 7) <> SUBSTR($2, 1, 7)))) AND NOT EXISTS \
                 (SELECT 1 FROM failing_orders AS f WHERE f.id = orders.id AND f.next_at > $4) \
                 ORDER BY run_on, id LIMIT $3";
    let today = opened.on.to_string();
    let next = opened.next.map_or_else(|| today.clone(), |next| next.to_string());
    let values = [today.into(), next.into(), limit.into(), now.0.into()];
    let found = sql::query_all(connection, query, values).await?;
    let corrupt = || StoreError::Corrupt("an order has no valid id".into());
    found
        .iter()
        .map(|row| row.try_get::<String>("", "id")?.parse().map_err(|_| corrupt()))
        .collect()
}

/// How many orders have something to do on a business date or have had before.
///
/// # Errors
/// Those of the database.
pub async fn count_due(connection: &impl ConnectionTrait, on: Date) -> Result<i64, StoreError> {
    let query = "SELECT COUNT(*) AS due FROM orders WHERE run_on <= $1";
    let row = sql::query_one(connection, query, [on.to_string().into()]).await?;
    Ok(row.map(|row| row.try_get("", "due")).transpose()?.unwrap_or(0))
}

/// Reads orders; a row that is none is left out, as by [`lock`].
///
/// # Errors
/// Those of the database.
pub async fn of(
    connection: &impl ConnectionTrait,
    ids: &[OrderId],
) -> Result<Vec<StandingOrder>, StoreError> {
    let engine = Engine::of(connection);
    let query = format!("SELECT {} FROM orders WHERE id {}", columns(), among(engine, 1));
    let ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
    let found = sql::query_all(connection, query, [texts(engine, &ids)]).await?;
    Ok(found.iter().filter_map(|row| from_row(row).ok()).collect())
}

/// Reads an order.
///
/// # Errors
/// Those of the database.
pub async fn find(
    connection: &impl ConnectionTrait,
    id: OrderId,
) -> Result<Option<StandingOrder>, StoreError> {
    let query = format!("SELECT {} FROM orders WHERE id = $1", columns());
    let row = sql::query_one(connection, query, [id.to_string().into()]).await?;
    row.as_ref().map(from_row).transpose()
}

/// A page of the orders of an account, newest first, older than `before`.
///
/// # Errors
/// Those of the database.
pub async fn list(
    connection: &impl ConnectionTrait,
    account: AccountId,
    before: Option<OrderId>,
    limit: u64,
) -> Result<Vec<StandingOrder>, StoreError> {
    // Every id is below one that begins so.
    let before = before.map_or_else(|| "sto_g".to_owned(), |id| id.to_string());
    let query = format!(
        "SELECT {} FROM orders WHERE debtor_account = $1 AND id < $2 ORDER BY id DESC LIMIT $3",
        columns()
    );
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let values = [account.to_string().into(), before.into(), limit.into()];
    sql::query_all(connection, query, values).await?.iter().map(from_row).collect()
}

/// Records what became of orders on their dates.
///
/// # Errors
/// Those of the database.
pub async fn record(tx: &Tx, runs: &[OrderRun]) -> Result<(), StoreError> {
    if runs.is_empty() {
        return Ok(());
    }
    let columns = [
        ("order_id", Column::Text),
        ("date", Column::Text),
        ("attempt", Column::Int),
        ("transfer_id", Column::Text),
        ("reason", Column::Text),
        ("at", Column::Int),
    ];
    let rows = runs.iter().map(|run| {
        row! {
            "order_id": run.order.to_string(), "date": run.date.to_string(),
            "attempt": run.attempt, "transfer_id": run.transfer.map(|id| id.to_string()),
            "reason": run.reason.as_deref(), "at": run.at.0,
        }
    });
    rows::insert_many(tx, "order_runs", &columns, rows.collect()).await.map(|_| ())
}

/// The last runs of an order, newest first.
///
/// # Errors
/// Those of the database.
pub async fn runs(
    connection: &impl ConnectionTrait,
    id: OrderId,
    limit: i64,
) -> Result<Vec<OrderRun>, StoreError> {
    let query = "SELECT date, attempt, transfer_id, reason, at FROM order_runs \
                 WHERE order_id = $1 ORDER BY date DESC, attempt DESC LIMIT $2";
    let found = sql::query_all(connection, query, [id.to_string().into(), limit.into()]).await?;
    let corrupt = || StoreError::Corrupt(format!("a run of order {id} is none"));
    let runs = found.iter().map(|row| {
        let transfer: Option<String> = row.try_get("", "transfer_id")?;
        Ok(OrderRun {
            order: id,
            date: row.try_get::<String>("", "date")?.parse().map_err(|_| corrupt())?,
            attempt: row.try_get("", "attempt")?,
            transfer: transfer.map(|id| id.parse().map_err(|_| corrupt())).transpose()?,
            reason: row.try_get("", "reason")?,
            at: UnixMicros(row.try_get("", "at")?),
        })
    });
    runs.collect()
}
