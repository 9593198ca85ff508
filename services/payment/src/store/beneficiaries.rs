//! Beneficiaries: the IBANs that a customer keeps, with labels of its own.

use florin_kernel::{BeneficiaryId, CustomerId, Iban, UnixMicros};
use florin_store::{StoreError, Tx, sql};
use sea_orm::{ConnectionTrait, QueryResult};

/// A stored beneficiary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beneficiary {
    /// Its id.
    pub id: BeneficiaryId,
    /// Whose.
    pub customer: CustomerId,
    /// Who is paid.
    pub iban: Iban,
    /// The customer's own words.
    pub label: String,
    /// When it was added.
    pub added_at: UnixMicros,
}

const COLUMNS: &str = "id, customer, iban, label, added_at";

fn from_row(row: &QueryResult) -> Result<Beneficiary, StoreError> {
    let id: String = row.try_get("", "id")?;
    let corrupt = |what: &str| StoreError::Corrupt(format!("beneficiary {id} has no valid {what}"));
    let text = |column: &'static str| row.try_get::<String>("", column);
    Ok(Beneficiary {
        customer: text("customer")?.parse().map_err(|_| corrupt("customer"))?,
        iban: text("iban")?.parse().map_err(|_| corrupt("iban"))?,
        label: text("label")?,
        added_at: UnixMicros(row.try_get("", "added_at")?),
        id: id.parse().map_err(|_| corrupt("id"))?,
    })
}

/// Adds a beneficiary, or gives the customer's one of that IBAN the new label; the one that is
/// kept.
///
/// # Errors
/// Those of the database.
pub async fn put(tx: &Tx, new: &Beneficiary) -> Result<Beneficiary, StoreError> {
    let query = format!(
        "INSERT INTO beneficiaries ({COLUMNS}) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (customer, iban) DO UPDATE SET label = excluded.label RETURNING {COLUMNS}"
    );
    let values = [
        new.id.to_string().into(),
        new.customer.to_string().into(),
        new.iban.electronic().into(),
        new.label.as_str().into(),
        new.added_at.0.into(),
    ];
    let row = sql::query_one(tx, query, values).await?;
    let row = row.ok_or_else(|| StoreError::Corrupt("a beneficiary was not kept".into()))?;
    from_row(&row)
}

/// Locks the list of a customer for this transaction: whoever adds to it counts what the others
/// have added.
///
/// # Errors
/// Those of the database.
pub async fn lock(tx: &Tx, customer: CustomerId) -> Result<(), StoreError> {
    let query = "INSERT INTO beneficiary_lists (customer) VALUES ($1) \
                 ON CONFLICT (customer) DO UPDATE SET customer = excluded.customer";
    sql::execute(tx, query, [customer.to_string().into()]).await.map(|_| ())
}

/// One by its id, whosever it is.
///
/// # Errors
/// Those of the database.
pub async fn find(
    connection: &impl ConnectionTrait,
    id: BeneficiaryId,
) -> Result<Option<Beneficiary>, StoreError> {
    let query = format!("SELECT {COLUMNS} FROM beneficiaries WHERE id = $1");
    let row = sql::query_one(connection, query, [id.to_string().into()]).await?;
    row.as_ref().map(from_row).transpose()
}

/// Gives one of a customer's another label; None where it has no such.
///
/// # Errors
/// Those of the database.
pub async fn rename(
    tx: &Tx,
    customer: CustomerId,
    id: BeneficiaryId,
    label: &str,
) -> Result<Option<Beneficiary>, StoreError> {
    let query = format!(
        "UPDATE beneficiaries SET label = $3 WHERE id = $1 AND customer = $2 RETURNING {COLUMNS}"
    );
    let values = [id.to_string().into(), customer.to_string().into(), label.into()];
    sql::query_one(tx, query, values).await?.as_ref().map(from_row).transpose()
}

/// How many a customer has.
///
/// # Errors
/// Those of the database.
pub async fn count(tx: &Tx, customer: CustomerId) -> Result<i64, StoreError> {
    let query = "SELECT COUNT(*) AS kept FROM beneficiaries WHERE customer = $1";
    let row = sql::query_one(tx, query, [customer.to_string().into()]).await?;
    row.map_or(Ok(0), |row| Ok(row.try_get("", "kept")?))
}

/// Removes one of a customer's; None where it has no such.
///
/// # Errors
/// Those of the database.
pub async fn remove(
    tx: &Tx,
    customer: CustomerId,
    id: BeneficiaryId,
) -> Result<Option<Beneficiary>, StoreError> {
    let query =
        format!("DELETE FROM beneficiaries WHERE id = $1 AND customer = $2 RETURNING {COLUMNS}");
    let values = [id.to_string().into(), customer.to_string().into()];
    sql::query_one(tx, query, values).await?.as_ref().map(from_row).transpose()
}

/// A page of a customer's, newest first, older than `before`.
///
/// # Errors
/// Those of the database.
pub async fn list(
    connection: &impl ConnectionTrait,
    customer: CustomerId,
    before: Option<BeneficiaryId>,
    limit: u64,
) -> Result<Vec<Beneficiary>, StoreError> {
    // Every id is below one that begins so.
    let before = before.map_or_else(|| "ben_g".to_owned(), |id| id.to_string());
    let query = format!(
        "SELECT {COLUMNS} FROM beneficiaries WHERE customer = $1 AND id < $2 \
         ORDER BY id DESC LIMIT $3"
    );
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let values = [customer.to_string().into(), before.into(), limit.into()];
    sql::query_all(connection, query, values).await?.iter().map(from_row).collect()
}
