//! The steps of loans, append-only. The payload is the encoded `florin.loan.v1.LoanStep`.

use florin_kernel::{LoanId, UnixMicros};
use florin_store::{
    StoreError, Tx, row,
    rows::{self, Column, among, texts},
    sql,
};
use sea_orm::ConnectionTrait;

/// A stored step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredStep {
    /// Whose.
    pub loan: LoanId,
    /// From one on.
    pub version: i64,
    /// The number of its kind.
    pub kind: i64,
    /// The business date by which it counts.
    pub on: String,
    /// That of the movement, where it has one.
    pub reference: Option<String>,
    /// The encoded step.
    pub payload: Vec<u8>,
    /// When it was recorded.
    pub recorded_at: UnixMicros,
}

/// Appends steps.
///
/// # Errors
/// `Conflict` where a version of a loan is there already.
pub async fn append(tx: &Tx, new: &[StoredStep]) -> Result<(), StoreError> {
    let columns = [
        ("loan_id", Column::Text),
        ("version", Column::Int),
        ("kind", Column::Int),
        ("on_date", Column::Text),
        ("reference", Column::Text),
        ("payload", Column::Bytes),
        ("recorded_at", Column::Int),
    ];
    let rows = new.iter().map(|one| {
        row! {
            "loan_id": one.loan.to_string(),
            "version": one.version,
            "kind": one.kind,
            "on_date": one.on.as_str(),
            "reference": one.reference.as_deref(),
            "payload": one.payload.clone(),
            "recorded_at": one.recorded_at.0,
        }
    });
    rows::insert_many(tx, "loan_steps", &columns, rows.collect()).await.map(drop)
}

/// The payloads of the steps of loans, by loan and version.
///
/// # Errors
/// Those of the database.
pub async fn of_loans(
    connection: &impl ConnectionTrait,
    loans: &[LoanId],
) -> Result<Vec<(LoanId, Vec<u8>)>, StoreError> {
    if loans.is_empty() {
        return Ok(Vec::new());
    }
    let engine = florin_store::Engine::of(connection);
    let query = format!(
        "SELECT loan_id, payload FROM loan_steps WHERE loan_id {} ORDER BY loan_id, version",
        among(engine, 1)
    );
    let ids: Vec<String> = loans.iter().map(ToString::to_string).collect();
    let found = sql::query_all(connection, query, [texts(engine, &ids)]).await?;
    let read = found.iter().map(|row| {
        let loan: String = row.try_get("", "loan_id")?;
        let loan = loan.parse().map_err(|_| super::corrupt(&loan, "id"))?;
        Ok((loan, row.try_get("", "payload")?))
    });
    read.collect()
}

/// A page of the payloads of a loan's steps, after a version.
///
/// # Errors
/// Those of the database.
pub async fn page(
    connection: &impl ConnectionTrait,
    loan: LoanId,
    after: i64,
    limit: u32,
) -> Result<Vec<Vec<u8>>, StoreError> {
    let query = "SELECT payload FROM loan_steps WHERE loan_id = $1 AND version > $2 \
                 ORDER BY version LIMIT $3";
    let values = [loan.to_string().into(), after.into(), i64::from(limit).into()];
    let found = sql::query_all(connection, query, values).await?;
    found.iter().map(|row| Ok(row.try_get("", "payload")?)).collect()
}
