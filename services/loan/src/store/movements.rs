//! Movements of money: what the ledger is asked for, by whom, and how it ended.

use std::collections::BTreeMap;

use florin_kernel::{Currency, LoanId, Money, UnixMicros, parse_date};
use florin_store::{
    StoreError, Tx, row,
    rows::{self, Claiming, Column, Due, Keyed, Row},
    sql,
};
use sea_orm::{ConnectionTrait, QueryResult};

use super::{corrupt, names};
use crate::domain::movement::{Failure, Movement, MovementKind, MovementState};

const TABLE: &str = "movements";

/// A stored movement, with what a worker needs of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The movement.
    pub movement: Movement,
    /// The encoded `florin.account.v1.TransactionRequest`.
    pub request: Vec<u8>,
    /// The encoded `florin.loan.v1.LoanStep` that is recorded once it is posted.
    pub step: Vec<u8>,
    /// Trace of the request that asked for it.
    pub traceparent: Option<String>,
    /// When a worker is to take it; None once it has ended.
    pub due_at: Option<UnixMicros>,
    /// Who has it now.
    pub lease_token: Option<String>,
    /// How often a worker has taken it.
    pub attempts: i64,
    /// What the ledger last answered without deciding.
    pub last_cause: Option<String>,
}

const FIXED: [(&str, Column); 11] = [
    ("reference", Column::Text),
    ("loan_id", Column::Text),
    ("number", Column::Int),
    ("kind", Column::Int),
    ("currency", Column::Text),
    ("amount", Column::Int),
    ("on_date", Column::Text),
    ("request", Column::Bytes),
    ("step", Column::Bytes),
    ("traceparent", Column::Text),
    ("created_at", Column::Int),
];
const CHANGING: [(&str, Column); 12] = [
    ("state", Column::Int),
    ("failure_reason", Column::Text),
    ("failure_domain", Column::Text),
    ("failure_message", Column::Text),
    ("failure_facts", Column::Text),
    ("transaction_id", Column::Text),
    ("changed_at", Column::Int),
    ("due_at", Column::Int),
    ("lease_until", Column::Int),
    ("lease_token", Column::Text),
    ("attempts", Column::Int),
    ("last_cause", Column::Text),
];

fn columns() -> String {
    names(&[&FIXED, &CHANGING])
}

impl Stored {
    /// The row; a lease is never written from here: whoever writes gives it back.
    fn to_row(&self) -> Row {
        let one = &self.movement;
        let failure = one.failure.as_ref();
        let facts = failure.map(|failure| serde_json::json!(failure.facts).to_string());
        row! {
            "reference": one.reference.as_str(),
            "loan_id": one.loan.to_string(),
            "number": one.number,
            "kind": one.kind.code(),
            "currency": one.amount.currency().code(),
            "amount": one.amount.minor(),
            "on_date": one.on.to_string(),
            "request": self.request.clone(),
            "step": self.step.clone(),
            "traceparent": self.traceparent.as_deref(),
            "created_at": one.created_at.0,
            "state": one.state.code(),
            "failure_reason": failure.map(|failure| failure.reason.as_str()),
            "failure_domain": failure.map(|failure| failure.domain.as_str()),
            "failure_message": failure.map(|failure| failure.message.as_str()),
            "failure_facts": facts,
            "transaction_id": one.transaction.map(|id| id.to_string()),
            "changed_at": one.changed_at.0,
            "due_at": self.due_at.filter(|_| one.state.is_open()).map(|at| at.0),
            "attempts": self.attempts,
            "last_cause": self.last_cause.as_deref(),
        }
    }

    fn from_row(row: &QueryResult) -> Result<Self, StoreError> {
        let reference: String = row.try_get("", "reference")?;
        let of = format!("movement {reference}");
        let text = |column: &'static str| row.try_get::<String>("", column);
        let currency = text("currency")?.parse::<Currency>();
        let currency = currency.map_err(|_| corrupt(&of, "currency"))?;
        let transaction: Option<String> = row.try_get("", "transaction_id")?;
        let transaction = transaction.map(|id| id.parse()).transpose();
        let due_at: Option<i64> = row.try_get("", "due_at")?;
        let kind = MovementKind::from_code(row.try_get("", "kind")?);
        let state = MovementState::from_code(row.try_get("", "state")?);
        let movement = Movement {
            loan: text("loan_id")?.parse().map_err(|_| corrupt(&of, "loan"))?,
            number: row.try_get("", "number")?,
            kind: kind.ok_or_else(|| corrupt(&of, "kind"))?,
            amount: Money::new(row.try_get("", "amount")?, currency),
            on: parse_date(&text("on_date")?).map_err(|_| corrupt(&of, "date"))?,
            state: state.ok_or_else(|| corrupt(&of, "state"))?,
            failure: failure_of(&of, row)?,
            transaction: transaction.map_err(|_| corrupt(&of, "transaction"))?,
            created_at: UnixMicros(row.try_get("", "created_at")?),
            changed_at: UnixMicros(row.try_get("", "changed_at")?),
            reference,
        };
        Ok(Self {
            movement,
            request: row.try_get("", "request")?,
            step: row.try_get("", "step")?,
            traceparent: row.try_get("", "traceparent")?,
            due_at: due_at.map(UnixMicros),
            lease_token: row.try_get("", "lease_token")?,
            attempts: row.try_get("", "attempts")?,
            last_cause: row.try_get("", "last_cause")?,
        })
    }
}

fn failure_of(of: &str, row: &QueryResult) -> Result<Option<Failure>, StoreError> {
    let Some(reason) = row.try_get::<Option<String>>("", "failure_reason")? else {
        return Ok(None);
    };
    let text = |column: &'static str| row.try_get::<Option<String>>("", column);
    let facts = text("failure_facts")?.unwrap_or_else(|| "{}".to_owned());
    let facts: BTreeMap<String, String> =
        serde_json::from_str(&facts).map_err(|_| corrupt(of, "facts"))?;
    let domain = text("failure_domain")?.unwrap_or_default();
    let message = text("failure_message")?.unwrap_or_default();
    Ok(Some(Failure { reason, domain, message, facts }))
}

/// Keeps new movements of loans that this transaction has locked, due at once.
///
/// # Errors
/// `Conflict` for a second open one of a loan.
pub async fn open(tx: &Tx, new: &[Stored]) -> Result<(), StoreError> {
    let columns: Vec<_> = FIXED.iter().chain(&CHANGING).copied().collect();
    let rows = new.iter().map(Stored::to_row).collect();
    rows::insert_many(tx, TABLE, &columns, rows).await.map(drop)
}

/// The open movement of a loan. Under the loan's lock there is no other.
///
/// # Errors
/// Those of the database.
pub async fn open_of(
    connection: &impl ConnectionTrait,
    loan: LoanId,
) -> Result<Option<Stored>, StoreError> {
    let query = format!("SELECT {} FROM {TABLE} WHERE loan_id = $1 AND state IN (1, 2)", columns());
    let row = sql::query_one(connection, query, [loan.to_string().into()]).await?;
    row.as_ref().map(Stored::from_row).transpose()
}

/// The last movements of a loan, newest first.
///
/// # Errors
/// Those of the database.
pub async fn last_of(
    connection: &impl ConnectionTrait,
    loan: LoanId,
    limit: u32,
) -> Result<Vec<Stored>, StoreError> {
    let query = format!(
        "SELECT {} FROM {TABLE} WHERE loan_id = $1 ORDER BY number DESC LIMIT $2",
        columns()
    );
    let values = [loan.to_string().into(), i64::from(limit).into()];
    sql::query_all(connection, query, values).await?.iter().map(Stored::from_row).collect()
}

/// A page of all movements by reference, for exports: each with the number of its loan's state,
/// and whether a step of a loan has its reference.
///
/// # Errors
/// Those of the database.
pub async fn after(
    connection: &impl ConnectionTrait,
    after: &str,
    limit: u32,
) -> Result<Vec<(Stored, i64, bool)>, StoreError> {
    let own: Vec<_> = FIXED.iter().chain(&CHANGING).map(|(name, _)| format!("m.{name}")).collect();
    let query = format!(
        "SELECT {}, l.status AS loan_status, s.version AS step_version FROM {TABLE} AS m \
         JOIN loans AS l ON l.id = m.loan_id \
         LEFT JOIN loan_steps AS s ON s.reference = m.reference \
         WHERE m.reference > $1 ORDER BY m.reference LIMIT $2",
        own.join(", ")
    );
    let values = [after.into(), i64::from(limit).into()];
    let found = sql::query_all(connection, query, values).await?;
    let read = found.iter().map(|row| {
        let version: Option<i64> = row.try_get("", "step_version")?;
        Ok((Stored::from_row(row)?, row.try_get("", "loan_status")?, version.is_some()))
    });
    read.collect()
}

/// Takes what is due, with the worker's token; each is counted as another attempt.
///
/// # Errors
/// Those of the database.
pub async fn claim(tx: &Tx, claiming: &Claiming) -> Result<(String, Vec<Stored>), StoreError> {
    let columns = columns();
    let due = Due {
        table: TABLE,
        id_column: "reference",
        columns: &columns,
        due_column: "due_at",
        lease_until_column: "lease_until",
        lease_token_column: "lease_token",
        taken_over_column: None,
    };
    let claimed = rows::claim_due(tx, &due, claiming).await?;
    let count = format!("UPDATE {TABLE} SET attempts = attempts + 1 WHERE lease_token = $1");
    sql::execute(tx, count, [claimed.token.as_str().into()]).await?;
    // A row that is no movement keeps its lease and holds up no other.
    let found = claimed.rows.iter().map(Stored::from_row).filter_map(|read| {
        read.inspect_err(|error| tracing::error!(%error, "a movement cannot be read")).ok()
    });
    let counted = found.map(|one| Stored { attempts: one.attempts.saturating_add(1), ..one });
    Ok((claimed.token, counted.collect()))
}

/// Locks movements, after their loans, and returns those that there are.
///
/// # Errors
/// Those of the database.
pub async fn lock(tx: &Tx, references: &[String]) -> Result<Vec<Stored>, StoreError> {
    let mut references = references.to_vec();
    references.sort_unstable();
    let columns = columns();
    let keyed = Keyed { table: TABLE, id_column: "reference", columns: &columns };
    rows::lock_by_id(tx, keyed, &references).await?.iter().map(Stored::from_row).collect()
}

/// Writes the changing part of what this transaction has locked, and gives the lease back.
///
/// # Errors
/// `Corrupt` where one is not there.
pub async fn update(tx: &Tx, changed: &[Stored]) -> Result<(), StoreError> {
    let rows: Vec<Row> = changed.iter().map(Stored::to_row).collect();
    let key = [("reference", Column::Text)];
    let found = rows::update_many(tx, TABLE, &key, &CHANGING, rows).await?;
    if usize::try_from(found) == Ok(changed.len()) {
        return Ok(());
    }
    Err(StoreError::Corrupt(format!(
        "{found} movements written where {} were meant",
        changed.len()
    )))
}
