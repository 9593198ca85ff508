//! What the verification reads of the events that tell of journal transactions.

use std::collections::BTreeMap;

use florin_kernel::Money;
use florin_store::{
    Engine, StoreError,
    rows::{among, texts},
    sql,
};
use sea_orm::ConnectionTrait;

use crate::store::rows;

/// Journal transactions of which no event tells. Asked where there are fewer events than
/// transactions.
pub const UNTOLD: &str = "SELECT j.id AS record, 'no event tells of it' AS description \
     FROM journal AS j LEFT JOIN outbox AS o \
     ON o.aggregate = j.id AND o.kind = 'transaction_posted' WHERE o.aggregate IS NULL";

/// An event: its position, the transaction of which it tells, and what.
pub type Told = (i64, String, Vec<u8>);

/// Events of journal transactions after a position, in their order.
///
/// # Errors
/// Those of the database.
pub async fn told_after(
    connection: &impl ConnectionTrait,
    after: i64,
    limit: i64,
) -> Result<Vec<Told>, StoreError> {
    let query = "SELECT position, aggregate, payload FROM outbox \
                 WHERE position > $1 AND kind = 'transaction_posted' ORDER BY position LIMIT $2";
    let found = sql::query_all(connection, query, [after.into(), limit.into()]).await?;
    let told = found.iter().map(|row| {
        Ok((
            rows::int(row, "position")?,
            rows::text(row, "aggregate")?,
            rows::bytes(row, "payload")?,
        ))
    });
    told.collect()
}

/// A journal transaction as the tables have it: caller, reference, kind, description, booking
/// and value date, and what it reverses or nothing; then a leg: account or nothing, GL code,
/// amount, and the other side.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Of the transaction.
    pub facts: Vec<String>,
    /// Of its legs, in their order.
    pub legs: Vec<(String, String, Money, String)>,
}

/// The journal transactions of these ids.
///
/// # Errors
/// Those of the database.
pub async fn kept(
    connection: &impl ConnectionTrait,
    ids: &[&str],
) -> Result<BTreeMap<String, Kept>, StoreError> {
    const FACTS: [&str; 6] =
        ["caller", "reference", "kind", "description", "booking_date", "value_date"];
    let engine = Engine::of(connection);
    let among = among(engine, 1);
    let mut kept: BTreeMap<String, Kept> = BTreeMap::new();
    let query = format!(
        "SELECT id, {}, COALESCE(reverses, '') AS reverses FROM journal WHERE id {among}",
        FACTS.join(", ")
    );
    for row in sql::query_all(connection, query, [texts(engine, ids)]).await? {
        let facts = FACTS.into_iter().chain(["reverses"]).map(|column| rows::text(&row, column));
        let facts = facts.collect::<Result<_, _>>()?;
        kept.insert(rows::text(&row, "id")?, Kept { facts, legs: Vec::new() });
    }
    let query = format!(
        "SELECT transaction_id, COALESCE(account_id, '') AS account, gl_code, currency, amount, \
         counterparty FROM journal_legs WHERE transaction_id {among} ORDER BY transaction_id, leg"
    );
    for row in sql::query_all(connection, query, [texts(engine, ids)]).await? {
        let amount = Money::new(rows::int(&row, "amount")?, rows::currency(&row, "currency")?);
        let leg = (
            rows::text(&row, "account")?,
            rows::text(&row, "gl_code")?,
            amount,
            rows::text(&row, "counterparty")?,
        );
        kept.entry(rows::text(&row, "transaction_id")?).or_default().legs.push(leg);
    }
    Ok(kept)
}
