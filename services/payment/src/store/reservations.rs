//! What counts against limits, whether one is set or not: what a counter begins with, and what
//! goes back to it.

mod proof;

use std::collections::{BTreeMap, BTreeSet};

use florin_kernel::{Currency, Date, Money, parse_date};
use florin_store::{
    StoreError, Tx,
    gate::{self, Passing},
    row,
    rows::{self, Column, Keyed, Row, among, texts},
    sql,
};
use sea_orm::{ConnectionTrait, QueryResult};

pub use self::proof::findings;
use super::{
    Record,
    limits::{lock_found, usage_of, write_used},
};
use crate::domain::{Counter, Ordering, Reservation, Subject, Usage};

const TABLE: &str = "reservations";
const READ: Keyed<'static> = Keyed {
    table: TABLE,
    id_column: "id",
    columns: "id, account, customer, channel, date, currency, amount",
};
const COLUMNS: [(&str, Column); 7] = [
    ("id", Column::Text),
    ("account", Column::Text),
    ("customer", Column::Text),
    ("channel", Column::Text),
    ("date", Column::Text),
    ("currency", Column::Text),
    ("amount", Column::Int),
];

/// Keeps what counts from now on.
///
/// # Errors
/// Those of the database.
pub async fn add(tx: &Tx, new: &[Reservation]) -> Result<(), StoreError> {
    if new.is_empty() {
        return Ok(());
    }
    let row = |one: &Reservation| -> Row {
        row! {
            "id": one.id.as_str(),
            "account": one.account.to_string(),
            "customer": one.ordering.customer.map(|id| id.to_string()),
            "channel": one.ordering.channel.as_str(),
            "date": one.ordering.date.to_string(),
            "currency": one.amount.currency().code(),
            "amount": one.amount.minor(),
        }
    };
    rows::insert_many(tx, TABLE, &COLUMNS, new.iter().map(row).collect()).await.map(|_| ())
}

/// Keeps everybody out who begins a counter of this, or gives back to one, before any is locked.
///
/// # Errors
/// Those of the database.
pub async fn alone(tx: &Tx, one: &Reservation) -> Result<(), StoreError> {
    gate::of_names(tx, TABLE, &one.gates().collect(), Passing::Alone).await
}

/// What of these ids counts; an id of which nothing does is left out.
///
/// # Errors
/// Those of the database.
pub async fn read(
    connection: &impl ConnectionTrait,
    ids: &[String],
) -> Result<Vec<Reservation>, StoreError> {
    rows::read_by_id(connection, READ, ids).await?.iter().map(of_row).collect()
}

fn of_row(row: &QueryResult) -> Result<Reservation, StoreError> {
    let id: String = row.try_get("", "id")?;
    let corrupt = |what: &str| StoreError::Corrupt(format!("reservation {id} has no valid {what}"));
    let account: String = row.try_get("", "account")?;
    let customer: Option<String> = row.try_get("", "customer")?;
    let customer = customer.map(|id| id.parse()).transpose().map_err(|_| corrupt("customer"))?;
    let date: String = row.try_get("", "date")?;
    let currency: String = row.try_get("", "currency")?;
    let currency: Currency = currency.parse().map_err(|_| corrupt("currency"))?;
    Ok(Reservation {
        account: account.parse().map_err(|_| corrupt("account"))?,
        ordering: Ordering {
            customer,
            channel: row.try_get("", "channel")?,
            date: parse_date(&date).map_err(|_| corrupt("date"))?,
        },
        amount: Money::new(row.try_get("", "amount")?, currency),
        id,
    })
}

/// The sum of what counts in each of these counters; those in which nothing does are left out.
///
/// # Errors
/// Those of the database.
pub async fn sums(
    connection: &impl ConnectionTrait,
    counters: &[(String, Counter)],
) -> Result<Usage, StoreError> {
    const COLUMNS: [(&str, Column); 7] = [
        ("id", Column::Text),
        ("account", Column::Text),
        ("customer", Column::Text),
        ("channel", Column::Text),
        ("first_on", Column::Text),
        ("last_on", Column::Text),
        ("currency", Column::Text),
    ];
    let (mut by_account, mut by_customer) = (Vec::new(), Vec::new());
    for (id, counter) in counters {
        let named = |account: Option<String>, customer: Option<String>, channel: Option<&str>| {
            row! {
                "id": id.as_str(),
                "account": account,
                "customer": customer,
                "channel": channel,
                "first_on": counter.first_on.as_str(),
                "last_on": counter.last_on.as_str(),
                "currency": counter.currency.code(),
            }
        };
        match (&counter.subject, counter.account) {
            (Subject::Account(account), _) => {
                by_account.push(named(Some(account.to_string()), None, None));
            }
            (Subject::Channel(name), Some(account)) => {
                by_account.push(named(Some(account.to_string()), None, Some(name)));
            }
            (Subject::Customer(customer), _) => {
                by_customer.push(named(None, Some(customer.to_string()), None));
            }
            (Subject::Channel(_), None) => {}
        }
    }
    let mut sums = Usage::new();
    for (wanted, subject) in [(by_account, "account"), (by_customer, "customer")] {
        let query = |wanted: &str| {
            format!(
                "SELECT w.id, CAST(SUM(r.amount) AS BIGINT) AS used FROM ({wanted}) AS w \
                 JOIN {TABLE} AS r ON r.{subject} = w.{subject} AND r.date >= w.first_on \
                 AND r.date <= w.last_on AND r.currency = w.currency \
                 AND (w.channel IS NULL OR r.channel = w.channel) GROUP BY w.id"
            )
        };
        if !wanted.is_empty() {
            sums.extend(usage_of(&rows::query(connection, &COLUMNS, wanted, query).await?)?);
        }
    }
    Ok(sums)
}

/// Keeps everybody out who gives back to counters that are to begin: what is summed afterwards has
/// everything that went back before, and nobody gives back to a counter that it does not see yet.
/// Others who begin them pass too: of two who begin one, the second waits for the unique key, and
/// then reads the row of the first, or, where that has rolled back, writes its own sum, which is
/// true, since whoever adds to what is summed begins the counter or locks it.
///
/// # Errors
/// Those of the database.
pub async fn pass(tx: &Tx, counters: &[(String, Counter)]) -> Result<(), StoreError> {
    gate::of_names(tx, TABLE, &Counter::gates(counters), Passing::Shared).await
}

/// Locks everything to which [`give_back`] of this id would give. Its gates are shut here as there:
/// nobody who has passed a gate may shut it later, since two of them would wait for each other.
///
/// # Errors
/// Those of the database.
pub async fn lock(tx: &Tx, id: String, reserved: &[String]) -> Result<(), StoreError> {
    let counting = read(tx, &[id]).await?;
    let gates = counting.iter().flat_map(Reservation::gates).collect();
    gate::of_names(tx, TABLE, &gates, Passing::Alone).await?;
    let counters = counting.iter().flat_map(Reservation::counters).chain(reserved.iter().cloned());
    let counters: BTreeSet<_> = counters.collect();
    lock_found(tx, &counters.into_iter().collect::<Vec<_>>()).await.map(|_| ())
}

/// What goes back of something that counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Back {
    /// Its id.
    pub id: String,
    /// How much, minor units.
    pub amount: i64,
    /// The counters in which a program of before has reserved it.
    pub reserved: Vec<String>,
}

impl Back {
    /// All that a transfer counted.
    #[must_use]
    pub fn of(record: &Record) -> Self {
        Self {
            id: record.transfer.id().to_string(),
            amount: record.transfer.order().amount().minor(),
            reserved: record.reserved.clone(),
        }
    }
}

/// Gives back what ends unpaid in this transaction, which has the row locked that says so: an end
/// is come to once, so it is given back once, in every counter that there is, also in one that
/// began later than the transfer. Returns how many counters held less than was given back: those
/// are at zero then, since a limit is worth less than the ends of a whole batch.
///
/// Counters are locked in the order of their ids, after the gates of their names, which keep those
/// out who begin one, and before a position of the outbox is drawn.
///
/// # Errors
/// Those of the database.
pub async fn give_back(tx: &Tx, back: &[Back]) -> Result<usize, StoreError> {
    if back.is_empty() {
        return Ok(0);
    }
    let ids: BTreeSet<&String> = back.iter().map(|one| &one.id).collect();
    let ids: Vec<String> = ids.into_iter().cloned().collect();
    let counting = read(tx, &ids).await?;
    let gates = counting.iter().flat_map(Reservation::gates).collect();
    gate::of_names(tx, TABLE, &gates, Passing::Alone).await?;
    let counting: BTreeMap<_, _> = counting.iter().map(|one| (one.id.as_str(), one)).collect();
    let (mut of_now, mut of_before) = (Usage::new(), Usage::new());
    for one in back {
        let add = |sums: &mut Usage, counter: String| {
            let sum = sums.entry(counter).or_default();
            *sum = sum.saturating_add(one.amount);
        };
        match counting.get(one.id.as_str()) {
            Some(found) => found.counters().for_each(|counter| add(&mut of_now, counter)),
            None => one.reserved.iter().for_each(|id| add(&mut of_before, id.clone())),
        }
    }
    lower(tx, back, &counting).await?;
    let counters: BTreeSet<_> = of_now.keys().chain(of_before.keys()).cloned().collect();
    let mut found = lock_found(tx, &counters.into_iter().collect::<Vec<_>>()).await?;
    let mut short: usize = 0;
    for (counter, (used, seeded)) in &mut found {
        let before = of_before.get(counter).filter(|_| !*seeded).copied().unwrap_or(0);
        let amount = of_now.get(counter).copied().unwrap_or(0).saturating_add(before);
        if amount > *used {
            tracing::error!(counter, amount, used, "a limit gives back more than was counted");
            short = short.saturating_add(1);
        }
        *used = used.saturating_sub(amount).max(0);
    }
    let usage = found.into_iter().map(|(counter, (used, _))| (counter, used)).collect();
    write_used(tx, &usage).await?;
    Ok(short)
}

/// Lowers the rows by what goes back, and drops those of which nothing is left.
async fn lower(
    tx: &Tx,
    back: &[Back],
    counting: &BTreeMap<&str, &Reservation>,
) -> Result<(), StoreError> {
    let mut left: BTreeMap<&str, i64> = BTreeMap::new();
    for one in back {
        let Some(found) = counting.get(one.id.as_str()) else { continue };
        let left = left.entry(&one.id).or_insert_with(|| found.amount.minor());
        *left = left.saturating_sub(one.amount);
    }
    let gone: Vec<&str> = left.iter().filter(|(_, left)| **left <= 0).map(|(id, _)| *id).collect();
    if !gone.is_empty() {
        let query = format!("DELETE FROM {TABLE} WHERE id {}", among(tx.engine(), 1));
        sql::execute(tx, query, [texts(tx.engine(), &gone)]).await?;
    }
    let lowered = left.iter().filter(|(_, left)| **left > 0);
    let lowered: Vec<Row> = lowered.map(|(id, left)| row! {"id": *id, "amount": *left}).collect();
    let (key, set) = ([("id", Column::Text)], [("amount", Column::Int)]);
    if !lowered.is_empty() {
        rows::update_many(tx, TABLE, &key, &set, lowered).await?;
    }
    Ok(())
}

/// Deletes some of what counted before a date, and returns how much there was.
///
/// # Errors
/// Those of the database.
pub async fn prune(tx: &Tx, before: Date, limit: i64) -> Result<u64, StoreError> {
    let query = format!(
        "DELETE FROM {TABLE} WHERE id IN \
         (SELECT id FROM {TABLE} WHERE date < $1 ORDER BY date LIMIT $2)"
    );
    sql::execute(tx, query, [before.to_string().into(), limit.into()]).await
}
