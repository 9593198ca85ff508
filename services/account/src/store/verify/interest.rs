//! What the verification reads of interest.

use std::collections::BTreeMap;

use florin_kernel::{Currency, Date};
use florin_store::{
    Engine, StoreError,
    rows::{among, texts},
    sql,
};
use sea_orm::ConnectionTrait;

use crate::{
    domain::interest,
    store::{
        accruals::{self, Accrual},
        rows,
    },
};

/// What the ledger has of accrued interest is what all accounts make it. Only the end of day
/// posts to these two GL accounts.
pub const STATEMENTS: &[(&str, &str)] = &[(
    "interest",
    "SELECT k.currency AS record, 'GL account ' || k.code || ' has ' || CAST(SUM(k.gl) AS TEXT) \
     || ', the accounts make it ' || CAST(SUM(k.accounts) AS TEXT) AS description FROM ( \
     SELECT l.gl_code AS code, l.currency AS currency, l.amount AS gl, 0 AS accounts \
     FROM journal_legs AS l WHERE l.gl_code IN ('1910', '2910') \
     UNION ALL SELECT '2910', a.currency, 0, s.booked_credit - s.capitalised_credit \
     FROM accruals AS s JOIN accounts AS a ON a.id = s.account_id \
     UNION ALL SELECT '1910', a.currency, 0, s.capitalised_overdraft - s.booked_overdraft \
     FROM accruals AS s JOIN accounts AS a ON a.id = s.account_id) AS k \
     GROUP BY k.code, k.currency HAVING SUM(k.gl) <> SUM(k.accounts)",
)];

/// An account's interest, with its product and currency.
#[derive(Debug, Clone)]
pub struct Row {
    /// The account.
    pub account: String,
    /// Its product.
    pub product: String,
    /// Its currency.
    pub currency: Currency,
    /// Its interest.
    pub accrual: Accrual,
}

/// Accounts' interest above an id, by id.
///
/// # Errors
/// Those of the database.
pub async fn accruals_after(
    connection: &impl ConnectionTrait,
    after: &str,
    limit: i64,
) -> Result<Vec<Row>, StoreError> {
    let columns: Vec<String> =
        accruals::COLUMNS.split(", ").map(|column| format!("s.{}", column.trim())).collect();
    let query = format!(
        "SELECT {}, a.product, a.currency FROM accruals AS s \
         JOIN accounts AS a ON a.id = s.account_id \
         WHERE s.account_id > $1 ORDER BY s.account_id LIMIT $2",
        columns.join(", ")
    );
    let found = sql::query_all(connection, query, [after.into(), limit.into()]).await?;
    let read = found.iter().map(|row| {
        let (account, accrual) = accruals::accrual(row)?;
        let (product, currency) = (rows::text(row, "product")?, rows::currency(row, "currency")?);
        Ok(Row { account: account.to_string(), product, currency, accrual })
    });
    read.collect()
}

/// How many accounts have interest.
///
/// # Errors
/// Those of the database.
pub async fn count(connection: &impl ConnectionTrait) -> Result<i64, StoreError> {
    let row = sql::query_one(connection, "SELECT COUNT(*) AS rows FROM accruals", []).await?;
    row.map_or(Ok(0), |row| rows::int(&row, "rows"))
}

/// The business date that was closed when so much had accrued, by the last day that had.
///
/// # Errors
/// Those of the database.
pub async fn closed_days(
    connection: &impl ConnectionTrait,
) -> Result<BTreeMap<Date, Date>, StoreError> {
    let query = "SELECT closed, opened FROM business_days";
    let found = sql::query_all(connection, query, []).await?;
    let days = found.iter().map(|row| {
        let (closed, opened) = (rows::date(row, "closed")?, rows::date(row, "opened")?);
        Ok((interest::last_day(closed, opened), closed))
    });
    days.collect()
}

/// Of these accounts: those that stand aside, and those with late entries and the earliest
/// booking date of them; neither has accrued what the entries make it.
///
/// # Errors
/// Those of the database.
pub async fn late(
    connection: &impl ConnectionTrait,
    ids: &[&str],
) -> Result<BTreeMap<String, Option<Date>>, StoreError> {
    let among = among(Engine::of(connection), 1);
    let query = format!(
        "SELECT account_id, MIN(booking_date) AS booked FROM backdated \
         WHERE account_id {among} GROUP BY account_id \
         UNION ALL SELECT account_id, NULL AS booked FROM set_aside WHERE account_id {among}"
    );
    let found = sql::query_all(connection, query, [texts(Engine::of(connection), ids)]).await?;
    let mut late = BTreeMap::new();
    for row in &found {
        let booked: Option<String> = row.try_get("", "booked")?;
        let booked = booked.map(|_| rows::date(row, "booked")).transpose()?;
        late.insert(rows::text(row, "account_id")?, booked);
    }
    Ok(late)
}

/// What an account turned over: value date, booking date, net in minor units.
pub type Turned = (Date, Date, i64);

/// What these accounts turned over.
///
/// # Errors
/// Those of the database.
pub async fn turnover(
    connection: &impl ConnectionTrait,
    ids: &[&str],
) -> Result<BTreeMap<String, Vec<Turned>>, StoreError> {
    let query = format!(
        "SELECT account_id, value_date, booking_date, net FROM turnover WHERE account_id {}",
        among(Engine::of(connection), 1)
    );
    let found = sql::query_all(connection, query, [texts(Engine::of(connection), ids)]).await?;
    let mut turned: BTreeMap<String, Vec<Turned>> = BTreeMap::new();
    for row in &found {
        let (valued, booked) = (rows::date(row, "value_date")?, rows::date(row, "booking_date")?);
        let one = (valued, booked, rows::int(row, "net")?);
        turned.entry(rows::text(row, "account_id")?).or_default().push(one);
    }
    Ok(turned)
}
