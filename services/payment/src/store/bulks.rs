//! Files of transfers.

use florin_kernel::{
    AccountId, BulkId, Currency, CustomerId, Date, FieldViolation, Money, UnixMicros,
};
use florin_store::{
    Database, StoreError, Tx, row,
    rows::{self, Column, Keyed, Row},
    sql,
};
use sea_orm::{ConnectionTrait, QueryResult};
use serde::{Deserialize, Serialize};

use crate::domain::{Announced, BulkFormat, BulkStatus, Tally};

/// A violation as it is kept: field, rule, description.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told(pub String, pub String, pub String);

impl From<&FieldViolation> for Told {
    fn from(one: &FieldViolation) -> Self {
        Self(one.field.clone(), one.rule.to_owned(), one.description.clone())
    }
}

/// A stored bulk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bulk {
    /// Its id.
    pub id: BulkId,
    /// What the client has announced.
    pub announced: Announced,
    /// State.
    pub status: BulkStatus,
    /// The customer whose limits count its transfers.
    pub customer: Option<CustomerId>,
    /// Who announced it, for the audit.
    pub actor: String,
    /// Who set it going: an encoded `florin.common.v1.Initiator`.
    pub initiator: Vec<u8>,
    /// When it was announced.
    pub created_at: UnixMicros,
    /// When its state changed last.
    pub changed_at: UnixMicros,
    /// Bytes that are there.
    pub received: i64,
    /// What its lines come to.
    pub tally: Tally,
    /// Lines that have become transfers.
    pub taken: i64,
    /// Lines that were refused when their turn came.
    pub refused: i64,
    /// What is wrong with the file as a whole.
    pub problems: Vec<Told>,
    /// The first date on which lines wait, empty for at once; None where none do.
    pub run_on: Option<String>,
    /// Number of the last event.
    pub version: i64,
    /// Who works on it.
    pub lease: i64,
    /// Batches of its lines.
    pub batches: i64,
    /// When the file says that it was made.
    pub made_at: Option<UnixMicros>,
    /// Whether it pays from other accounts than the one that was announced; false once nothing
    /// waits.
    pub has_other_payers: bool,
}

const FIXED: [(&str, Column); 15] = [
    ("id", Column::Text),
    ("format", Column::Int),
    ("debtor_account", Column::Text),
    ("debtor_iban", Column::Text),
    ("currency", Column::Text),
    ("message_id", Column::Text),
    ("size", Column::Int),
    ("sha256", Column::Text),
    ("execute_on", Column::Text),
    ("control_count", Column::Int),
    ("control_sum", Column::Int),
    ("customer", Column::Text),
    ("actor", Column::Text),
    ("initiator", Column::Bytes),
    ("created_at", Column::Int),
];
const CHANGING: [(&str, Column); 14] = [
    ("status", Column::Int),
    ("changed_at", Column::Int),
    ("received", Column::Int),
    ("lines", Column::Int),
    ("wrong", Column::Int),
    ("sum", Column::Int),
    ("taken", Column::Int),
    ("refused", Column::Int),
    ("problems", Column::Text),
    ("run_on", Column::Text),
    ("version", Column::Int),
    ("due_on", Column::Text),
    ("batches", Column::Int),
    ("file_created_at", Column::Int),
];
/// Only whoever takes the bulk changes these.
const LEASE: [(&str, Column); 2] = [("lease", Column::Int), ("lease_until", Column::Int)];

fn columns() -> String {
    let names = FIXED.iter().chain(&CHANGING).map(|(name, _)| *name);
    names.chain(["lease"]).collect::<Vec<_>>().join(", ")
}

fn to_row(bulk: &Bulk) -> Result<Row, StoreError> {
    let announced = &bulk.announced;
    let problems = serde_json::to_string(&bulk.problems)
        .map_err(|error| StoreError::Corrupt(format!("problems of {}: {error}", bulk.id)))?;
    // Replicas that know one payer a file look for run_on alone.
    let (run_on, due_on) = match bulk.run_on.as_deref() {
        on if bulk.has_other_payers => (None, on),
        on => (on, None),
    };
    Ok(row! {
        "id": bulk.id.to_string(),
        "format": announced.format.code(),
        "debtor_account": announced.from.to_string(),
        "debtor_iban": announced.from_iban.as_ref().map(|iban| iban.electronic()),
        "currency": announced.currency.code(),
        "message_id": announced.message_id.as_str(),
        "size": announced.size,
        "sha256": announced.sha256.as_str(),
        "execute_on": announced.execute_on.map(|date| date.to_string()),
        "control_count": announced.control_count,
        "control_sum": announced.control_sum.map(|sum| sum.minor()),
        "customer": bulk.customer.map(|id| id.to_string()),
        "actor": bulk.actor.as_str(),
        "initiator": bulk.initiator.clone(),
        "created_at": bulk.created_at.0,
        "status": bulk.status.code(),
        "changed_at": bulk.changed_at.0,
        "received": bulk.received,
        "lines": bulk.tally.lines,
        "wrong": bulk.tally.wrong,
        "sum": bulk.tally.sum.minor(),
        "taken": bulk.taken,
        "refused": bulk.refused,
        "problems": problems,
        "run_on": run_on,
        "version": bulk.version,
        "due_on": due_on,
        "batches": bulk.batches,
        "file_created_at": bulk.made_at.map(|at| at.0),
        "lease": 0_i64,
        "lease_until": 0_i64,
    })
}

fn from_row(row: &QueryResult) -> Result<Bulk, StoreError> {
    let id: String = row.try_get("", "id")?;
    let corrupt = |what: &str| StoreError::Corrupt(format!("bulk {id} has no valid {what}"));
    let text = |column: &'static str| row.try_get::<Option<String>>("", column);
    let need = |column: &'static str| row.try_get::<String>("", column);
    let currency: Currency = need("currency")?.parse().map_err(|_| corrupt("currency"))?;
    let format = BulkFormat::from_code(row.try_get("", "format")?);
    let announced = Announced {
        format: format.ok_or_else(|| corrupt("format"))?,
        from: need("debtor_account")?.parse().map_err(|_| corrupt("debtor_account"))?,
        from_iban: text("debtor_iban")?
            .map(|iban| iban.parse().map_err(|_| corrupt("debtor_iban")))
            .transpose()?,
        currency,
        message_id: need("message_id")?,
        size: row.try_get("", "size")?,
        sha256: need("sha256")?,
        execute_on: text("execute_on")?
            .map(|date| date.parse().map_err(|_| corrupt("execute_on")))
            .transpose()?,
        control_count: row.try_get("", "control_count")?,
        control_sum: row
            .try_get::<Option<i64>>("", "control_sum")?
            .map(|minor| Money::new(minor, currency)),
    };
    let status = BulkStatus::from_code(row.try_get("", "status")?);
    let due_on = text("due_on")?;
    Ok(Bulk {
        announced,
        status: status.ok_or_else(|| corrupt("status"))?,
        customer: text("customer")?
            .map(|id| id.parse().map_err(|_| corrupt("customer")))
            .transpose()?,
        actor: need("actor")?,
        initiator: row.try_get("", "initiator")?,
        created_at: UnixMicros(row.try_get("", "created_at")?),
        changed_at: UnixMicros(row.try_get("", "changed_at")?),
        received: row.try_get("", "received")?,
        tally: Tally {
            lines: row.try_get("", "lines")?,
            wrong: row.try_get("", "wrong")?,
            sum: Money::new(row.try_get("", "sum")?, currency),
        },
        taken: row.try_get("", "taken")?,
        refused: row.try_get("", "refused")?,
        problems: serde_json::from_str(&need("problems")?).map_err(|_| corrupt("problems"))?,
        has_other_payers: due_on.is_some(),
        run_on: text("run_on")?.or(due_on),
        batches: row.try_get("", "batches")?,
        made_at: row.try_get::<Option<i64>>("", "file_created_at")?.map(UnixMicros),
        version: row.try_get("", "version")?,
        lease: row.try_get("", "lease")?,
        id: id.parse().map_err(|_| corrupt("id"))?,
    })
}

/// Inserts a new bulk; false where the account has one of that name.
///
/// # Errors
/// Those of the database.
pub async fn insert_new(tx: &Tx, bulk: &Bulk) -> Result<bool, StoreError> {
    let columns: Vec<_> = FIXED.iter().chain(&CHANGING).chain(&LEASE).copied().collect();
    let name = ["debtor_account", "message_id"];
    let rows = vec![to_row(bulk)?];
    let new = rows::insert_new(tx, "bulks", &columns, &name, rows, "id").await?;
    Ok(!new.is_empty())
}

/// Writes the changing part of a bulk that this transaction has locked.
///
/// # Errors
/// `Corrupt` where it is not there.
pub async fn update(tx: &Tx, bulk: &Bulk) -> Result<(), StoreError> {
    let (key, rows) = ([("id", Column::Text)], vec![to_row(bulk)?]);
    match rows::update_many(tx, "bulks", &key, &CHANGING, rows).await? {
        1 => Ok(()),
        _ => Err(StoreError::Corrupt(format!("bulk {} is gone", bulk.id))),
    }
}

/// The bulk of that name, where the account has one.
///
/// # Errors
/// Those of the database.
pub async fn named(
    connection: &impl ConnectionTrait,
    account: AccountId,
    message_id: &str,
) -> Result<Option<Bulk>, StoreError> {
    let columns = columns();
    let query =
        format!("SELECT {columns} FROM bulks WHERE debtor_account = $1 AND message_id = $2");
    let values = [account.to_string().into(), message_id.into()];
    sql::query_one(connection, query, values).await?.as_ref().map(from_row).transpose()
}

/// A bulk.
///
/// # Errors
/// Those of the database.
pub async fn find(
    connection: &impl ConnectionTrait,
    id: BulkId,
) -> Result<Option<Bulk>, StoreError> {
    let query = format!("SELECT {} FROM bulks WHERE id = $1", columns());
    let row = sql::query_one(connection, query, [id.to_string().into()]).await?;
    row.as_ref().map(from_row).transpose()
}

/// Locks a bulk.
///
/// # Errors
/// Those of the database.
pub async fn lock(tx: &Tx, id: BulkId) -> Result<Option<Bulk>, StoreError> {
    let columns = columns();
    let keyed = Keyed { table: "bulks", id_column: "id", columns: &columns };
    let locked = rows::lock_by_id(tx, keyed, &[id.to_string()]).await?;
    locked.first().map(from_row).transpose()
}

/// How many uploads of an account are unfinished.
///
/// # Errors
/// Those of the database.
pub async fn unfinished(tx: &Tx, account: AccountId) -> Result<i64, StoreError> {
    let query = "SELECT COUNT(*) AS open FROM bulks WHERE debtor_account = $1 AND status IN (1, 2)";
    let row = sql::query_one(tx, query, [account.to_string().into()]).await?;
    row.map_or(Ok(0), |row| Ok(row.try_get("", "open")?))
}

/// A page of an account's, newest first, older than `before`.
///
/// # Errors
/// Those of the database.
pub async fn list(
    connection: &impl ConnectionTrait,
    account: AccountId,
    before: Option<BulkId>,
    limit: u64,
) -> Result<Vec<Bulk>, StoreError> {
    // Every id is below one that begins so.
    let before = before.map_or_else(|| "blk_g".to_owned(), |id| id.to_string());
    let query = format!(
        "SELECT {} FROM bulks WHERE debtor_account = $1 AND id < $2 ORDER BY id DESC LIMIT $3",
        columns()
    );
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let values = [account.to_string().into(), before.into(), limit.into()];
    sql::query_all(connection, query, values).await?.iter().map(from_row).collect()
}

/// A page of all, oldest first, younger than `after`: for exports.
///
/// # Errors
/// Those of the database.
pub async fn after(
    connection: &impl ConnectionTrait,
    after: Option<BulkId>,
    limit: i64,
) -> Result<Vec<Bulk>, StoreError> {
    let after = after.map(|id| id.to_string()).unwrap_or_default();
    let query = format!("SELECT {} FROM bulks WHERE id > $1 ORDER BY id LIMIT $2", columns());
    let values = [after.into(), limit.into()];
    sql::query_all(connection, query, values).await?.iter().map(from_row).collect()
}

pub(super) fn ids(rows: &[QueryResult]) -> Result<Vec<BulkId>, StoreError> {
    let id = |row: &QueryResult| {
        let id: String = row.try_get("", "id")?;
        id.parse().map_err(|_| StoreError::Corrupt(format!("{id} is no id of a bulk")))
    };
    rows.iter().map(id).collect()
}

/// Bulks with work to do: those to check, and those with lines that wait for this date or an
/// earlier one. None of them is had by anybody, as far as its lease tells.
///
/// # Errors
/// Those of the database.
pub async fn due(
    connection: &impl ConnectionTrait,
    today: Option<Date>,
    now: UnixMicros,
    longest_lease: i64,
    limit: i64,
) -> Result<Vec<BulkId>, StoreError> {
    let query = "SELECT id FROM bulks WHERE (status = 2 OR status = 3 AND (run_on <= $1 OR due_on <= $1)) \
                 AND (lease_until <= $2 OR lease_until > $3) ORDER BY id LIMIT $4";
    // Before the date is known nothing is due by it, at once included.
    let today = today.map(|date| date.to_string());
    let ahead = now.plus_micros(longest_lease.saturating_mul(2));
    let values = [today.into(), now.0.into(), ahead.0.into(), limit.into()];
    ids(&sql::query_all(connection, query, values).await?)
}

/// Takes a bulk that nobody has, and returns the number under which it is worked on.
///
/// # Errors
/// Those of the database.
pub async fn take(db: &Database, id: BulkId, lease: i64) -> Result<Option<i64>, StoreError> {
    db.write(async |tx: Tx| {
        let now = tx.now().await?;
        let query = "UPDATE bulks SET lease = lease + 1, lease_until = $2 WHERE id = $1 \
                     AND (lease_until <= $3 OR lease_until > $4) RETURNING lease";
        let ahead = now.plus_micros(lease.saturating_mul(2));
        let until = now.plus_micros(lease);
        let values = [id.to_string().into(), until.0.into(), now.0.into(), ahead.0.into()];
        let taken = sql::query_one(&tx, query, values).await?;
        taken.map(|row| Ok(row.try_get("", "lease")?)).transpose()
    })
    .await
}

/// Says until when a bulk is had, by whoever has it still; false where somebody else does.
///
/// # Errors
/// Those of the database.
pub async fn hold(tx: &Tx, id: BulkId, lease: i64, until: UnixMicros) -> Result<bool, StoreError> {
    let query = "UPDATE bulks SET lease_until = $3 WHERE id = $1 AND lease = $2";
    let values = [id.to_string().into(), lease.into(), until.0.into()];
    Ok(sql::execute(tx, query, values).await? == 1)
}

/// Uploads of which nothing was heard since.
///
/// # Errors
/// Those of the database.
pub async fn forgotten(
    connection: &impl ConnectionTrait,
    since: UnixMicros,
    limit: i64,
) -> Result<Vec<BulkId>, StoreError> {
    let query = "SELECT id FROM bulks WHERE status = 1 AND changed_at < $1 ORDER BY id LIMIT $2";
    ids(&sql::query_all(connection, query, [since.0.into(), limit.into()]).await?)
}
