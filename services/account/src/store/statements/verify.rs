//! What the verification reads of statements.

use florin_store::{StoreError, sql};
use sea_orm::ConnectionTrait;

use super::{COLUMNS, Statement, read};
use crate::store::chain;

/// A statement with the hashes that its own is made of: of the one before, and of its last event.
pub type Hashed = (Statement, Vec<u8>, Vec<u8>);

/// Statements after an account and number, in that order.
///
/// # Errors
/// Those of the database.
pub async fn hashed_after(
    connection: &impl ConnectionTrait,
    (account, number): (&str, i64),
    limit: i64,
) -> Result<Vec<Hashed>, StoreError> {
    let columns: Vec<String> =
        COLUMNS.split(", ").map(|column| format!("s.{}", column.trim())).collect();
    let query = format!(
        "SELECT {}, p.hash AS previous_hash, e.hash AS event_hash FROM statements AS s \
         LEFT JOIN statements AS p ON p.account_id = s.account_id AND p.number = s.number - 1 \
         LEFT JOIN account_events AS e ON e.account_id = s.account_id AND e.version = s.to_version \
         WHERE (s.account_id, s.number) > ($1, $2) ORDER BY s.account_id, s.number LIMIT $3",
        columns.join(", ")
    );
    let values = [account.into(), number.into(), limit.into()];
    let found = sql::query_all(connection, query, values).await?;
    let hashed = found.iter().map(|row| {
        let hash = |column: &str| row.try_get::<Option<Vec<u8>>>("", column);
        let previous = hash("previous_hash")?.unwrap_or_else(|| chain::GENESIS.to_vec());
        Ok((read(row)?, previous, hash("event_hash")?.unwrap_or_default()))
    });
    hashed.collect()
}

/// Whether the statements of each account follow each other, and are of its entries. The third
/// proves that no entry is left out: a balance is the sum of all of them.
pub const STATEMENTS: &[(&str, &str)] = &[
    (
        "statements",
        "SELECT s.account_id || ' ' || s.through AS record, CASE \
         WHEN s.opening + s.credits - s.debits <> s.closing THEN 'opening and totals make ' || \
         CAST(s.opening + s.credits - s.debits AS TEXT) || ', closing is ' || \
         CAST(s.closing AS TEXT) ELSE 'number ' || CAST(s.number AS TEXT) || \
         ' does not follow the statement before it' END AS description FROM statements AS s \
         LEFT JOIN statements AS p ON p.account_id = s.account_id AND p.number = s.number - 1 \
         WHERE s.opening + s.credits - s.debits <> s.closing \
         OR COALESCE(p.closing, 0) <> s.opening OR COALESCE(p.through, '') <> s.after_through \
         OR COALESCE(p.to_version, 0) <> s.after_version OR COALESCE(p.next_scan, 1) <> s.scan_from \
         OR (s.number > 1 AND p.account_id IS NULL) OR s.after_through >= s.through",
    ),
    (
        "statements",
        "SELECT s.account_id || ' ' || s.through AS record, 'it tells of ' || \
         CAST(s.entries AS TEXT) || ' entries, credits ' || CAST(s.credits AS TEXT) || \
         ' and debits ' || CAST(s.debits AS TEXT) || '; its entries are ' || \
         CAST(COUNT(e.version) AS TEXT) AS description FROM statements AS s \
         LEFT JOIN account_events AS e ON e.account_id = s.account_id AND e.version >= s.scan_from \
         AND e.version <= s.to_version AND e.transaction_id IS NOT NULL \
         AND e.booking_date <= s.through \
         AND NOT (e.booking_date <= s.after_through AND e.version <= s.after_version) \
         GROUP BY s.account_id, s.through, s.entries, s.credits, s.debits \
         HAVING COUNT(e.version) <> s.entries \
         OR COALESCE(SUM(CASE WHEN e.delta > 0 THEN e.delta / 1000000000 ELSE 0 END), 0) \
         * 1000000000 + COALESCE(SUM(CASE WHEN e.delta > 0 THEN e.delta % 1000000000 ELSE 0 END), \
         0) <> s.credits \
         OR COALESCE(SUM(CASE WHEN e.delta < 0 THEN -(e.delta / 1000000000) ELSE 0 END), 0) \
         * 1000000000 + COALESCE(SUM(CASE WHEN e.delta < 0 THEN -(e.delta % 1000000000) ELSE 0 \
         END), 0) <> s.debits",
    ),
    (
        "statements",
        "SELECT s.account_id || ' ' || s.through AS record, 'closing is ' || \
         CAST(s.closing AS TEXT) || ', the entries booked up to it make it otherwise' \
         AS description FROM statements AS s LEFT JOIN account_events AS e \
         ON e.account_id = s.account_id AND e.version <= s.to_version \
         AND e.transaction_id IS NOT NULL AND e.booking_date <= s.through \
         WHERE s.number = (SELECT MAX(m.number) FROM statements AS m \
         WHERE m.account_id = s.account_id) GROUP BY s.account_id, s.through, s.closing \
         HAVING COALESCE(SUM(e.delta / 1000000000), 0) * 1000000000 \
         + COALESCE(SUM(e.delta % 1000000000), 0) <> s.closing",
    ),
];
