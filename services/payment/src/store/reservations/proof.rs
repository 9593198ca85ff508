//! What has to hold between what counts against limits and what it is of, for the proof.

use florin_kernel::TransferId;
use florin_store::{StoreError, sql};
use sea_orm::ConnectionTrait;

/// Findings of one statement that are told.
const MOST: i64 = 1_000;
/// By how much later than what counts first something is that should count: what counted longer
/// ago may have been deleted, by business dates.
const MARGIN_MILLIS: u64 = 86_400_000;

/// Transfers that count, and what of a card payment does: each as it is, and not what has ended
/// unpaid, which has given back.
const COUNTS: [&str; 2] = [
    "SELECT r.id AS id, 'counts, and is no transfer, another one, or one that ended unpaid' \
     AS finding FROM reservations AS r LEFT JOIN transfers AS t ON t.id = r.id \
     WHERE r.id LIKE 'trf!_%' ESCAPE '!' AND (t.id IS NULL OR t.status IN (5, 6) \
     OR t.amount <> r.amount OR t.currency <> r.currency OR t.debtor_account IS NULL \
     OR t.debtor_account <> r.account) ORDER BY r.id LIMIT $1",
    "SELECT r.id AS id, 'counts, and is no part of a card payment, or not what is left of one' \
     AS finding FROM reservations AS r LEFT JOIN authorisation_operations AS o \
     ON o.authorisation = SUBSTR(r.id, 1, 40) AND CAST(o.number AS TEXT) = SUBSTR(r.id, 42) \
     WHERE r.id NOT LIKE 'trf!_%' ESCAPE '!' AND (o.number IS NULL OR o.decision = 3 \
     OR o.amount - o.given_back <> r.amount OR o.currency <> r.currency) \
     ORDER BY r.id LIMIT $1",
];
/// Transfers of customers, but for cash and returns, that have not ended unpaid.
const SHOULD: &str = "SELECT t.id AS id, 'should count, and does not' AS finding \
     FROM transfers AS t LEFT JOIN reservations AS r ON r.id = t.id \
     WHERE t.id > $2 AND t.kind = 1 AND t.relation IS NULL AND t.status NOT IN (5, 6) \
     AND r.id IS NULL ORDER BY t.id LIMIT $1";

/// What is wrong, by its id.
///
/// # Errors
/// Those of the database.
pub async fn findings(
    connection: &impl ConnectionTrait,
) -> Result<Vec<(String, String)>, StoreError> {
    let mut found = Vec::new();
    for query in COUNTS {
        found.extend(sql::query_all(connection, query, [MOST.into()]).await?);
    }
    if let Some(after) = kept_since(connection).await? {
        found.extend(sql::query_all(connection, SHOULD, [MOST.into(), after.into()]).await?);
    }
    let told = found.iter().map(|row| Ok((row.try_get("", "id")?, row.try_get("", "finding")?)));
    told.collect()
}

/// An id before that of any transfer of which is known that what it counts would be here: what a
/// release before took on has counted otherwise, and what is long over is deleted.
async fn kept_since(connection: &impl ConnectionTrait) -> Result<Option<String>, StoreError> {
    let first = "SELECT MIN(id) AS id FROM reservations WHERE id LIKE 'trf!_%' ESCAPE '!'";
    let row = sql::query_one(connection, first, []).await?;
    let first = row.map(|row| row.try_get::<Option<String>>("", "id")).transpose()?.flatten();
    let Some(id) = first.and_then(|id| TransferId::parse(&id).ok()) else { return Ok(None) };
    // A UUIDv7 begins with the milliseconds of its making.
    let millis = u64::try_from(id.bits() >> 80).unwrap_or(0);
    let after = TransferId::from_parts(millis.saturating_add(MARGIN_MILLIS), [0; 10]);
    Ok(Some(after.to_string()))
}
