//! The batches of files of transfers, and the accounts that pay for them.

use std::collections::{HashMap, HashSet};

use florin_kernel::{AccountId, BulkId, Currency, Money};
use florin_store::{
    StoreError, Tx, row,
    rows::{self, Column, among, texts},
    sql,
};
use sea_orm::{ConnectionTrait, QueryResult};

use super::bulks::Bulk;
use crate::domain::{FIRST_BATCH, Payer, Tally};

/// A batch as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Which one, from 1.
    pub number: i64,
    /// The client's name of it; empty where it has none.
    pub name: String,
    /// The account that pays; None where whoever sent the file may not pay from it.
    pub account: Option<AccountId>,
    /// Its IBAN, as the file names it.
    pub iban: Option<String>,
    /// The date from which its lines are executed; empty for at once.
    pub on: String,
    /// The first of its lines.
    pub first_line: i64,
    /// The last of them.
    pub last_line: i64,
    /// What they come to.
    pub tally: Tally,
}

const COLUMNS: [(&str, Column); 11] = [
    ("bulk_id", Column::Text),
    ("batch", Column::Int),
    ("name", Column::Text),
    ("account", Column::Text),
    ("iban", Column::Text),
    ("execute_on", Column::Text),
    ("first_line", Column::Int),
    ("last_line", Column::Int),
    ("lines", Column::Int),
    ("wrong", Column::Int),
    ("sum", Column::Int),
];

/// Keeps batches of which every line was read.
///
/// # Errors
/// Those of the database.
pub async fn insert(tx: &Tx, id: BulkId, batches: &[Batch]) -> Result<(), StoreError> {
    let id = id.to_string();
    let rows = batches.iter().map(|one| {
        row! {
            "bulk_id": id.as_str(), "batch": one.number, "name": one.name.as_str(),
            "account": one.account.map(|account| account.to_string()),
            "iban": one.iban.as_deref(), "execute_on": one.on.as_str(),
            "first_line": one.first_line, "last_line": one.last_line, "lines": one.tally.lines,
            "wrong": one.tally.wrong, "sum": one.tally.sum.minor(),
        }
    });
    rows::insert_many(tx, "bulk_batches", &COLUMNS, rows.collect()).await.map(|_| ())
}

fn from_row(row: &QueryResult, currency: Currency) -> Result<Batch, StoreError> {
    let account: Option<String> = row.try_get("", "account")?;
    let account = account.map(|id| {
        id.parse().map_err(|_| StoreError::Corrupt(format!("{id} of a batch is no account")))
    });
    Ok(Batch {
        number: row.try_get("", "batch")?,
        name: row.try_get("", "name")?,
        account: account.transpose()?,
        iban: row.try_get("", "iban")?,
        on: row.try_get("", "execute_on")?,
        first_line: row.try_get("", "first_line")?,
        last_line: row.try_get("", "last_line")?,
        tally: Tally {
            lines: row.try_get("", "lines")?,
            wrong: row.try_get("", "wrong")?,
            sum: Money::new(row.try_get("", "sum")?, currency),
        },
    })
}

/// Batches of a bulk in their order, behind `after`, at most so many. Of one that was checked by
/// a replica that keeps none: one with all its lines.
///
/// # Errors
/// Those of the database.
pub async fn page(
    connection: &impl ConnectionTrait,
    bulk: &Bulk,
    after: i64,
    limit: i64,
) -> Result<Vec<Batch>, StoreError> {
    let query = "SELECT batch, name, account, iban, execute_on, first_line, last_line, lines, \
                 wrong, sum FROM bulk_batches WHERE bulk_id = $1 AND batch > $2 \
                 ORDER BY batch LIMIT $3";
    let values = [bulk.id.to_string().into(), after.into(), limit.into()];
    let found = sql::query_all(connection, query, values).await?;
    let found: Vec<Batch> = found
        .iter()
        .map(|row| from_row(row, bulk.announced.currency))
        .collect::<Result<_, StoreError>>()?;
    if found.is_empty() && after < FIRST_BATCH && bulk.tally.lines > 0 {
        return Ok(vec![whole(bulk)]);
    }
    Ok(found)
}

fn whole(bulk: &Bulk) -> Batch {
    Batch {
        number: FIRST_BATCH,
        name: String::new(),
        account: Some(bulk.announced.from),
        iban: bulk.announced.from_iban.as_ref().map(|iban| iban.electronic().to_owned()),
        on: bulk.announced.execute_on.map(|on| on.to_string()).unwrap_or_default(),
        first_line: 1,
        last_line: i64::MAX,
        tally: bulk.tally,
    }
}

/// Which of these names kept batches have.
///
/// # Errors
/// Those of the database.
pub async fn named(
    connection: &impl ConnectionTrait,
    id: BulkId,
    names: &[String],
) -> Result<HashSet<String>, StoreError> {
    if names.is_empty() {
        return Ok(HashSet::new());
    }
    let engine = florin_store::Engine::of(connection);
    let query = format!(
        "SELECT name FROM bulk_batches WHERE bulk_id = $1 AND name {} GROUP BY name",
        among(engine, 2)
    );
    let values = [id.to_string().into(), texts(engine, names)];
    let found = sql::query_all(connection, query, values).await?;
    found.iter().map(|row| Ok(row.try_get("", "name")?)).collect()
}

/// Drops batches of a bulk, at most so many, and returns how many.
///
/// # Errors
/// Those of the database.
pub async fn drop_some(tx: &Tx, id: BulkId, limit: i64) -> Result<u64, StoreError> {
    let query = "DELETE FROM bulk_batches WHERE bulk_id = $1 AND batch IN \
                 (SELECT batch FROM bulk_batches WHERE bulk_id = $1 ORDER BY batch LIMIT $2)";
    sql::execute(tx, query, [id.to_string().into(), limit.into()]).await
}

/// Keeps accounts that pay for lines of a bulk.
///
/// # Errors
/// Those of the database.
pub async fn insert_payers(tx: &Tx, id: BulkId, payers: &[Payer]) -> Result<(), StoreError> {
    let columns =
        [("bulk_id", Column::Text), ("account", Column::Text), ("customer", Column::Text)];
    let id = id.to_string();
    let rows = payers.iter().map(|one| {
        row! {
            "bulk_id": id.as_str(), "account": one.account.to_string(),
            "customer": one.customer.map(|customer| customer.to_string()),
        }
    });
    rows::insert_many(tx, "bulk_accounts", &columns, rows.collect()).await.map(|_| ())
}

/// Drops the accounts that were kept of a bulk: they are few.
///
/// # Errors
/// Those of the database.
pub async fn drop_payers(tx: &Tx, id: BulkId) -> Result<(), StoreError> {
    let query = "DELETE FROM bulk_accounts WHERE bulk_id = $1";
    sql::execute(tx, query, [id.to_string().into()]).await.map(|_| ())
}

/// The accounts that pay for lines of these bulks, beside the ones that were announced.
///
/// # Errors
/// Those of the database.
pub async fn other_payers(
    connection: &impl ConnectionTrait,
    bulks: &[BulkId],
) -> Result<HashMap<BulkId, Vec<AccountId>>, StoreError> {
    let mut others: HashMap<BulkId, Vec<AccountId>> = HashMap::new();
    if bulks.is_empty() {
        return Ok(others);
    }
    let engine = florin_store::Engine::of(connection);
    let query = format!(
        "SELECT a.bulk_id, a.account FROM bulk_accounts AS a JOIN bulks AS b ON b.id = a.bulk_id \
         WHERE a.bulk_id {} AND a.account <> b.debtor_account",
        among(engine, 1)
    );
    let ids: Vec<String> = bulks.iter().map(ToString::to_string).collect();
    for row in sql::query_all(connection, query, [texts(engine, &ids)]).await? {
        let (bulk, account): (String, String) =
            (row.try_get("", "bulk_id")?, row.try_get("", "account")?);
        let corrupt = || StoreError::Corrupt(format!("{account} does not pay for {bulk}"));
        let bulk: BulkId = bulk.parse().map_err(|_| corrupt())?;
        others.entry(bulk).or_default().push(account.parse().map_err(|_| corrupt())?);
    }
    Ok(others)
}
