//! What loans have in sum.

use florin_store::{StoreError, sql};
use sea_orm::ConnectionTrait;

use super::{Group, TABLE, group_of};
use crate::domain::day::Moved;

/// What loans of a version have on their asset accounts, or a part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sum {
    /// Of which loans; the chunk is 0.
    pub group: Group,
    /// What they have.
    pub left: Moved,
}

/// What all loans have by their positions: what was moved and what was booked as earned.
///
/// # Errors
/// Those of the database.
pub async fn sums(connection: &impl ConnectionTrait) -> Result<Vec<Sum>, StoreError> {
    let query = format!(
        "SELECT product, version, currency, CAST(0 AS BIGINT) AS chunk, \
         CAST(SUM(moved_principal) AS BIGINT) AS of_principal, \
         CAST(SUM(moved_interest + interest) AS BIGINT) AS of_interest, \
         CAST(SUM(moved_charge + fee + penalty) AS BIGINT) AS of_charge \
         FROM {TABLE} GROUP BY product, version, currency"
    );
    sum_of(connection, query).await
}

/// What of it is in chunks that are not sealed, and so in no booking yet.
///
/// # Errors
/// Those of the database.
pub async fn unsealed(connection: &impl ConnectionTrait) -> Result<Vec<Sum>, StoreError> {
    let query = "SELECT product, version, currency, CAST(0 AS BIGINT) AS chunk, \
                 CAST(0 AS BIGINT) AS of_principal, CAST(SUM(interest) AS BIGINT) AS of_interest, \
                 CAST(SUM(fee + penalty) AS BIGINT) AS of_charge \
                 FROM day_chunks WHERE NOT sealed GROUP BY product, version, currency";
    sum_of(connection, query.to_owned()).await
}

async fn sum_of(connection: &impl ConnectionTrait, query: String) -> Result<Vec<Sum>, StoreError> {
    let found = sql::query_all(connection, query, []).await?;
    let read = found.iter().map(|row| {
        let left = Moved {
            principal: row.try_get("", "of_principal")?,
            interest: row.try_get("", "of_interest")?,
            charge: row.try_get("", "of_charge")?,
        };
        Ok(Sum { group: group_of(row)?, left })
    });
    read.collect()
}
