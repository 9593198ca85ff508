//! What the lines of a file have come to.

use std::collections::HashMap;

use florin_kernel::{BulkId, TransferId};
use florin_store::{StoreError, sql};
use sea_orm::{ConnectionTrait, QueryResult};

use super::{
    bulk_batches::Batch,
    bulk_lines::{Fate, Kept, LineState, scope},
    bulks::Bulk,
};
use crate::domain::{Counts, Reported, Status, Transfer};

fn count(row: &QueryResult, bulk: &Bulk, counts: &mut Counts) -> Result<(), StoreError> {
    let state: i64 = row.try_get("", "state")?;
    let corrupt = || StoreError::Corrupt(format!("{} has a line in the state {state}", bulk.id));
    let reported = match LineState::from_code(state).ok_or_else(corrupt)? {
        LineState::Wrong | LineState::Refused => Reported::Rejected,
        LineState::Correct => Reported::of_waiting(bulk.status),
        LineState::Taken => {
            let status: Option<i64> = row.try_get("", "status")?;
            let status = Status::from_code(status.unwrap_or_default()).map_err(|_| corrupt())?;
            Reported::of_transfer(status)
        }
    };
    counts.add(reported, row.try_get("", "lines")?, row.try_get("", "total")?);
    Ok(())
}

/// Of all lines.
///
/// # Errors
/// Those of the database.
pub async fn of_bulk(connection: &impl ConnectionTrait, bulk: &Bulk) -> Result<Counts, StoreError> {
    let query = "SELECT l.state AS state, t.status AS status, COUNT(*) AS lines, \
                 CAST(COALESCE(SUM(l.amount), 0) AS BIGINT) AS total FROM bulk_lines AS l \
                 LEFT JOIN transfers AS t ON t.id = l.transfer_id WHERE l.bulk_id = $1 \
                 GROUP BY l.state, t.status";
    let mut counts = Counts::default();
    for row in sql::query_all(connection, query, [bulk.id.to_string().into()]).await? {
        count(&row, bulk, &mut counts)?;
    }
    Ok(counts)
}

/// Of the lines from `first` to `last`, by their batches.
///
/// # Errors
/// Those of the database.
pub async fn of_batches(
    connection: &impl ConnectionTrait,
    bulk: &Bulk,
    first: i64,
    last: i64,
) -> Result<HashMap<i64, Counts>, StoreError> {
    let query = "SELECT l.batch AS batch, l.state AS state, t.status AS status, \
                 COUNT(*) AS lines, CAST(COALESCE(SUM(l.amount), 0) AS BIGINT) AS total \
                 FROM bulk_lines AS l LEFT JOIN transfers AS t ON t.id = l.transfer_id \
                 WHERE l.bulk_id = $1 AND l.line >= $2 AND l.line <= $3 \
                 GROUP BY l.batch, l.state, t.status";
    let values = [bulk.id.to_string().into(), first.into(), last.into()];
    let mut batches: HashMap<i64, Counts> = HashMap::new();
    for row in sql::query_all(connection, query, values).await? {
        count(&row, bulk, batches.entry(row.try_get("", "batch")?).or_default())?;
    }
    Ok(batches)
}

/// Batches that follow each other with what became of their lines; of one that is known it is not
/// asked again.
///
/// # Errors
/// Those of the database.
pub async fn with_counts(
    connection: &impl ConnectionTrait,
    bulk: &Bulk,
    batches: Vec<Batch>,
    known: Option<(i64, Counts)>,
) -> Result<Vec<(Batch, Counts)>, StoreError> {
    let mut counts: HashMap<i64, Counts> = known.into_iter().collect();
    let mut asked = batches.iter().filter(|one| !counts.contains_key(&one.number));
    let first = asked.next();
    if let Some(first) = first {
        let last = asked.next_back().unwrap_or(first).last_line;
        let found = of_batches(connection, bulk, first.first_line, last);
        counts.extend(found.await?);
    }
    let of = |one: Batch| {
        let counts = counts.get(&one.number).copied().unwrap_or_default();
        (one, counts)
    };
    Ok(batches.into_iter().map(of).collect())
}

/// The transfers that lines have become.
///
/// # Errors
/// Those of the database.
pub async fn transfers_of(
    connection: &impl ConnectionTrait,
    lines: &[Kept],
) -> Result<HashMap<TransferId, Transfer>, StoreError> {
    let ids = lines.iter().filter_map(|line| match &line.fate {
        Fate::Taken(id) => Some(*id),
        Fate::Wrong(_) | Fate::Correct | Fate::Refused(_) => None,
    });
    let ids: Vec<_> = ids.collect();
    let found = super::read(connection, &ids).await?;
    Ok(found.into_iter().map(|one| (one.transfer.id(), one.transfer)).collect())
}

/// What is kept of a bulk, beside its own figures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figures {
    /// Lines; those that are wrong, taken, refused.
    pub counts: [i64; 4],
    /// Sum of the right ones, and of those that are taken.
    pub sums: [String; 2],
    /// Transfers under its name, and their sum.
    pub transfers: (i64, String),
    /// Taken lines that are not their transfer.
    pub unpaired: i64,
    /// Batches, their lines, and the wrong ones among these.
    pub batches: [i64; 3],
    /// What the batches come to.
    pub batch_sum: String,
}

/// Counts and sums what is kept of a bulk; of one snapshot where the connection is one.
///
/// # Errors
/// Those of the database.
pub async fn figures(connection: &impl ConnectionTrait, id: BulkId) -> Result<Figures, StoreError> {
    let missing = || StoreError::Corrupt(format!("no figures of {id}"));
    let lines = "SELECT COUNT(*) AS kept, \
                 COALESCE(SUM(CASE WHEN state = 1 THEN 1 ELSE 0 END), 0) AS wrong, \
                 COALESCE(SUM(CASE WHEN state = 3 THEN 1 ELSE 0 END), 0) AS taken, \
                 COALESCE(SUM(CASE WHEN state = 4 THEN 1 ELSE 0 END), 0) AS refused, \
                 CAST(COALESCE(SUM(amount), 0) AS TEXT) AS total, \
                 CAST(COALESCE(SUM(CASE WHEN state = 3 THEN amount END), 0) AS TEXT) AS paid \
                 FROM bulk_lines WHERE bulk_id = $1";
    let values = [id.to_string().into()];
    let lines = sql::query_one(connection, lines, values).await?.ok_or_else(missing)?;
    let transfers = "SELECT COUNT(*) AS made, CAST(COALESCE(SUM(amount), 0) AS TEXT) AS total \
                     FROM transfers WHERE idempotency_scope = $1";
    let values = [scope(id).into()];
    let made = sql::query_one(connection, transfers, values).await?.ok_or_else(missing)?;
    let unpaired = "SELECT COUNT(*) AS lone FROM bulk_lines AS l \
                    JOIN bulks AS b ON b.id = l.bulk_id \
                    LEFT JOIN bulk_batches AS p ON p.bulk_id = l.bulk_id AND p.batch = l.batch \
                    LEFT JOIN transfers AS t ON t.id = l.transfer_id \
                    WHERE l.bulk_id = $1 AND l.state = 3 AND (t.id IS NULL \
                    OR t.idempotency_scope IS NULL OR t.idempotency_scope <> $2 \
                    OR t.idempotency_key <> CAST(l.line AS TEXT) OR t.amount <> l.amount \
                    OR t.currency <> b.currency \
                    OR t.debtor_account <> COALESCE(p.account, b.debtor_account))";
    let values = [id.to_string().into(), scope(id).into()];
    let lone = sql::query_one(connection, unpaired, values).await?.ok_or_else(missing)?;
    let batches = "SELECT COUNT(*) AS kept, CAST(COALESCE(SUM(lines), 0) AS BIGINT) AS read, \
                   CAST(COALESCE(SUM(wrong), 0) AS BIGINT) AS wrong, \
                   CAST(COALESCE(SUM(sum), 0) AS TEXT) AS total \
                   FROM bulk_batches WHERE bulk_id = $1";
    let batches = sql::query_one(connection, batches, [id.to_string().into()]).await?;
    let batches = batches.ok_or_else(missing)?;
    let of_batches = |column: &'static str| batches.try_get::<i64>("", column);
    let count = |column: &'static str| lines.try_get::<i64>("", column);
    Ok(Figures {
        batches: [of_batches("kept")?, of_batches("read")?, of_batches("wrong")?],
        batch_sum: batches.try_get("", "total")?,
        counts: [count("kept")?, count("wrong")?, count("taken")?, count("refused")?],
        sums: [lines.try_get("", "total")?, lines.try_get("", "paid")?],
        transfers: (made.try_get("", "made")?, made.try_get("", "total")?),
        unpaired: lone.try_get("", "lone")?,
    })
}
