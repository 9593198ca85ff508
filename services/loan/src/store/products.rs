//! Products and their versions. The payload of a version is the encoded
//! `florin.loan.v1.LoanProduct`, defaults filled in.

use florin_kernel::{Currency, Date, UnixMicros};
use florin_store::{
    StoreError, Tx, row,
    rows::{self, Column},
    sql,
};
use sea_orm::{ConnectionTrait, QueryResult, Value};

use super::corrupt;

/// A stored version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredVersion {
    /// The product's code.
    pub code: String,
    /// From one on.
    pub version: i64,
    /// The first day.
    pub valid_from: String,
    /// The encoded product.
    pub payload: Vec<u8>,
    /// When it was made.
    pub created_at: UnixMicros,
}

const COLUMNS: &str = "code, version, valid_from, payload, created_at";

fn of_row(row: &QueryResult) -> Result<StoredVersion, StoreError> {
    Ok(StoredVersion {
        code: row.try_get("", "code")?,
        version: row.try_get("", "version")?,
        valid_from: row.try_get("", "valid_from")?,
        payload: row.try_get("", "payload")?,
        created_at: UnixMicros(row.try_get("", "created_at")?),
    })
}

/// Claims the number of the next version of a product and locks it; one, where there is no such
/// product yet.
///
/// # Errors
/// Those of the database.
pub async fn next_version(tx: &Tx, code: &str, currency: Currency) -> Result<i64, StoreError> {
    let claim = "INSERT INTO products (code, currency, versions) VALUES ($1, $2, 1) \
                 ON CONFLICT (code) DO UPDATE SET versions = products.versions + 1 \
                 RETURNING versions";
    let row = sql::query_one(tx, claim, [code.into(), currency.code().into()]).await?;
    let row = row.ok_or_else(|| corrupt(code, "number of versions"))?;
    Ok(row.try_get("", "versions")?)
}

/// Keeps a version whose number this transaction has claimed.
///
/// # Errors
/// Those of the database.
pub async fn insert(tx: &Tx, new: &StoredVersion) -> Result<(), StoreError> {
    let columns = [
        ("code", Column::Text),
        ("version", Column::Int),
        ("valid_from", Column::Text),
        ("payload", Column::Bytes),
        ("created_at", Column::Int),
    ];
    let row = row! {
        "code": new.code.as_str(),
        "version": new.version,
        "valid_from": new.valid_from.as_str(),
        "payload": new.payload.clone(),
        "created_at": new.created_at.0,
    };
    rows::insert_many(tx, "product_versions", &columns, vec![row]).await.map(drop)
}

/// A version by its number.
///
/// # Errors
/// Those of the database.
pub async fn find(
    connection: &impl ConnectionTrait,
    code: &str,
    version: i64,
) -> Result<Option<StoredVersion>, StoreError> {
    let query = format!("SELECT {COLUMNS} FROM product_versions WHERE code = $1 AND version = $2");
    let row = sql::query_one(connection, query, [code.into(), version.into()]).await?;
    row.as_ref().map(of_row).transpose()
}

/// The version that holds on a day.
///
/// # Errors
/// Those of the database.
pub async fn holding(
    connection: &impl ConnectionTrait,
    code: &str,
    on: Date,
) -> Result<Option<StoredVersion>, StoreError> {
    let query = format!(
        "SELECT {COLUMNS} FROM product_versions WHERE code = $1 AND valid_from <= $2 \
         ORDER BY version DESC LIMIT 1"
    );
    let row = sql::query_one(connection, query, [code.into(), on.to_string().into()]).await?;
    row.as_ref().map(of_row).transpose()
}

/// A page of the versions of a product after one, or of the newest of each product after a code.
///
/// # Errors
/// Those of the database.
pub async fn page(
    connection: &impl ConnectionTrait,
    code: &str,
    after: &str,
    limit: u32,
) -> Result<Vec<StoredVersion>, StoreError> {
    let limit = Value::from(i64::from(limit));
    let (query, values) = if code.is_empty() {
        let query = format!(
            "SELECT {} FROM products AS p JOIN product_versions AS v \
             ON v.code = p.code AND v.version = p.versions WHERE p.code > $1 \
             ORDER BY p.code LIMIT $2",
            COLUMNS.split(", ").map(|name| format!("v.{name}")).collect::<Vec<_>>().join(", ")
        );
        (query, vec![after.into(), limit])
    } else {
        let query = format!(
            "SELECT {COLUMNS} FROM product_versions WHERE code = $1 AND version > $2 \
             ORDER BY version LIMIT $3"
        );
        (query, vec![code.into(), after.parse::<i64>().unwrap_or(0).into(), limit])
    };
    sql::query_all(connection, query, values).await?.iter().map(of_row).collect()
}
