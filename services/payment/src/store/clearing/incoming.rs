//! What comes from the clearing network.

use std::collections::HashMap;

use florin_kernel::{ApprovalId, Iban, Money, TransferId, Uetr, UnixMicros};
use florin_store::{
    StoreError, Tx, row,
    rows::{self, Claiming, Column, Keyed, Row},
    sql,
};
use sea_orm::{ConnectionTrait, QueryResult};

use super::{corrupt, due, instant, money, names, parsed, readable, update};
use crate::domain::Arrival;

const IN: &str = "clearing_in";

/// Something that came from the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incoming {
    /// Network and UETR, and that it is a return.
    pub id: String,
    /// Whether it is a payment of ours that comes back.
    pub is_return: bool,
    /// How far it is.
    pub stage: Arrival,
    /// Message id of the network's.
    pub message_id: String,
    /// The payment's name at all banks.
    pub uetr: Option<Uetr>,
    /// The payer's name of it.
    pub end_to_end: Option<String>,
    /// Amount.
    pub amount: Money,
    /// The account that is paid, where it was named by an IBAN.
    pub iban: Option<Iban>,
    /// The account that is paid where it was named by no IBAN, empty where it was not named; None
    /// of what came before this was kept.
    pub account_number: Option<String>,
    /// The account that paid, as it was named.
    pub from_iban: Option<String>,
    /// Text for the statement.
    pub description: String,
    /// The payment of ours that comes back.
    pub transfer: Option<TransferId>,
    /// Why it goes or came back.
    pub reason: Option<String>,
    /// The repair that ends it, or ended it.
    pub repair: Option<ApprovalId>,
    /// When it came.
    pub created_at: UnixMicros,
    /// When its stage last changed.
    pub changed_at: UnixMicros,
    /// When a worker is to take it.
    pub due_at: Option<UnixMicros>,
    /// Who has it now.
    pub lease_token: Option<String>,
    /// How often a worker has taken it.
    pub attempts: i64,
    /// What last kept it waiting.
    pub last_cause: Option<String>,
}

const IN_FIXED: [(&str, Column); 13] = [
    ("id", Column::Text),
    ("kind", Column::Int),
    ("message_id", Column::Text),
    ("uetr", Column::Text),
    ("end_to_end", Column::Text),
    ("currency", Column::Text),
    ("amount", Column::Int),
    ("iban", Column::Text),
    ("account_number", Column::Text),
    ("from_iban", Column::Text),
    ("description", Column::Text),
    ("transfer_id", Column::Text),
    ("created_at", Column::Int),
];
const IN_CHANGING: [(&str, Column); 9] = [
    ("stage", Column::Int),
    ("reason", Column::Text),
    ("repair", Column::Text),
    ("changed_at", Column::Int),
    ("due_at", Column::Int),
    ("lease_until", Column::Int),
    ("lease_token", Column::Text),
    ("attempts", Column::Int),
    ("last_cause", Column::Text),
];

fn in_columns() -> String {
    names(&IN_FIXED, &IN_CHANGING)
}

impl Incoming {
    fn to_row(&self) -> Row {
        row! {
            "id": self.id.as_str(),
            "kind": if self.is_return { 2_i64 } else { 1 },
            "message_id": self.message_id.as_str(),
            "uetr": self.uetr.map(|uetr| uetr.to_string()),
            "end_to_end": self.end_to_end.as_deref(),
            "currency": self.amount.currency().code(),
            "amount": self.amount.minor(),
            "iban": self.iban.as_ref().map(Iban::electronic),
            "account_number": self.account_number.as_deref(),
            "from_iban": self.from_iban.as_deref(),
            "description": self.description.as_str(),
            "transfer_id": self.transfer.map(|id| id.to_string()),
            "created_at": self.created_at.0,
            "stage": self.stage.code(),
            "reason": self.reason.as_deref(),
            "repair": self.repair.map(|id| id.to_string()),
            "changed_at": self.changed_at.0,
            "due_at": self.due_at.map(|at| at.0),
            "attempts": self.attempts,
            "last_cause": self.last_cause.as_deref(),
        }
    }

    fn from_row(row: &QueryResult) -> Result<Self, StoreError> {
        let id: String = row.try_get("", "id")?;
        let stage = Arrival::from_code(row.try_get("", "stage")?);
        let kind: i64 = row.try_get("", "kind")?;
        Ok(Self {
            is_return: kind == 2,
            stage: stage.ok_or_else(|| corrupt(&id, "stage"))?,
            message_id: row.try_get("", "message_id")?,
            uetr: parsed(row, &id, "uetr")?,
            end_to_end: row.try_get("", "end_to_end")?,
            amount: money(row, &id)?,
            iban: parsed(row, &id, "iban")?,
            account_number: row.try_get("", "account_number")?,
            from_iban: row.try_get("", "from_iban")?,
            description: row.try_get("", "description")?,
            transfer: parsed(row, &id, "transfer_id")?,
            reason: row.try_get("", "reason")?,
            repair: parsed(row, &id, "repair")?,
            created_at: UnixMicros(row.try_get("", "created_at")?),
            changed_at: UnixMicros(row.try_get("", "changed_at")?),
            due_at: instant(row, "due_at")?,
            lease_token: row.try_get("", "lease_token")?,
            attempts: row.try_get("", "attempts")?,
            last_cause: row.try_get("", "last_cause")?,
            id,
        })
    }
}

/// Keeps what has come in, where it has not come before; whether it is new.
///
/// # Errors
/// Those of the database.
pub async fn arrive(tx: &Tx, new: &Incoming) -> Result<bool, StoreError> {
    let columns: Vec<_> = IN_FIXED.iter().chain(&IN_CHANGING).copied().collect();
    let rows = vec![new.to_row()];
    let new = rows::insert_new(tx, IN, &columns, &["id"], rows, "id").await?;
    Ok(!new.is_empty())
}

/// Takes what is due of what came in, with the worker's token.
///
/// # Errors
/// Those of the database.
pub async fn claim_incoming(
    tx: &Tx,
    claiming: &Claiming,
) -> Result<(String, Vec<Incoming>), StoreError> {
    let columns = in_columns();
    let claimed = rows::claim_due(tx, &due(IN, &columns), claiming).await?;
    let found = claimed.rows.iter().map(Incoming::from_row).filter_map(readable).collect();
    Ok((claimed.token, found))
}

/// What came in under an id.
///
/// # Errors
/// Those of the database.
pub async fn find_incoming(
    connection: &impl ConnectionTrait,
    id: &str,
) -> Result<Option<Incoming>, StoreError> {
    let query = format!("SELECT {} FROM {IN} WHERE id = $1", in_columns());
    let row = sql::query_one(connection, query, [id.into()]).await?;
    row.as_ref().map(Incoming::from_row).transpose()
}

/// Locks what came in under an id.
///
/// # Errors
/// Those of the database.
pub async fn lock_incoming(tx: &Tx, id: &str) -> Result<Option<Incoming>, StoreError> {
    let columns = in_columns();
    let keyed = Keyed { table: IN, id_column: "id", columns: &columns };
    let found = rows::lock_by_id(tx, keyed, &[id.to_owned()]).await?;
    found.first().map(Incoming::from_row).transpose()
}

/// Writes the changing part of what this transaction has locked, and gives its lease back.
///
/// # Errors
/// `Corrupt` where it is not there.
pub async fn update_incoming(tx: &Tx, incoming: &Incoming) -> Result<(), StoreError> {
    update(tx, IN, &IN_CHANGING, incoming.to_row()).await
}

/// A page of what came in, younger in its id than `after`.
///
/// # Errors
/// Those of the database.
pub async fn incoming_after(
    connection: &impl ConnectionTrait,
    after: &str,
    limit: u32,
) -> Result<Vec<Incoming>, StoreError> {
    let columns = in_columns();
    let query = format!("SELECT {columns} FROM {IN} WHERE id > $1 ORDER BY id LIMIT $2");
    let rows = sql::query_all(connection, query, [after.into(), i64::from(limit).into()]).await?;
    rows.iter().map(Incoming::from_row).collect()
}

/// The payments that came in by the names under which a bank asks for one back: its UETR, or
/// else message id and the payer's name of it. At most two: more tell nothing more.
///
/// # Errors
/// Those of the database.
pub async fn asked_back(
    connection: &impl ConnectionTrait,
    uetr: Option<Uetr>,
    message_id: &str,
    end_to_end: Option<&str>,
    amount: Option<Money>,
) -> Result<Vec<Incoming>, StoreError> {
    let (named, mut values) = match uetr {
        Some(uetr) => ("uetr = $1", vec![uetr.to_string().into()]),
        None => (
            "message_id = $1 AND end_to_end = $2",
            vec![message_id.into(), end_to_end.unwrap_or_default().into()],
        ),
    };
    let mut query = format!("SELECT {} FROM {IN} WHERE kind = 1 AND {named}", in_columns());
    if let Some(amount) = amount {
        let first = values.len().saturating_add(1);
        let second = first.saturating_add(1);
        query.push_str(&format!(" AND currency = ${first} AND amount = ${second}"));
        values.extend([amount.currency().code().into(), amount.minor().into()]);
    }
    query.push_str(" ORDER BY id LIMIT 2");
    let rows = sql::query_all(connection, query, values).await?;
    rows.iter().map(Incoming::from_row).collect()
}

/// What came back of a payment of ours and is on its account again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comeback {
    /// Amount.
    pub amount: Money,
    /// The network's code of ISO 20022, where it gave one.
    pub code: Option<String>,
    /// When.
    pub at: UnixMicros,
}

impl Comeback {
    /// Of a return that was credited.
    #[must_use]
    pub fn of(came: &Incoming) -> Self {
        Self { amount: came.amount, code: came.reason.clone(), at: came.changed_at }
    }
}

/// What came back of these payments of ours, by their ids. What went from suspense by a repair is
/// told by that.
///
/// # Errors
/// Those of the database.
pub async fn comebacks(
    connection: &impl ConnectionTrait,
    transfers: &[String],
) -> Result<HashMap<String, Comeback>, StoreError> {
    let mut found = HashMap::new();
    if transfers.is_empty() {
        return Ok(found);
    }
    let list: Vec<_> = (1..=transfers.len()).map(|number| format!("${number}")).collect();
    let query = format!(
        "SELECT {} FROM {IN} WHERE kind = 2 AND stage = {} AND repair IS NULL \
         AND transfer_id IN ({})",
        in_columns(),
        Arrival::Done.code(),
        list.join(", ")
    );
    let values: Vec<sea_orm::Value> = transfers.iter().map(|id| id.as_str().into()).collect();
    for row in sql::query_all(connection, query, values).await? {
        let came = Incoming::from_row(&row)?;
        let Some(transfer) = came.transfer else { continue };
        found.insert(transfer.to_string(), Comeback::of(&came));
    }
    Ok(found)
}

/// Whether a payment of ours has come back, or is coming.
///
/// # Errors
/// Those of the database.
pub async fn has_come_back(
    connection: &impl ConnectionTrait,
    transfer: TransferId,
) -> Result<bool, StoreError> {
    let query = format!("SELECT id FROM {IN} WHERE transfer_id = $1 LIMIT 1");
    let row = sql::query_one(connection, query, [transfer.to_string().into()]).await?;
    Ok(row.is_some())
}
