//! Conditions of interest, each version from its day on.

use std::collections::BTreeMap;

use florin_kernel::{Currency, Date, Rate, UnixMicros};
use florin_store::{
    StoreError, Tx, row,
    rows::{self as many, Column},
    sql,
};
use sea_orm::{ConnectionTrait, QueryResult};

use super::rows;
use crate::domain::interest::{Capitalisation, Conditions, Terms, Tier, Tiering, Tiers};

/// Product, currency and the first day.
pub type VersionId = (String, Currency, Date);

/// The conditions of each product and currency that has some.
pub type AllConditions = BTreeMap<(String, Currency), Conditions>;

/// Every version, by product, currency and first day.
///
/// # Errors
/// Those of the database.
pub async fn versions(
    connection: &impl ConnectionTrait,
) -> Result<BTreeMap<VersionId, Terms>, StoreError> {
    let query = "SELECT product, currency, valid_from, side, from_minor, rate \
                 FROM interest_tiers ORDER BY product, currency, valid_from, side, from_minor";
    let mut tiers: BTreeMap<(VersionId, i64), Vec<Tier>> = BTreeMap::new();
    for row in sql::query_all(connection, query, []).await? {
        let rate = Rate::from_units(rows::int(&row, "rate")?);
        let rate = rate.ok_or_else(|| StoreError::Corrupt("a rate of interest".into()))?;
        let tier = Tier { from: rows::int(&row, "from_minor")?, rate };
        tiers.entry((version(&row)?, rows::int(&row, "side")?)).or_default().push(tier);
    }
    let query = "SELECT product, currency, valid_from, day_count, tiering, capitalisation \
                 FROM interest_conditions ORDER BY product, currency, valid_from";
    let mut found = BTreeMap::new();
    for row in sql::query_all(connection, query, []).await? {
        let id = version(&row)?;
        let terms = terms(&row, &id, &mut tiers)?;
        found.insert(id, terms);
    }
    Ok(found)
}

fn version(row: &QueryResult) -> Result<VersionId, StoreError> {
    let valid_from = rows::date(row, "valid_from")?;
    Ok((rows::text(row, "product")?, rows::currency(row, "currency")?, valid_from))
}

fn terms(
    row: &QueryResult,
    id: &VersionId,
    tiers: &mut BTreeMap<(VersionId, i64), Vec<Tier>>,
) -> Result<Terms, StoreError> {
    let corrupt = |what: &str| StoreError::Corrupt(format!("{what} of conditions of interest"));
    let mut side = |number| {
        let all = tiers.remove(&(id.clone(), number)).unwrap_or_default();
        Tiers::new(all).ok_or_else(|| corrupt("tiers"))
    };
    let tiering = Tiering::from_number(rows::int(row, "tiering")?);
    let capitalisation = Capitalisation::from_number(rows::int(row, "capitalisation")?);
    Ok(Terms {
        day_count: rows::text(row, "day_count")?.parse().map_err(|_| corrupt("day count"))?,
        tiering: tiering.ok_or_else(|| corrupt("tiering"))?,
        capitalisation: capitalisation.ok_or_else(|| corrupt("capitalisation"))?,
        credit: side(1)?,
        overdraft: side(2)?,
    })
}

/// The conditions of each product and currency.
///
/// # Errors
/// Those of the database.
pub async fn all(connection: &impl ConnectionTrait) -> Result<AllConditions, StoreError> {
    let mut found = AllConditions::new();
    for ((product, currency, valid_from), terms) in versions(connection).await? {
        found.entry((product, currency)).or_default().insert(valid_from, terms);
    }
    Ok(found)
}

/// Adds a version where there is none of that day; tells whether it was added.
///
/// # Errors
/// Those of the database.
pub async fn add(
    tx: &Tx,
    (product, currency, valid_from): &VersionId,
    terms: &Terms,
    at: UnixMicros,
) -> Result<bool, StoreError> {
    let insert = "INSERT INTO interest_conditions (product, currency, valid_from, day_count, \
                  tiering, capitalisation, set_at) VALUES ($1, $2, $3, $4, $5, $6, $7) \
                  ON CONFLICT (product, currency, valid_from) DO NOTHING";
    let values = [
        product.as_str().into(),
        currency.code().into(),
        valid_from.to_string().into(),
        terms.day_count.name().into(),
        i64::from(terms.tiering.number()).into(),
        i64::from(terms.capitalisation.number()).into(),
        at.0.into(),
    ];
    if sql::execute(tx, insert, values).await? == 0 {
        return Ok(false);
    }
    let columns = [
        ("product", Column::Text),
        ("currency", Column::Text),
        ("valid_from", Column::Text),
        ("side", Column::Int),
        ("from_minor", Column::Int),
        ("rate", Column::Int),
    ];
    let sides = [(1_i64, &terms.credit), (2, &terms.overdraft)];
    let tiers = sides.iter().flat_map(|(side, tiers)| {
        tiers.as_slice().iter().map(move |tier| {
            row! {
                "product": product.as_str(), "currency": currency.code(),
                "valid_from": valid_from.to_string(), "side": *side,
                "from_minor": tier.from, "rate": tier.rate.units(),
            }
        })
    });
    let tiers: Vec<_> = tiers.collect();
    if !tiers.is_empty() {
        many::insert_many(tx, "interest_tiers", &columns, tiers).await?;
    }
    Ok(true)
}
