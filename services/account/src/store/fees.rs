//! Fee schedules, each version from its day on.

use std::collections::{BTreeMap, BTreeSet};

use florin_kernel::{Currency, Date, Rate, UnixMicros};
use florin_store::{
    StoreError, Tx, row,
    rows::{self as many, Column},
    sql,
};
use sea_orm::{ConnectionTrait, QueryResult};

use super::rows;
use crate::domain::fee::{FeeEvent, FeeSchedule, FeeSchedules, FeeTier};

/// Product, currency, event and the first day.
pub type ScheduleId = (String, Currency, FeeEvent, Date);

/// The schedules of each product, currency and event that has some.
pub type AllSchedules = BTreeMap<(String, Currency, FeeEvent), FeeSchedules>;

fn corrupt(what: &str) -> StoreError {
    StoreError::Corrupt(format!("{what} of a fee schedule"))
}

/// Every version, by product, currency, event and first day.
///
/// # Errors
/// Those of the database.
pub async fn versions(
    connection: &impl ConnectionTrait,
) -> Result<BTreeMap<ScheduleId, FeeSchedule>, StoreError> {
    let query = "SELECT product, currency, event, valid_from, from_minor, flat, rate \
                 FROM fee_tiers ORDER BY product, currency, event, valid_from, from_minor";
    let mut tiers: BTreeMap<ScheduleId, Vec<FeeTier>> = BTreeMap::new();
    for row in sql::query_all(connection, query, []).await? {
        let rate = Rate::from_units(rows::int(&row, "rate")?).ok_or_else(|| corrupt("rate"))?;
        let (from, flat) = (rows::int(&row, "from_minor")?, rows::int(&row, "flat")?);
        tiers.entry(version(&row)?).or_default().push(FeeTier { from, flat, rate });
    }
    let query = "SELECT product, currency, event, valid_from, minimum, maximum \
                 FROM fee_schedules ORDER BY product, currency, event, valid_from";
    let mut found = BTreeMap::new();
    for row in sql::query_all(connection, query, []).await? {
        let id = version(&row)?;
        let maximum: Option<i64> = row.try_get("", "maximum")?;
        let tiers = tiers.remove(&id).unwrap_or_default();
        let schedule = FeeSchedule::new(tiers, rows::int(&row, "minimum")?, maximum);
        found.insert(id, schedule.ok_or_else(|| corrupt("tiers"))?);
    }
    Ok(found)
}

fn version(row: &QueryResult) -> Result<ScheduleId, StoreError> {
    let event = FeeEvent::from_number(rows::int(row, "event")?).ok_or_else(|| corrupt("event"))?;
    let currency = rows::currency(row, "currency")?;
    Ok((rows::text(row, "product")?, currency, event, rows::date(row, "valid_from")?))
}

/// The schedules of each product, currency and event.
///
/// # Errors
/// Those of the database.
pub async fn all(connection: &impl ConnectionTrait) -> Result<AllSchedules, StoreError> {
    let mut found = AllSchedules::new();
    for ((product, currency, event, valid_from), schedule) in versions(connection).await? {
        found.entry((product, currency, event)).or_default().insert(valid_from, schedule);
    }
    Ok(found)
}

/// What may cost something on accounts of a product in a currency, on the open business date.
///
/// # Errors
/// Those of the database.
pub async fn bearing(
    connection: &impl ConnectionTrait,
) -> Result<BTreeMap<(String, Currency), BTreeSet<FeeEvent>>, StoreError> {
    let query = "SELECT DISTINCT f.product, f.currency, f.event FROM fee_schedules AS f \
                 JOIN books AS b ON f.valid_from <= b.business_date WHERE b.id = 1";
    let mut found: BTreeMap<_, BTreeSet<FeeEvent>> = BTreeMap::new();
    for row in sql::query_all(connection, query, []).await? {
        let event = FeeEvent::from_number(rows::int(&row, "event")?);
        let of = (rows::text(&row, "product")?, rows::currency(&row, "currency")?);
        found.entry(of).or_default().insert(event.ok_or_else(|| corrupt("event"))?);
    }
    Ok(found)
}

/// Adds a version where there is none of that day; tells whether it was added.
///
/// # Errors
/// Those of the database.
pub async fn add(
    tx: &Tx,
    (product, currency, event, valid_from): &ScheduleId,
    schedule: &FeeSchedule,
    at: UnixMicros,
) -> Result<bool, StoreError> {
    let insert = "INSERT INTO fee_schedules (product, currency, event, valid_from, minimum, \
                  maximum, set_at) VALUES ($1, $2, $3, $4, $5, $6, $7) \
                  ON CONFLICT (product, currency, event, valid_from) DO NOTHING";
    let values = [
        product.as_str().into(),
        currency.code().into(),
        i64::from(event.number()).into(),
        valid_from.to_string().into(),
        schedule.minimum().into(),
        schedule.maximum().into(),
        at.0.into(),
    ];
    if sql::execute(tx, insert, values).await? == 0 {
        return Ok(false);
    }
    let columns = [
        ("product", Column::Text),
        ("currency", Column::Text),
        ("event", Column::Int),
        ("valid_from", Column::Text),
        ("from_minor", Column::Int),
        ("flat", Column::Int),
        ("rate", Column::Int),
    ];
    let tiers = schedule.tiers().iter().map(|tier| {
        row! {
            "product": product.as_str(), "currency": currency.code(),
            "event": i64::from(event.number()), "valid_from": valid_from.to_string(),
            "from_minor": tier.from, "flat": tier.flat, "rate": tier.rate.units(),
        }
    });
    let tiers: Vec<_> = tiers.collect();
    if !tiers.is_empty() {
        many::insert_many(tx, "fee_tiers", &columns, tiers).await?;
    }
    Ok(true)
}
