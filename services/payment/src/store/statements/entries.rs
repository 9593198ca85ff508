//! The entries of the network's statements, and what each tells of.

use florin_kernel::Currency;
use florin_store::{
    StoreError, Tx,
    rows::{among, texts},
    sql,
};
use sea_orm::{ConnectionTrait, QueryResult};

use super::ENTRIES;
use crate::{
    domain::{Arrival, Stage, posting_reference},
    store::{Subject, find_incoming, find_outgoing},
};

/// An entry of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementEntry {
    /// The statement.
    pub statement: String,
    /// Its place there, from 1 on.
    pub number: i64,
    /// Positive in our favour, in minor units.
    pub amount: i64,
    /// The payment's name at all banks.
    pub uetr: Option<String>,
    /// The network's own name of it.
    pub reference: Option<String>,
    /// What it tells of: "in:" or "out:" and the id of the row.
    pub payment: Option<String>,
}

/// The sum of the entries of a statement, in minor units.
///
/// # Errors
/// Those of the database; `Corrupt` for a sum beyond the range.
pub async fn turnover(connection: &impl ConnectionTrait, id: &str) -> Result<i64, StoreError> {
    let query = format!(
        "SELECT CAST(COALESCE(SUM(amount), 0) AS TEXT) AS net FROM {ENTRIES} WHERE statement = $1"
    );
    let row = sql::query_one(connection, query, [id.into()]).await?;
    let net: String = match row {
        Some(row) => row.try_get("", "net")?,
        None => "0".to_owned(),
    };
    net.parse().map_err(|_| StoreError::Corrupt(format!("the sum of statement {id}")))
}

/// A page of the entries of a series that are not known to be booked, in order, after one.
///
/// # Errors
/// Those of the database.
pub async fn open_entries(
    connection: &impl ConnectionTrait,
    series: &str,
    after: (&str, i64),
    limit: u32,
) -> Result<Vec<StatementEntry>, StoreError> {
    let query = format!(
        "SELECT statement, number, amount, uetr, reference, payment FROM {ENTRIES} \
         WHERE series = $1 AND booked IS NULL AND (statement > $2 OR (statement = $2 AND number > $3)) \
         ORDER BY statement, number LIMIT $4"
    );
    let values = [series.into(), after.0.into(), after.1.into(), i64::from(limit).into()];
    let rows = sql::query_all(connection, query, values).await?;
    let entry = |row: &QueryResult| {
        Ok(StatementEntry {
            statement: row.try_get("", "statement")?,
            number: row.try_get("", "number")?,
            amount: row.try_get("", "amount")?,
            uetr: row.try_get("", "uetr")?,
            reference: row.try_get("", "reference")?,
            payment: row.try_get("", "payment")?,
        })
    };
    rows.iter().map(entry).collect()
}

/// Finds what an entry tells of, where no other entry tells of it: by UETR, else by message id;
/// of its side, currency and amount. None where there is nothing, or another replica was first.
///
/// # Errors
/// Those of the database; `Conflict` where another replica takes the same for another entry.
pub async fn match_entry(
    tx: &Tx,
    entry: &StatementEntry,
    currency: Currency,
) -> Result<Option<String>, StoreError> {
    let key = [entry.statement.as_str().into(), entry.number.into()];
    let lock = format!(
        "UPDATE {ENTRIES} SET payment = NULL WHERE statement = $1 AND number = $2 \
         AND payment IS NULL AND booked IS NULL"
    );
    if sql::execute(tx, lock, key).await? == 0 {
        return Ok(None);
    }
    let (table, side, message, settled) = if entry.amount > 0 {
        ("clearing_in", "in:", "message_id", "1 = 1")
    } else {
        ("clearing_out", "out:", "id", "stage IN (4, 6)")
    };
    let name = match &entry.uetr {
        Some(uetr) => ("uetr", uetr.as_str()),
        None => (message, entry.reference.as_deref().unwrap_or_default()),
    };
    let query = format!(
        "SELECT id FROM {table} AS c WHERE {} = $1 AND currency = $2 AND amount = $3 AND {settled} \
         AND NOT EXISTS (SELECT 1 FROM {ENTRIES} AS e WHERE e.payment = '{side}' || c.id) \
         ORDER BY CASE WHEN {message} = $4 THEN 0 ELSE 1 END, id LIMIT 1",
        name.0
    );
    let values = [
        name.1.into(),
        currency.code().into(),
        entry.amount.saturating_abs().into(),
        entry.reference.as_deref().unwrap_or_default().into(),
    ];
    let Some(found) = sql::query_one(tx, query, values).await? else { return Ok(None) };
    let id: String = found.try_get("", "id")?;
    let payment = format!("{side}{id}");
    let update = format!("UPDATE {ENTRIES} SET payment = $3 WHERE statement = $1 AND number = $2");
    let values = [entry.statement.as_str().into(), entry.number.into(), payment.as_str().into()];
    sql::execute(tx, update, values).await?;
    Ok(Some(payment))
}

/// What a matched row is in the ledger, and whether it is still on its way there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The references under one of which it is booked.
    pub references: Vec<String>,
    /// Whether the work on it goes on.
    pub is_under_way: bool,
}

/// How what an entry tells of stands here.
///
/// # Errors
/// `Corrupt` where it is not there.
pub async fn standing(
    connection: &impl ConnectionTrait,
    payment: &str,
) -> Result<Standing, StoreError> {
    let gone = || StoreError::Corrupt(format!("{payment} of a statement is not there"));
    if let Some(id) = payment.strip_prefix("in:") {
        let came = find_incoming(connection, id).await?.ok_or_else(gone)?;
        let is_under_way = matches!(came.stage, Arrival::Received | Arrival::ToSuspense);
        let references = vec![format!("{id}/credit"), format!("{id}/suspense")];
        return Ok(Standing { references, is_under_way });
    }
    let id = payment.strip_prefix("out:").ok_or_else(gone)?;
    let out = find_outgoing(connection, id).await?.ok_or_else(gone)?;
    let reference = match (&out.subject, out.goes_back()) {
        (Subject::Payment(transfer), _) => posting_reference(*transfer),
        (_, Some(came)) => format!("{came}/returned"),
        (_, None) => return Err(gone()),
    };
    let is_under_way = out.stage == Stage::Settled;
    Ok(Standing { references: vec![reference], is_under_way })
}

/// Whether the network may have settled a payment of this UETR without our having heard so.
///
/// # Errors
/// Those of the database.
pub async fn waits_for_answer(
    connection: &impl ConnectionTrait,
    uetr: &str,
) -> Result<bool, StoreError> {
    let query = "SELECT id FROM clearing_out WHERE uetr = $1 AND stage = 3 LIMIT 1";
    Ok(sql::query_one(connection, query, [uetr.into()]).await?.is_some())
}

/// Notes that an entry is booked under a reference of the ledger; whether it was not before.
///
/// # Errors
/// `Conflict` where another entry is booked under it.
pub async fn note_booked(
    tx: &Tx,
    entry: &StatementEntry,
    reference: &str,
) -> Result<bool, StoreError> {
    let update = format!(
        "UPDATE {ENTRIES} SET booked = $3 WHERE statement = $1 AND number = $2 AND booked IS NULL"
    );
    let values = [entry.statement.as_str().into(), entry.number.into(), reference.into()];
    Ok(sql::execute(tx, update, values).await? > 0)
}

/// Those of these references that an entry is booked under.
///
/// # Errors
/// Those of the database.
pub async fn told(
    connection: &impl ConnectionTrait,
    references: &[String],
) -> Result<Vec<String>, StoreError> {
    let engine = florin_store::Engine::of(connection);
    let query = format!("SELECT booked FROM {ENTRIES} WHERE booked {}", among(engine, 1));
    let rows = sql::query_all(connection, query, [texts(engine, references)]).await?;
    rows.iter().map(|row| Ok(row.try_get("", "booked")?)).collect()
}
