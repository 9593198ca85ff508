//! The lines of files of transfers.

use std::collections::HashMap;

use florin_kernel::{BulkId, Currency, Date, Money, TransferId};
use florin_store::{
    StoreError, Tx, row,
    rows::{self, Column, Row, among, texts},
    sql,
};
use sea_orm::{ConnectionTrait, QueryResult};

use super::bulks::{Bulk, Told};
use crate::domain::{Line, LineOrder, Payee};

const TABLE: &str = "bulk_lines";
const WRONG: i64 = 1;
const CORRECT: i64 = 2;
const TAKEN: i64 = 3;
const REFUSED: i64 = 4;

/// What became of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It breaks rules.
    Wrong(Vec<Told>),
    /// Right, and nothing has become of it yet.
    Correct,
    /// It is this transfer.
    Taken(TransferId),
    /// It was refused for this reason.
    Refused(String),
}

/// A line as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Which one.
    pub number: i64,
    /// The client's name of it.
    pub reference: String,
    /// The account that is paid, as the client named it; empty where it is wrong.
    pub payee: String,
    /// How much.
    pub amount: Option<Money>,
    /// Text for the statements.
    pub description: String,
    /// The date from which it is executed; empty for at once.
    pub on: String,
    /// What became of it.
    pub fate: Fate,
}

impl Kept {
    /// What a right line asks for.
    #[must_use]
    pub fn order(&self) -> Option<LineOrder> {
        let to = if self.payee.contains('_') {
            Payee::Account(self.payee.parse().ok()?)
        } else {
            Payee::Iban(self.payee.parse().ok()?)
        };
        Some(LineOrder { to, amount: self.amount?, description: self.description.clone() })
    }
}

const COLUMNS: [(&str, Column); 9] = [
    ("bulk_id", Column::Text),
    ("line", Column::Int),
    ("state", Column::Int),
    ("reference", Column::Text),
    ("payee", Column::Text),
    ("amount", Column::Int),
    ("description", Column::Text),
    ("execute_on", Column::Text),
    ("violations", Column::Text),
];
const READ: &str = "line, state, reference, payee, amount, description, execute_on, violations, \
                    transfer_id, reason";

fn to_row(id: &str, line: &Line) -> Result<Row, StoreError> {
    let on = line.on.map(|date| date.to_string()).unwrap_or_default();
    let fixed = row! {
        "bulk_id": id, "line": line.number, "reference": line.reference.as_str(),
        "execute_on": on,
    };
    Ok(fixed.and(match &line.order {
        Ok(order) => row! {
            "state": CORRECT,
            "payee": match &order.to {
                Payee::Account(id) => id.to_string(),
                Payee::Iban(iban) => iban.electronic().to_owned(),
                Payee::Beneficiary(id) => id.to_string(),
            },
            "amount": order.amount.minor(),
            "description": order.description.as_str(),
            "violations": None::<String>,
        },
        Err(violations) => {
            let told: Vec<Told> = violations.iter().map(Told::from).collect();
            let told = serde_json::to_string(&told)
                .map_err(|error| StoreError::Corrupt(format!("violations of a line: {error}")))?;
            row! {
                "state": WRONG, "payee": "", "amount": None::<i64>, "description": "",
                "violations": told,
            }
        }
    }))
}

fn from_row(row: &QueryResult, currency: Currency) -> Result<Kept, StoreError> {
    let number: i64 = row.try_get("", "line")?;
    let corrupt = |what: &str| StoreError::Corrupt(format!("line {number} has no valid {what}"));
    let text = |column: &'static str| row.try_get::<Option<String>>("", column);
    let fate = match row.try_get::<i64>("", "state")? {
        WRONG => {
            let told = text("violations")?.unwrap_or_default();
            Fate::Wrong(serde_json::from_str(&told).map_err(|_| corrupt("violations"))?)
        }
        CORRECT => Fate::Correct,
        TAKEN => {
            let id = text("transfer_id")?.unwrap_or_default();
            Fate::Taken(id.parse().map_err(|_| corrupt("transfer_id"))?)
        }
        REFUSED => Fate::Refused(text("reason")?.ok_or_else(|| corrupt("reason"))?),
        _ => return Err(corrupt("state")),
    };
    let amount: Option<i64> = row.try_get("", "amount")?;
    Ok(Kept {
        number,
        reference: row.try_get("", "reference")?,
        payee: row.try_get("", "payee")?,
        amount: amount.map(|minor| Money::new(minor, currency)),
        description: row.try_get("", "description")?,
        on: row.try_get("", "execute_on")?,
        fate,
    })
}

/// Keeps lines that were read.
///
/// # Errors
/// Those of the database.
pub async fn insert(tx: &Tx, id: BulkId, lines: &[Line]) -> Result<(), StoreError> {
    let id = id.to_string();
    let rows: Vec<Row> = lines.iter().map(|line| to_row(&id, line)).collect::<Result<_, _>>()?;
    rows::insert_many(tx, TABLE, &COLUMNS, rows).await.map(|_| ())
}

/// Which of these names kept lines have, with the first line of each.
///
/// # Errors
/// Those of the database.
pub async fn named(
    connection: &impl ConnectionTrait,
    id: BulkId,
    references: &[String],
) -> Result<HashMap<String, i64>, StoreError> {
    let engine = florin_store::Engine::of(connection);
    let query = format!(
        "SELECT reference, MIN(line) AS line FROM bulk_lines WHERE bulk_id = $1 \
         AND reference {} GROUP BY reference",
        among(engine, 2)
    );
    let values = [id.to_string().into(), texts(engine, references)];
    let found = sql::query_all(connection, query, values).await?;
    found.iter().map(|row| Ok((row.try_get("", "reference")?, row.try_get("", "line")?))).collect()
}

/// Drops lines of a bulk, at most so many, and returns how many.
///
/// # Errors
/// Those of the database.
pub async fn drop_some(tx: &Tx, id: BulkId, limit: i64) -> Result<u64, StoreError> {
    let query = "DELETE FROM bulk_lines WHERE bulk_id = $1 AND line IN \
                 (SELECT line FROM bulk_lines WHERE bulk_id = $1 ORDER BY line LIMIT $2)";
    sql::execute(tx, query, [id.to_string().into(), limit.into()]).await
}

/// Lines that wait for this date or an earlier one, in the order of their dates.
///
/// # Errors
/// Those of the database.
pub async fn waiting(
    connection: &impl ConnectionTrait,
    bulk: &Bulk,
    today: Date,
    limit: i64,
) -> Result<Vec<Kept>, StoreError> {
    let query = format!(
        "SELECT {READ} FROM bulk_lines WHERE bulk_id = $1 AND state = 2 AND execute_on <= $2 \
         ORDER BY execute_on, line LIMIT $3"
    );
    let values = [bulk.id.to_string().into(), today.to_string().into(), limit.into()];
    let found = sql::query_all(connection, query, values).await?;
    found.iter().map(|row| from_row(row, bulk.announced.currency)).collect()
}

/// The first date on which lines wait, empty for at once; None where none do.
///
/// # Errors
/// Those of the database.
pub async fn next_on(tx: &Tx, id: BulkId) -> Result<Option<String>, StoreError> {
    let query = "SELECT execute_on FROM bulk_lines WHERE bulk_id = $1 AND state = 2 \
                 ORDER BY execute_on, line LIMIT 1";
    let row = sql::query_one(tx, query, [id.to_string().into()]).await?;
    row.map(|row| Ok(row.try_get("", "execute_on")?)).transpose()
}

/// Writes what became of lines that were waiting.
///
/// # Errors
/// `Corrupt` where one was not.
pub async fn settle(tx: &Tx, id: BulkId, fates: &[(i64, Fate)]) -> Result<(), StoreError> {
    if fates.is_empty() {
        return Ok(());
    }
    let key = [("bulk_id", Column::Text), ("line", Column::Int), ("was", Column::Int)];
    let set = [("state", Column::Int), ("transfer_id", Column::Text), ("reason", Column::Text)];
    let id = id.to_string();
    let rows = fates.iter().map(|(line, fate)| {
        let (state, transfer, reason) = match fate {
            Fate::Taken(id) => (TAKEN, Some(id.to_string()), None),
            Fate::Refused(reason) => (REFUSED, None, Some(reason.as_str())),
            Fate::Wrong(_) => (WRONG, None, None),
            Fate::Correct => (CORRECT, None, None),
        };
        row! {
            "bulk_id": id.as_str(), "line": *line, "was": CORRECT, "state": state,
            "transfer_id": transfer, "reason": reason,
        }
    });
    let columns: Vec<_> = key.iter().chain(&set).copied().collect();
    let found = rows::execute(tx, &columns, rows.collect(), |rows| {
        format!(
            "UPDATE bulk_lines SET state = r.state, transfer_id = r.transfer_id, \
             reason = r.reason FROM ({rows}) AS r WHERE bulk_lines.bulk_id = r.bulk_id \
             AND bulk_lines.line = r.line AND bulk_lines.state = r.was"
        )
    })
    .await?;
    if usize::try_from(found) == Ok(fates.len()) {
        return Ok(());
    }
    Err(StoreError::Corrupt(format!("{found} lines of {id} settled, not {}", fates.len())))
}

/// A page of lines in their order, behind `after`: all of them, or those that are wrong or were
/// refused.
///
/// # Errors
/// Those of the database.
pub async fn page(
    connection: &impl ConnectionTrait,
    bulk: &Bulk,
    only_unpaid: bool,
    after: i64,
    limit: i64,
) -> Result<Vec<Kept>, StoreError> {
    let unpaid = if only_unpaid { " AND state IN (1, 4)" } else { "" };
    let query = format!(
        "SELECT {READ} FROM bulk_lines WHERE bulk_id = $1 AND line > $2{unpaid} \
         ORDER BY line LIMIT $3"
    );
    let values = [bulk.id.to_string().into(), after.into(), limit.into()];
    let found = sql::query_all(connection, query, values).await?;
    found.iter().map(|row| from_row(row, bulk.announced.currency)).collect()
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
}

/// Whose the keys of a bulk's transfers are. No client's scope has a blank.
#[must_use]
pub fn scope(id: BulkId) -> String {
    format!("bulk {id}")
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
                    LEFT JOIN transfers AS t ON t.id = l.transfer_id \
                    WHERE l.bulk_id = $1 AND l.state = 3 AND (t.id IS NULL \
                    OR t.idempotency_scope IS NULL OR t.idempotency_scope <> $2 \
                    OR t.idempotency_key <> CAST(l.line AS TEXT) OR t.amount <> l.amount \
                    OR t.currency <> b.currency OR t.debtor_account <> b.debtor_account)";
    let values = [id.to_string().into(), scope(id).into()];
    let lone = sql::query_one(connection, unpaired, values).await?.ok_or_else(missing)?;
    let count = |column: &'static str| lines.try_get::<i64>("", column);
    Ok(Figures {
        counts: [count("kept")?, count("wrong")?, count("taken")?, count("refused")?],
        sums: [lines.try_get("", "total")?, lines.try_get("", "paid")?],
        transfers: (made.try_get("", "made")?, made.try_get("", "total")?),
        unpaired: lone.try_get("", "lone")?,
    })
}
