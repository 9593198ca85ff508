//! Limits and what is used of them.

use std::collections::{BTreeMap, BTreeSet};

use florin_kernel::{Currency, Money, UnixMicros};
use florin_store::{
    Engine, StoreError, Tx, row,
    rows::{self, Column, Keyed, among, texts},
    sql,
};
use sea_orm::{ConnectionTrait, QueryResult};

use super::Record;
use crate::domain::{Limit, Period, Subject, Usage};

const USAGE: Keyed<'static> = Keyed { table: "limit_usage", id_column: "id", columns: "id, used" };
const ID: [(&str, Column); 1] = [("id", Column::Text)];
const USED: [(&str, Column); 2] = [("id", Column::Text), ("used", Column::Int)];
/// Limits of a subject that are read at most: more than there are currencies and periods, so that
/// none that was set is left out.
const MOST_LIMITS: i64 = 1_000;

/// Sets a limit, in place of the one before.
///
/// # Errors
/// Those of the database.
pub async fn set(tx: &Tx, limit: &Limit, now: UnixMicros) -> Result<(), StoreError> {
    let query = "INSERT INTO limits (subject, period, currency, maximum, set_at) \
                 VALUES ($1, $2, $3, $4, $5) ON CONFLICT (subject, period, currency) \
                 DO UPDATE SET maximum = excluded.maximum, set_at = excluded.set_at";
    let values = [
        limit.subject.key().into(),
        limit.period.code().into(),
        limit.maximum.currency().code().into(),
        limit.maximum.minor().into(),
        now.0.into(),
    ];
    sql::execute(tx, query, values).await.map(|_| ())
}

/// The limit of a subject, period and currency, locked; None where there is none.
///
/// # Errors
/// Those of the database.
pub async fn lock_maximum(
    tx: &Tx,
    subject: &Subject,
    period: Period,
    currency: Currency,
) -> Result<Option<Money>, StoreError> {
    let query = format!(
        "SELECT maximum FROM limits WHERE subject = $1 AND period = $2 AND currency = $3{}",
        tx.engine().for_update()
    );
    let values = [subject.key().into(), period.code().into(), currency.code().into()];
    let found = sql::query_all(tx, query, values).await?;
    let minor = found.first().map(|row| row.try_get("", "maximum")).transpose()?;
    Ok(minor.map(|minor| Money::new(minor, currency)))
}

/// Removes a limit. False where there is none.
///
/// # Errors
/// Those of the database.
pub async fn remove(
    tx: &Tx,
    subject: &Subject,
    period: Period,
    currency: Currency,
) -> Result<bool, StoreError> {
    let query = "DELETE FROM limits WHERE subject = $1 AND period = $2 AND currency = $3";
    let values = [subject.key().into(), period.code().into(), currency.code().into()];
    Ok(sql::execute(tx, query, values).await? > 0)
}

/// The limits of these subjects, each with when it was set, by subject, period and currency.
///
/// # Errors
/// Those of the database.
pub async fn of(
    connection: &impl ConnectionTrait,
    subjects: &BTreeSet<Subject>,
) -> Result<Vec<(Limit, UnixMicros)>, StoreError> {
    let keys: Vec<String> = subjects.iter().map(Subject::key).collect();
    let Ok(count) = i64::try_from(keys.len()) else { return Ok(Vec::new()) };
    if count == 0 {
        return Ok(Vec::new());
    }
    let query = format!(
        "SELECT subject, period, currency, maximum, set_at FROM limits WHERE subject {} \
         ORDER BY subject, period, currency LIMIT $2",
        among(Engine::of(connection), 1)
    );
    let most = count.saturating_mul(MOST_LIMITS);
    let values = [texts(Engine::of(connection), &keys), most.into()];
    let found = sql::query_all(connection, query, values).await?;
    found.iter().map(limit_of).collect()
}

fn limit_of(row: &QueryResult) -> Result<(Limit, UnixMicros), StoreError> {
    let key: String = row.try_get("", "subject")?;
    let corrupt = |what: &str| StoreError::Corrupt(format!("limit of {key} has no valid {what}"));
    let subject = Subject::of_key(&key).ok_or_else(|| corrupt("subject"))?;
    let period = Period::from_code(row.try_get("", "period")?).ok_or_else(|| corrupt("period"))?;
    let currency: String = row.try_get("", "currency")?;
    let currency: Currency = currency.parse().map_err(|_| corrupt("currency"))?;
    let maximum = Money::new(row.try_get("", "maximum")?, currency);
    Ok((Limit { subject, period, maximum }, UnixMicros(row.try_get("", "set_at")?)))
}

/// What is used by these counters; those of which nothing is are left out.
///
/// # Errors
/// Those of the database.
pub async fn used(
    connection: &impl ConnectionTrait,
    counters: &BTreeSet<String>,
) -> Result<Usage, StoreError> {
    let counters: Vec<String> = counters.iter().cloned().collect();
    let found = rows::read_by_id(connection, USAGE, &counters).await?;
    usage_of(&found)
}

/// As [`used`], locked in the order of the counters until the transaction ends: whoever reserves
/// decides by what the one before left. Counters that are new begin at zero.
///
/// # Errors
/// Those of the database.
pub async fn lock_used(tx: &Tx, counters: &BTreeSet<String>) -> Result<Usage, StoreError> {
    if counters.is_empty() {
        return Ok(Usage::new());
    }
    let new = counters.iter().map(|id| row! {"id": id.as_str(), "used": 0_i64}).collect();
    rows::insert_missing(tx, "limit_usage", &USED, &["id"], new).await?;
    let counters: Vec<String> = counters.iter().cloned().collect();
    let locked = usage_of(&rows::lock_by_id(tx, USAGE, &counters).await?)?;
    if locked.len() == counters.len() {
        return Ok(locked);
    }
    Err(StoreError::Corrupt("a counter of limits is gone".into()))
}

fn usage_of(found: &[QueryResult]) -> Result<Usage, StoreError> {
    found.iter().map(|row| Ok((row.try_get("", "id")?, row.try_get("", "used")?))).collect()
}

/// Writes what is used by counters that this transaction has locked.
///
/// # Errors
/// Those of the database.
pub async fn write_used(tx: &Tx, usage: &Usage) -> Result<(), StoreError> {
    if usage.is_empty() {
        return Ok(());
    }
    let changed = usage.iter().map(|(id, used)| row! {"id": id.as_str(), "used": *used});
    let set = [("used", Column::Int)];
    let found = rows::update_many(tx, "limit_usage", &ID, &set, changed.collect()).await?;
    if usize::try_from(found) == Ok(usage.len()) {
        return Ok(());
    }
    Err(StoreError::Corrupt(format!("{found} counters written where {} were meant", usage.len())))
}

/// Counters that are read at once.
const PAGE: i64 = 1_000;

/// The ids of at most 1,000 counters after this one, in their order.
///
/// # Errors
/// Those of the database.
pub async fn counters_after(
    connection: &impl ConnectionTrait,
    last: &str,
) -> Result<Vec<String>, StoreError> {
    let query = "SELECT id FROM limit_usage WHERE id > $1 ORDER BY id LIMIT $2";
    let found = sql::query_all(connection, query, [last.into(), PAGE.into()]).await?;
    found.iter().map(|row| Ok(row.try_get("", "id")?)).collect()
}

/// Deletes counters, and returns how many there were.
///
/// # Errors
/// Those of the database.
pub async fn delete(tx: &Tx, counters: &[String]) -> Result<u64, StoreError> {
    let query = format!("DELETE FROM limit_usage WHERE id {}", among(tx.engine(), 1));
    sql::execute(tx, query, [texts(tx.engine(), counters)]).await
}

/// Gives back what transfers have reserved that end unpaid in this transaction, which has their
/// rows locked: a state that is an end is entered once, so it is given back once. A counter of
/// long ago may have been deleted. Returns how many counters held less than was given back:
/// those are at zero then, since a limit is worth less than the ends of a whole batch.
///
/// # Errors
/// Those of the database.
pub async fn give_back(tx: &Tx, ended: &[&Record]) -> Result<usize, StoreError> {
    let amounts = ended
        .iter()
        .map(|record| (record.reserved.clone(), record.transfer.order().amount().minor()));
    give_back_amounts(tx, amounts).await
}

/// As [`give_back`], of amounts with the counters in which they are reserved; the caller sees to
/// it that none goes back twice.
///
/// # Errors
/// Those of the database.
pub async fn give_back_amounts(
    tx: &Tx,
    amounts: impl IntoIterator<Item = (Vec<String>, i64)>,
) -> Result<usize, StoreError> {
    let mut back: BTreeMap<String, i64> = BTreeMap::new();
    for (counters, amount) in amounts {
        for counter in counters {
            let sum = back.entry(counter).or_default();
            *sum = sum.saturating_add(amount);
        }
    }
    let counters: Vec<String> = back.keys().cloned().collect();
    let mut usage = usage_of(&rows::lock_by_id(tx, USAGE, &counters).await?)?;
    let mut short: usize = 0;
    for (counter, used) in &mut usage {
        let amount = back.get(counter).copied().unwrap_or(0);
        if amount > *used {
            tracing::error!(counter, amount, used, "a limit gives back more than was counted");
            short = short.saturating_add(1);
        }
        *used = used.saturating_sub(amount).max(0);
    }
    write_used(tx, &usage).await?;
    Ok(short)
}
