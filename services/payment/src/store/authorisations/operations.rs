//! What is done with authorisations.

use std::collections::BTreeMap;

use florin_kernel::{AuthorisationId, Currency, Money, UnixMicros};
use florin_store::{
    Engine, StoreError, Tx, row,
    rows::{self, Column, Row, among, texts},
    sql,
};
use sea_orm::{ConnectionTrait, QueryResult};
use serde_json::json;

use crate::domain::{Decider, Decision, Failure, Operation, OperationKind};

const TABLE: &str = "authorisation_operations";

const KEY: [(&str, Column); 2] = [("authorisation", Column::Text), ("number", Column::Int)];
const FIXED: [(&str, Column); 13] = [
    ("kind", Column::Int),
    ("network", Column::Text),
    ("reference", Column::Text),
    ("request_hash", Column::Bytes),
    ("currency", Column::Text),
    ("amount", Column::Int),
    ("final", Column::Int),
    ("hold_seconds", Column::Int),
    ("answer_by", Column::Int),
    ("initiator", Column::Bytes),
    ("traceparent", Column::Text),
    ("score", Column::Text),
    ("created_at", Column::Int),
];
const CHANGING: [(&str, Column); 11] = [
    ("decision", Column::Int),
    ("decided_by", Column::Int),
    ("decided_at", Column::Int),
    ("failure_reason", Column::Text),
    ("failure_domain", Column::Text),
    ("failure_message", Column::Text),
    ("failure_facts", Column::Text),
    ("transaction_id", Column::Text),
    ("shortfall", Column::Int),
    ("reserved", Column::Text),
    ("given_back", Column::Int),
];

fn columns() -> String {
    let names: Vec<_> = KEY.iter().chain(&FIXED).chain(&CHANGING).map(|(name, _)| *name).collect();
    names.join(", ")
}

fn to_row(one: &Operation) -> Row {
    let failure = one.failure.as_ref();
    row! {
        "authorisation": one.authorisation.to_string(),
        "number": one.number,
        "kind": one.kind.code(),
        "network": one.network.as_str(),
        "reference": one.reference.as_str(),
        "request_hash": one.request_hash.clone(),
        "currency": one.amount.currency().code(),
        "amount": one.amount.minor(),
        "final": i64::from(one.last),
        "hold_seconds": one.hold_seconds,
        "answer_by": one.answer_by.map(|at| at.0),
        "initiator": one.initiator.clone(),
        "traceparent": one.traceparent.as_deref(),
        "score": one.score.join(" "),
        "created_at": one.created_at.0,
        "decision": one.decision.code(),
        "decided_by": one.decided_by.map(Decider::code),
        "decided_at": one.decided_at.map(|at| at.0),
        "failure_reason": failure.map(|failure| failure.reason.as_str()),
        "failure_domain": failure.map(|failure| failure.domain.as_str()),
        "failure_message": failure.map(|failure| failure.message.as_str()),
        "failure_facts": failure.map(|failure| json!(failure.facts).to_string()),
        "transaction_id": one.transaction.map(|id| id.to_string()),
        "shortfall": one.shortfall,
        "reserved": one.reserved.join("\n"),
        "given_back": one.given_back,
    }
}

fn from_row(row: &QueryResult) -> Result<Operation, StoreError> {
    let id: String = row.try_get("", "authorisation")?;
    let number: i64 = row.try_get("", "number")?;
    let corrupt = |what: &str| StoreError::Corrupt(format!("{id}/{number} has no valid {what}"));
    let text = |column: &str| row.try_get::<String>("", column);
    let optional = |column: &str| row.try_get::<Option<String>>("", column);
    let instant =
        |column: &str| row.try_get::<Option<i64>>("", column).map(|at| at.map(UnixMicros));
    let currency = text("currency")?.parse::<Currency>().map_err(|_| corrupt("currency"))?;
    let kind = OperationKind::from_code(row.try_get("", "kind")?);
    let decision = Decision::from_code(row.try_get("", "decision")?);
    let decided_by: Option<i64> = row.try_get("", "decided_by")?;
    let decided_by =
        decided_by.map(|code| Decider::from_code(code).ok_or_else(|| corrupt("decided_by")));
    let failure = match optional("failure_reason")? {
        None => None,
        Some(reason) => {
            let facts = optional("failure_facts")?.unwrap_or_default();
            let facts: BTreeMap<String, String> =
                serde_json::from_str(&facts).map_err(|_| corrupt("failure_facts"))?;
            let domain = optional("failure_domain")?.unwrap_or_default();
            let message = optional("failure_message")?.unwrap_or_default();
            Some(Failure { reason, domain, message, facts })
        }
    };
    let transaction = optional("transaction_id")?.map(|id| id.parse()).transpose();
    let list = |text: String, by: char| {
        text.split(by).filter(|one| !one.is_empty()).map(str::to_owned).collect::<Vec<_>>()
    };
    let last: i64 = row.try_get("", "final")?;
    Ok(Operation {
        authorisation: id.parse().map_err(|_| corrupt("authorisation"))?,
        number,
        kind: kind.ok_or_else(|| corrupt("kind"))?,
        network: text("network")?,
        reference: text("reference")?,
        request_hash: row.try_get("", "request_hash")?,
        amount: Money::new(row.try_get("", "amount")?, currency),
        last: last == 1,
        hold_seconds: row.try_get("", "hold_seconds")?,
        answer_by: instant("answer_by")?,
        initiator: row.try_get("", "initiator")?,
        traceparent: optional("traceparent")?,
        score: list(text("score")?, ' '),
        created_at: UnixMicros(row.try_get("", "created_at")?),
        decision: decision.ok_or_else(|| corrupt("decision"))?,
        decided_by: decided_by.transpose()?,
        decided_at: instant("decided_at")?,
        failure,
        transaction: transaction.map_err(|_| corrupt("transaction_id"))?,
        shortfall: row.try_get("", "shortfall")?,
        reserved: list(text("reserved")?, '\n'),
        given_back: row.try_get("", "given_back")?,
    })
}

/// Adds an operation, where its reference is new; else changes nothing. It waits for whoever is
/// adding the same reference.
///
/// # Errors
/// Those of the database.
pub async fn add(tx: &Tx, one: &Operation) -> Result<bool, StoreError> {
    let columns: Vec<_> = KEY.iter().chain(&FIXED).chain(&CHANGING).copied().collect();
    let unique = ["network", "reference"];
    let added = rows::insert_missing(tx, TABLE, &columns, &unique, vec![to_row(one)]).await?;
    Ok(added == 1)
}

/// Writes what has changed of operations whose authorisation this transaction has locked.
///
/// # Errors
/// `Corrupt` where one is not there.
pub async fn update_operations(tx: &Tx, changed: &[Operation]) -> Result<(), StoreError> {
    let rows = changed.iter().map(to_row).collect();
    let found = rows::update_many(tx, TABLE, &KEY, &CHANGING, rows).await?;
    if usize::try_from(found) == Ok(changed.len()) {
        return Ok(());
    }
    let meant = changed.len();
    Err(StoreError::Corrupt(format!("{found} operations written where {meant} were meant")))
}

/// The operation of a reference.
///
/// # Errors
/// Those of the database.
pub async fn of_reference(
    connection: &impl ConnectionTrait,
    network: &str,
    reference: &str,
) -> Result<Option<Operation>, StoreError> {
    let query = format!("SELECT {} FROM {TABLE} WHERE network = $1 AND reference = $2", columns());
    let found = sql::query_one(connection, query, [network.into(), reference.into()]).await?;
    found.as_ref().map(from_row).transpose()
}

/// One operation.
///
/// # Errors
/// `Corrupt` where it is not there.
pub async fn operation(
    connection: &impl ConnectionTrait,
    id: AuthorisationId,
    number: i64,
) -> Result<Operation, StoreError> {
    let query =
        format!("SELECT {} FROM {TABLE} WHERE authorisation = $1 AND number = $2", columns());
    let values = [id.to_string().into(), number.into()];
    let found = sql::query_one(connection, query, values).await?;
    let found = found.as_ref().map(from_row).transpose()?;
    found.ok_or_else(|| StoreError::Corrupt(format!("operation {number} of {id} is not there")))
}

/// The operations of an authorisation, in their order.
///
/// # Errors
/// Those of the database.
pub async fn operations(
    connection: &impl ConnectionTrait,
    id: AuthorisationId,
) -> Result<Vec<Operation>, StoreError> {
    let query =
        format!("SELECT {} FROM {TABLE} WHERE authorisation = $1 ORDER BY number", columns());
    let found = sql::query_all(connection, query, [id.to_string().into()]).await?;
    found.iter().map(from_row).collect()
}

/// The operations of several authorisations, by authorisation and number.
///
/// # Errors
/// Those of the database.
pub async fn operations_of(
    connection: &impl ConnectionTrait,
    ids: &[String],
) -> Result<Vec<Operation>, StoreError> {
    let query = format!(
        "SELECT {} FROM {TABLE} WHERE authorisation {} ORDER BY authorisation, number",
        columns(),
        among(Engine::of(connection), 1)
    );
    let found = sql::query_all(connection, query, [texts(Engine::of(connection), ids)]).await?;
    found.iter().map(from_row).collect()
}
