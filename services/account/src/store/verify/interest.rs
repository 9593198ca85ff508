//! What the verification reads of interest.

use florin_kernel::Currency;
use florin_store::{StoreError, sql};
use sea_orm::ConnectionTrait;

use crate::store::{
    accruals::{self, Accrual},
    rows,
};

/// What the ledger has of accrued interest is what all accounts make it. Only the end of day
/// posts to these two GL accounts.
pub const STATEMENTS: &[(&str, &str)] = &[(
    "interest",
    "SELECT k.currency AS record, 'GL account ' || k.code || ' has ' || CAST(SUM(k.gl) AS TEXT) \
     || ', the accounts make it ' || CAST(SUM(k.accounts) AS TEXT) AS description FROM ( \
     SELECT l.gl_code AS code, l.currency AS currency, l.amount AS gl, 0 AS accounts \
     FROM journal_legs AS l WHERE l.gl_code IN ('1910', '2910') \
     UNION ALL SELECT '2910', a.currency, 0, s.booked_credit - s.capitalised_credit \
     FROM accruals AS s JOIN accounts AS a ON a.id = s.account_id \
     UNION ALL SELECT '1910', a.currency, 0, s.capitalised_overdraft - s.booked_overdraft \
     FROM accruals AS s JOIN accounts AS a ON a.id = s.account_id) AS k \
     GROUP BY k.code, k.currency HAVING SUM(k.gl) <> SUM(k.accounts)",
)];

/// Accounts' interest above an id with their currency, by id.
///
/// # Errors
/// Those of the database.
pub async fn accruals_after(
    connection: &impl ConnectionTrait,
    after: &str,
    limit: i64,
) -> Result<Vec<(String, Currency, Accrual)>, StoreError> {
    let columns: Vec<String> =
        accruals::COLUMNS.split(", ").map(|column| format!("s.{}", column.trim())).collect();
    let query = format!(
        "SELECT {}, a.currency FROM accruals AS s JOIN accounts AS a ON a.id = s.account_id \
         WHERE s.account_id > $1 ORDER BY s.account_id LIMIT $2",
        columns.join(", ")
    );
    let found = sql::query_all(connection, query, [after.into(), limit.into()]).await?;
    let read = found.iter().map(|row| {
        let (account, accrual) = accruals::accrual(row)?;
        Ok((account.to_string(), rows::currency(row, "currency")?, accrual))
    });
    read.collect()
}
