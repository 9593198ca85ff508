//! Voided references, for the export.

use florin_store::{StoreError, sql};
use sea_orm::ConnectionTrait;

use super::rows;

/// A voided reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredVoid {
    /// In whose name the reference is unique.
    pub caller: String,
    /// Natural reference.
    pub reference: String,
    /// Why it was voided.
    pub cause: String,
}

/// A page of the voided references, which have an index of their own.
pub const VOIDS_AFTER: &str = "SELECT caller, reference, fingerprint FROM ledger_references \
     WHERE record = 'void' AND (caller, reference) > ($1, $2) \
     ORDER BY caller, reference LIMIT $3";

/// Voided references after a caller and a reference.
///
/// # Errors
/// Those of the database.
pub async fn voids_after(
    connection: &impl ConnectionTrait,
    (caller, reference): (&str, &str),
    limit: i64,
) -> Result<Vec<StoredVoid>, StoreError> {
    let values = [caller.into(), reference.into(), limit.into()];
    let found = sql::query_all(connection, VOIDS_AFTER, values).await?;
    let voids = found.iter().map(|row| {
        Ok(StoredVoid {
            caller: rows::text(row, "caller")?,
            reference: rows::text(row, "reference")?,
            cause: String::from_utf8_lossy(&rows::bytes(row, "fingerprint")?).into_owned(),
        })
    });
    voids.collect()
}
