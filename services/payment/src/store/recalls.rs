//! Recalls of payments between banks, in both directions.

use std::time::Duration;

use florin_kernel::{AccountId, ApprovalId, Money, RecallId, TransferId, Uetr, UnixMicros};
use florin_store::{
    StoreError, Tx, row,
    rows::{self, Claiming, Column, Due, Keyed, Row},
    sql,
};
use sea_orm::{ConnectionTrait, QueryResult};

use super::clearing::{instant, names, readable, update};
use crate::domain::RecallStage;

const TABLE: &str = "recalls";
/// Longer than people may take to decide, by any setting.
const LONGEST_WAIT: Duration = Duration::from_secs(400 * 86_400);

/// A recall.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recall {
    /// Its id.
    pub id: RecallId,
    /// Whether we ask; else another bank does.
    pub is_ours: bool,
    /// The natural key.
    pub case_key: String,
    /// The case under which both banks know it.
    pub case_id: String,
    /// The payment's name at all banks.
    pub uetr: Option<Uetr>,
    /// Why, a code of ISO 20022.
    pub reason: String,
    /// What tells it from all else under the same case.
    pub print: String,
    /// The camt.056, as it came or goes.
    pub request: Vec<u8>,
    /// When it came, or was asked for.
    pub created_at: UnixMicros,
    /// How far it is.
    pub stage: RecallStage,
    /// In: what came in, by its id. Out: the transfer.
    pub payment: Option<String>,
    /// The account that pays back, or that paid.
    pub account: Option<AccountId>,
    /// The amount of the payment.
    pub amount: Option<Money>,
    /// The code of the answer.
    pub answer: Option<String>,
    /// The camt.029, while and after it is sent.
    pub document: Option<Vec<u8>>,
    /// The proposal of the first of two persons.
    pub approval: Option<String>,
    /// The repair by which people ended it.
    pub repair: Option<ApprovalId>,
    /// Until when people may decide.
    pub answer_by: Option<UnixMicros>,
    /// Out: how many answers have come.
    pub answers: i64,
    /// When its stage last changed.
    pub changed_at: UnixMicros,
    /// When a worker is to take it.
    pub due_at: Option<UnixMicros>,
    /// Who has it now.
    pub lease_token: Option<String>,
    /// How often a worker has taken it in this stage.
    pub attempts: i64,
    /// What last kept it waiting, or was said against an earlier answer.
    pub last_cause: Option<String>,
}

const FIXED: [(&str, Column); 9] = [
    ("id", Column::Text),
    ("kind", Column::Int),
    ("case_key", Column::Text),
    ("case_id", Column::Text),
    ("uetr", Column::Text),
    ("reason", Column::Text),
    ("print", Column::Text),
    ("request", Column::Bytes),
    ("created_at", Column::Int),
];
const CHANGING: [(&str, Column); 17] = [
    ("stage", Column::Int),
    ("payment", Column::Text),
    ("account_id", Column::Text),
    ("currency", Column::Text),
    ("amount", Column::Int),
    ("answer", Column::Text),
    ("document", Column::Bytes),
    ("approval", Column::Text),
    ("repair", Column::Text),
    ("answer_by", Column::Int),
    ("answers", Column::Int),
    ("changed_at", Column::Int),
    ("due_at", Column::Int),
    ("lease_until", Column::Int),
    ("lease_token", Column::Text),
    ("attempts", Column::Int),
    ("last_cause", Column::Text),
];

fn columns() -> String {
    names(&FIXED, &CHANGING)
}

fn corrupt(id: RecallId, what: &str) -> StoreError {
    StoreError::Corrupt(format!("recall {id} has no valid {what}"))
}

fn parsed<T: std::str::FromStr>(
    row: &QueryResult,
    id: RecallId,
    column: &'static str,
) -> Result<Option<T>, StoreError> {
    let text: Option<String> = row.try_get("", column)?;
    text.map(|text| text.parse().map_err(|_| corrupt(id, column))).transpose()
}

impl Recall {
    /// The stage that follows, to be worked on at once where it does not rest.
    pub fn move_to(&mut self, stage: RecallStage, now: UnixMicros) {
        self.stage = stage;
        self.changed_at = self.changed_at.max(now);
        self.due_at = (!stage.rests()).then_some(now);
        self.attempts = 0;
        self.last_cause = None;
    }

    /// The row; a lease is never written from here.
    fn to_row(&self) -> Row {
        row! {
            "id": self.id.to_string(),
            "kind": if self.is_ours { 2_i64 } else { 1 },
            "case_key": self.case_key.as_str(),
            "case_id": self.case_id.as_str(),
            "uetr": self.uetr.map(|uetr| uetr.to_string()),
            "reason": self.reason.as_str(),
            "print": self.print.as_str(),
            "request": self.request.clone(),
            "created_at": self.created_at.0,
            "stage": self.stage.code(),
            "payment": self.payment.as_deref(),
            "account_id": self.account.map(|id| id.to_string()),
            "currency": self.amount.map(|amount| amount.currency().code()),
            "amount": self.amount.map(Money::minor),
            "answer": self.answer.as_deref(),
            "document": self.document.clone(),
            "approval": self.approval.as_deref(),
            "repair": self.repair.map(|id| id.to_string()),
            "answer_by": self.answer_by.map(|at| at.0),
            "answers": self.answers,
            "changed_at": self.changed_at.0,
            "due_at": self.due_at.map(|at| at.0),
            "attempts": self.attempts,
            "last_cause": self.last_cause.as_deref(),
        }
    }

    fn from_row(row: &QueryResult) -> Result<Self, StoreError> {
        let mut recall = Self::without_documents(row)?;
        recall.request = row.try_get("", "request")?;
        recall.document = row.try_get("", "document")?;
        Ok(recall)
    }

    /// Without the messages, which may be of megabytes.
    fn without_documents(row: &QueryResult) -> Result<Self, StoreError> {
        let id: String = row.try_get("", "id")?;
        let id = RecallId::parse(&id)
            .map_err(|error| StoreError::Corrupt(format!("recall {id}: {error}")))?;
        let kind: i64 = row.try_get("", "kind")?;
        let stage = RecallStage::from_code(row.try_get("", "stage")?);
        let currency = parsed(row, id, "currency")?;
        let amount: Option<i64> = row.try_get("", "amount")?;
        Ok(Self {
            is_ours: kind == 2,
            case_key: row.try_get("", "case_key")?,
            case_id: row.try_get("", "case_id")?,
            uetr: parsed(row, id, "uetr")?,
            reason: row.try_get("", "reason")?,
            print: row.try_get("", "print")?,
            request: Vec::new(),
            created_at: UnixMicros(row.try_get("", "created_at")?),
            stage: stage.ok_or_else(|| corrupt(id, "stage"))?,
            payment: row.try_get("", "payment")?,
            account: parsed(row, id, "account_id")?,
            amount: amount.zip(currency).map(|(minor, currency)| Money::new(minor, currency)),
            answer: row.try_get("", "answer")?,
            document: None,
            approval: row.try_get("", "approval")?,
            repair: parsed(row, id, "repair")?,
            answer_by: instant(row, "answer_by")?,
            answers: row.try_get("", "answers")?,
            changed_at: UnixMicros(row.try_get("", "changed_at")?),
            due_at: instant(row, "due_at")?,
            lease_token: row.try_get("", "lease_token")?,
            attempts: row.try_get("", "attempts")?,
            last_cause: row.try_get("", "last_cause")?,
            id,
        })
    }
}

/// Keeps a recall, where its case is not here; whether it is new.
///
/// # Errors
/// Those of the database; `Conflict` for a second open one of a transfer.
pub async fn open(tx: &Tx, new: &Recall) -> Result<bool, StoreError> {
    let columns: Vec<_> = FIXED.iter().chain(&CHANGING).copied().collect();
    let rows = vec![new.to_row()];
    let new = rows::insert_new(tx, TABLE, &columns, &["case_key"], rows, "id").await?;
    Ok(!new.is_empty())
}

/// Takes what is due, with the worker's token.
///
/// # Errors
/// Those of the database.
pub async fn claim(tx: &Tx, claiming: &Claiming) -> Result<(String, Vec<Recall>), StoreError> {
    let columns = columns();
    let due = Due {
        table: TABLE,
        id_column: "id",
        columns: &columns,
        due_column: "due_at",
        lease_until_column: "lease_until",
        lease_token_column: "lease_token",
        taken_over_column: None,
    };
    let claiming = Claiming { longest_wait: LONGEST_WAIT, ..*claiming };
    let claimed = rows::claim_due(tx, &due, &claiming).await?;
    let found = claimed.rows.iter().map(Recall::from_row).filter_map(readable).collect();
    Ok((claimed.token, found))
}

/// Locks a recall. After the payment that it is of, where both are locked.
///
/// # Errors
/// Those of the database.
pub async fn lock(tx: &Tx, id: RecallId) -> Result<Option<Recall>, StoreError> {
    lock_by(tx, "id", &id.to_string()).await
}

/// Locks the recall of a natural key.
///
/// # Errors
/// Those of the database.
pub async fn lock_case(tx: &Tx, case_key: &str) -> Result<Option<Recall>, StoreError> {
    lock_by(tx, "case_key", case_key).await
}

async fn lock_by(tx: &Tx, id_column: &str, value: &str) -> Result<Option<Recall>, StoreError> {
    let columns = columns();
    let keyed = Keyed { table: TABLE, id_column, columns: &columns };
    let found = rows::lock_by_id(tx, keyed, &[value.to_owned()]).await?;
    found.first().map(Recall::from_row).transpose()
}

/// Writes the changing part of what this transaction has locked, and gives its lease back.
///
/// # Errors
/// `Corrupt` where it is not there.
pub async fn update_recall(tx: &Tx, recall: &Recall) -> Result<(), StoreError> {
    update(tx, TABLE, &CHANGING, recall.to_row()).await
}

/// A recall.
///
/// # Errors
/// Those of the database.
pub async fn find(
    connection: &impl ConnectionTrait,
    id: RecallId,
) -> Result<Option<Recall>, StoreError> {
    let query = format!("SELECT {} FROM {TABLE} WHERE id = $1", columns());
    let row = sql::query_one(connection, query, [id.to_string().into()]).await?;
    row.as_ref().map(Recall::from_row).transpose()
}

/// The recall of another bank that takes, or took, this payment back.
///
/// # Errors
/// Those of the database.
pub async fn taking(
    connection: &impl ConnectionTrait,
    payment: &str,
) -> Result<Option<Recall>, StoreError> {
    one_of(connection, payment, "kind = 1 AND stage IN (3, 4, 6)").await
}

/// Our recall of a transfer that has not ended.
///
/// # Errors
/// Those of the database.
pub async fn asking(
    connection: &impl ConnectionTrait,
    transfer: TransferId,
) -> Result<Option<Recall>, StoreError> {
    one_of(connection, &transfer.to_string(), "kind = 2 AND stage IN (8, 9)").await
}

async fn one_of(
    connection: &impl ConnectionTrait,
    payment: &str,
    condition: &str,
) -> Result<Option<Recall>, StoreError> {
    let query = format!("SELECT {} FROM {TABLE} WHERE payment = $1 AND {condition}", columns());
    let row = sql::query_one(connection, query, [payment.into()]).await?;
    row.as_ref().map(Recall::from_row).transpose()
}

/// A page of recalls without their messages, younger than `after`; only those that have not ended,
/// or of which something was said against their end, where `open_only`.
///
/// # Errors
/// Those of the database.
pub async fn after(
    connection: &impl ConnectionTrait,
    after: &str,
    open_only: bool,
    limit: u32,
) -> Result<Vec<Recall>, StoreError> {
    let open = if open_only { "(stage NOT IN (6, 7) OR last_cause IS NOT NULL) AND" } else { "" };
    let is_message = |name: &str| ["request", "document"].contains(&name);
    let columns: Vec<_> = FIXED.iter().chain(&CHANGING).map(|(name, _)| *name).collect();
    let columns: Vec<_> = columns.into_iter().filter(|name| !is_message(name)).collect();
    let columns = columns.join(", ");
    let query = format!("SELECT {columns} FROM {TABLE} WHERE {open} id > $1 ORDER BY id LIMIT $2");
    let rows = sql::query_all(connection, query, [after.into(), i64::from(limit).into()]).await?;
    rows.iter().map(Recall::without_documents).collect()
}
