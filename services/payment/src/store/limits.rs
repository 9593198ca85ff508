//! Limits and what is used of them.

use std::collections::{BTreeMap, BTreeSet};

use florin_kernel::{Currency, Money, UnixMicros};
use florin_store::{
    Engine, StoreError, Tx,
    gate::{self, Passing},
    row,
    rows::{self, Column, Keyed, among, texts},
    sql,
};
use sea_orm::{ConnectionTrait, QueryResult};

use super::reservations;
use crate::domain::{Counter, Limit, Period, Subject, Usage};

const LIMITS: &str = "limits";
const USAGE: Keyed<'static> =
    Keyed { table: "limit_usage", id_column: "id", columns: "id, used, seeded" };
const ID: [(&str, Column); 1] = [("id", Column::Text)];
const NEW: [(&str, Column); 3] =
    [("id", Column::Text), ("used", Column::Int), ("seeded", Column::Int)];
/// Limits of a subject that are read at most: more than there are currencies and periods, so that
/// none that was set is left out.
const MOST_LIMITS: i64 = 1_000;

/// Lets a transaction count by the limits that there are: until its end none is set anew, so
/// that whoever counts later by a new one finds everything that was taken on without it.
///
/// # Errors
/// Those of the database.
pub async fn go_by(tx: &Tx) -> Result<(), StoreError> {
    gate::of_table(tx, LIMITS, Passing::Shared).await
}

/// Waits until everybody has ended who counts without the limit that this transaction sets, and
/// keeps new ones waiting until its end.
///
/// # Errors
/// Those of the database.
pub async fn shut(tx: &Tx) -> Result<(), StoreError> {
    gate::of_table(tx, LIMITS, Passing::Alone).await
}

/// Sets a limit, in place of the one before.
///
/// # Errors
/// Those of the database.
pub async fn set(tx: &Tx, limit: &Limit, now: UnixMicros) -> Result<(), StoreError> {
    let query = "INSERT INTO limits (subject, period, currency, maximum, set_at) \
                 VALUES ($1, $2, $3, $4, $5) ON CONFLICT (subject, period, currency) \
                 DO UPDATE SET maximum = excluded.maximum, set_at = excluded.set_at, \
                 removed_at = NULL";
    let values = [
        limit.subject.key().into(),
        limit.period.code().into(),
        limit.maximum.currency().code().into(),
        limit.maximum.minor().into(),
        now.0.into(),
    ];
    sql::execute(tx, query, values).await.map(|_| ())
}

/// How a limit stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// There was none ever.
    Never,
    /// It was removed, and is counted.
    Removed,
    /// It is set, at so much.
    Set(Money),
}

/// The limit of a subject, period and currency, locked.
///
/// # Errors
/// Those of the database.
pub async fn lock(
    tx: &Tx,
    subject: &Subject,
    period: Period,
    currency: Currency,
) -> Result<Standing, StoreError> {
    let query = format!(
        "SELECT maximum, removed_at FROM limits \
         WHERE subject = $1 AND period = $2 AND currency = $3{}",
        tx.engine().for_update()
    );
    let values = [subject.key().into(), period.code().into(), currency.code().into()];
    let found = sql::query_all(tx, query, values).await?;
    let Some(row) = found.first() else { return Ok(Standing::Never) };
    if row.try_get::<Option<i64>>("", "removed_at")?.is_some() {
        return Ok(Standing::Removed);
    }
    Ok(Standing::Set(Money::new(row.try_get("", "maximum")?, currency)))
}

/// Removes a limit: from now on it stops nothing, and is counted further, so that its counters
/// are true where it is set again.
///
/// # Errors
/// Those of the database.
pub async fn remove(
    tx: &Tx,
    subject: &Subject,
    period: Period,
    currency: Currency,
    now: UnixMicros,
) -> Result<(), StoreError> {
    let query = "UPDATE limits SET maximum = $4, removed_at = $5 \
                 WHERE subject = $1 AND period = $2 AND currency = $3";
    let values = [
        subject.key().into(),
        period.code().into(),
        currency.code().into(),
        i64::MAX.into(),
        now.0.into(),
    ];
    sql::execute(tx, query, values).await.map(|_| ())
}

/// The limits of these subjects that are set, each with when it was, by subject, period and
/// currency.
///
/// # Errors
/// Those of the database.
pub async fn of(
    connection: &impl ConnectionTrait,
    subjects: &BTreeSet<Subject>,
) -> Result<Vec<(Limit, UnixMicros)>, StoreError> {
    among_subjects(connection, subjects, " AND removed_at IS NULL").await
}

/// The limits by which the transfers of these subjects are counted: as [`of`], and those that
/// were removed, which stop none.
///
/// # Errors
/// Those of the database.
pub async fn counted(
    connection: &impl ConnectionTrait,
    subjects: &BTreeSet<Subject>,
) -> Result<Vec<Limit>, StoreError> {
    let found = among_subjects(connection, subjects, "").await?;
    Ok(found.into_iter().map(|(limit, _)| limit).collect())
}

async fn among_subjects(
    connection: &impl ConnectionTrait,
    subjects: &BTreeSet<Subject>,
    condition: &str,
) -> Result<Vec<(Limit, UnixMicros)>, StoreError> {
    let keys: Vec<String> = subjects.iter().map(Subject::key).collect();
    let Ok(count) = i64::try_from(keys.len()) else { return Ok(Vec::new()) };
    if count == 0 {
        return Ok(Vec::new());
    }
    let query = format!(
        "SELECT subject, period, currency, maximum, set_at FROM limits WHERE subject {}{condition} \
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

/// What is used by these counters, also by those that have not begun.
///
/// # Errors
/// Those of the database.
pub async fn used(
    connection: &impl ConnectionTrait,
    counters: &BTreeSet<String>,
) -> Result<Usage, StoreError> {
    let (mut usage, missing) = begun(connection, counters).await?;
    usage.extend(reservations::sums(connection, &missing).await?);
    Ok(usage)
}

/// What is used by counters that have begun, and those that have not.
async fn begun(
    connection: &impl ConnectionTrait,
    counters: &BTreeSet<String>,
) -> Result<(Usage, Vec<(String, Counter)>), StoreError> {
    let ids: Vec<String> = counters.iter().cloned().collect();
    let usage = usage_of(&rows::read_by_id(connection, USAGE, &ids).await?)?;
    let missing = counters.iter().filter(|id| !usage.contains_key(*id));
    let missing = missing.filter_map(|id| Some((id.clone(), Counter::of_id(id)?))).collect();
    Ok((usage, missing))
}

/// What is used by these counters, locked in their order until the transaction ends: whoever
/// reserves decides by what the one before left. Those that are new begin with what counts
/// already. The caller has passed [`go_by`].
///
/// # Errors
/// Those of the database.
pub async fn lock_used(tx: &Tx, counters: &BTreeSet<String>) -> Result<Usage, StoreError> {
    if counters.is_empty() {
        return Ok(Usage::new());
    }
    let (_, missing) = begun(tx, counters).await?;
    if !missing.is_empty() {
        // Gates before counters, here and where something goes back.
        reservations::pass(tx, &missing).await?;
        let sums = reservations::sums(tx, &missing).await?;
        let new = missing.iter().map(|(id, _)| {
            let used = sums.get(id).copied().unwrap_or(0);
            row! {"id": id.as_str(), "used": used, "seeded": 1_i64}
        });
        rows::insert_missing(tx, USAGE.table, &NEW, &["id"], new.collect()).await?;
    }
    lock_all(tx, counters).await
}

/// As [`lock_used`], of the stand-in's counters, which count what it has approved alone.
///
/// # Errors
/// Those of the database.
pub async fn lock_of_stand_in(tx: &Tx, counter: &str) -> Result<Usage, StoreError> {
    let new = vec![row! {"id": counter, "used": 0_i64, "seeded": 0_i64}];
    rows::insert_missing(tx, USAGE.table, &NEW, &["id"], new).await?;
    lock_all(tx, &[counter.to_owned()].into()).await
}

async fn lock_all(tx: &Tx, counters: &BTreeSet<String>) -> Result<Usage, StoreError> {
    let ids: Vec<String> = counters.iter().cloned().collect();
    let locked = usage_of(&rows::lock_by_id(tx, USAGE, &ids).await?)?;
    if locked.len() == counters.len() {
        return Ok(locked);
    }
    Err(StoreError::Corrupt("a counter of limits is gone".into()))
}

/// Those of these counters that there are, locked in their order, each with what is used and
/// whether it began with what counted then.
///
/// # Errors
/// Those of the database.
pub(super) async fn lock_found(
    tx: &Tx,
    counters: &[String],
) -> Result<BTreeMap<String, (i64, bool)>, StoreError> {
    let found = rows::lock_by_id(tx, USAGE, counters).await?;
    let one = |row: &QueryResult| {
        let seeded: i64 = row.try_get("", "seeded")?;
        Ok((row.try_get("", "id")?, (row.try_get("", "used")?, seeded != 0)))
    };
    found.iter().map(one).collect()
}

pub(super) fn usage_of(found: &[QueryResult]) -> Result<Usage, StoreError> {
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

/// At most 1,000 counters after this one that began with what counted then, in their order, with
/// what is used.
///
/// # Errors
/// Those of the database, and `Corrupt` for an id that is of no counter.
pub async fn seeded_after(
    connection: &impl ConnectionTrait,
    last: &str,
) -> Result<Vec<(String, Counter, i64)>, StoreError> {
    let query =
        "SELECT id, used FROM limit_usage WHERE id > $1 AND seeded = 1 ORDER BY id LIMIT $2";
    let found = sql::query_all(connection, query, [last.into(), PAGE.into()]).await?;
    let one = |row: &QueryResult| {
        let id: String = row.try_get("", "id")?;
        let none = || StoreError::Corrupt(format!("{id} is no counter"));
        let counter = Counter::of_id(&id).ok_or_else(none)?;
        Ok((id, counter, row.try_get("", "used")?))
    };
    found.iter().map(one).collect()
}

/// Deletes counters, and returns how many there were.
///
/// # Errors
/// Those of the database.
pub async fn delete(tx: &Tx, counters: &[String]) -> Result<u64, StoreError> {
    let query = format!("DELETE FROM limit_usage WHERE id {}", among(tx.engine(), 1));
    sql::execute(tx, query, [texts(tx.engine(), counters)]).await
}
