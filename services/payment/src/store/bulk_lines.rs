//! The lines of files of transfers.

use std::collections::HashMap;

use florin_kernel::{AccountId, BulkId, Currency, Date, Money, TransferId};
use florin_store::{
    StoreError, Tx, row,
    rows::{self, Column, Row, among, texts},
    sql,
};
use sea_orm::{ConnectionTrait, QueryResult};

use super::bulks::{Bulk, Told};
use crate::domain::{Line, LineNames, LineOrder, Payee, Payer};

const TABLE: &str = "bulk_lines";
const WRONG: i64 = LineState::Wrong.code();
const CORRECT: i64 = LineState::Correct.code();
const TAKEN: i64 = LineState::Taken.code();
const REFUSED: i64 = LineState::Refused.code();

/// State of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineState {
    /// It breaks rules.
    Wrong,
    /// Right, and nothing has become of it yet.
    Correct,
    /// It is a transfer.
    Taken,
    /// It was refused.
    Refused,
}

impl LineState {
    const ALL: [Self; 4] = [Self::Wrong, Self::Correct, Self::Taken, Self::Refused];

    /// The number in the database.
    #[must_use]
    pub const fn code(self) -> i64 {
        match self {
            Self::Wrong => 1,
            Self::Correct => 2,
            Self::Taken => 3,
            Self::Refused => 4,
        }
    }

    /// The state of a number; None where there is none.
    #[must_use]
    pub fn from_code(code: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.code() == code)
    }
}

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
    /// The batch that it is in.
    pub batch: i64,
    /// The client's names of it.
    pub names: LineNames,
    /// The account that pays; the one that was announced, where the file names none that may.
    pub payer: Payer,
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

const COLUMNS: [(&str, Column); 12] = [
    ("bulk_id", Column::Text),
    ("line", Column::Int),
    ("state", Column::Int),
    ("reference", Column::Text),
    ("payee", Column::Text),
    ("amount", Column::Int),
    ("description", Column::Text),
    ("execute_on", Column::Text),
    ("violations", Column::Text),
    ("batch", Column::Int),
    ("instruction", Column::Text),
    ("uetr", Column::Text),
];
const READ: &str = "SELECT l.line, l.state, l.reference, l.payee, l.amount, l.description, \
                    l.execute_on, l.violations, l.transfer_id, l.reason, l.batch, l.instruction, \
                    l.uetr, b.account, b.iban, a.customer FROM bulk_lines AS l \
                    LEFT JOIN bulk_batches AS b ON b.bulk_id = l.bulk_id AND b.batch = l.batch \
                    LEFT JOIN bulk_accounts AS a ON a.bulk_id = l.bulk_id \
                    AND a.account = b.account WHERE l.bulk_id = $1";

fn to_row(id: &str, line: &Line) -> Result<Row, StoreError> {
    let on = line.on.map(|date| date.to_string()).unwrap_or_default();
    let fixed = row! {
        "bulk_id": id, "line": line.number, "reference": line.names.reference.as_str(),
        "execute_on": on, "batch": line.batch, "instruction": line.names.instruction.as_str(),
        "uetr": line.names.uetr.map(|uetr| uetr.to_string()),
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

fn from_row(row: &QueryResult, bulk: &Bulk) -> Result<Kept, StoreError> {
    let currency: Currency = bulk.announced.currency;
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
        batch: row.try_get("", "batch")?,
        names: LineNames {
            reference: row.try_get("", "reference")?,
            instruction: row.try_get("", "instruction")?,
            uetr: text("uetr")?.map(|id| id.parse().map_err(|_| corrupt("uetr"))).transpose()?,
        },
        payer: payer(row, bulk, corrupt)?,
        payee: row.try_get("", "payee")?,
        amount: amount.map(|minor| Money::new(minor, currency)),
        description: row.try_get("", "description")?,
        on: row.try_get("", "execute_on")?,
        fate,
    })
}

/// Who pays for the line. A replica that knows one payer a file has kept no batch of it.
fn payer(
    row: &QueryResult,
    bulk: &Bulk,
    corrupt: impl Fn(&str) -> StoreError,
) -> Result<Payer, StoreError> {
    let text = |column: &'static str| row.try_get::<Option<String>>("", column);
    let Some(account) = text("account")? else {
        let (account, iban) = (bulk.announced.from, bulk.announced.from_iban.clone());
        return Ok(Payer { account, iban, customer: bulk.customer });
    };
    let iban = text("iban")?.map(|iban| iban.parse().map_err(|_| corrupt("payer's IBAN")));
    let customer = text("customer")?.map(|id| id.parse().map_err(|_| corrupt("customer")));
    let account: AccountId = account.parse().map_err(|_| corrupt("payer"))?;
    let announced = (account == bulk.announced.from).then_some(bulk.customer).flatten();
    Ok(Payer { account, iban: iban.transpose()?, customer: customer.transpose()?.or(announced) })
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
        "{READ} AND l.state = 2 AND l.execute_on <= $2 ORDER BY l.execute_on, l.line LIMIT $3"
    );
    let values = [bulk.id.to_string().into(), today.to_string().into(), limit.into()];
    let found = sql::query_all(connection, query, values).await?;
    found.iter().map(|row| from_row(row, bulk)).collect()
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

/// Which lines are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// Those that are wrong or were refused alone.
    pub only_unpaid: bool,
    /// Those behind this one.
    pub after: i64,
    /// Those up to this one.
    pub last: i64,
    /// At most so many.
    pub limit: i64,
}

/// A page of lines in their order.
///
/// # Errors
/// Those of the database.
pub async fn page(
    connection: &impl ConnectionTrait,
    bulk: &Bulk,
    wanted: Wanted,
) -> Result<Vec<Kept>, StoreError> {
    let Wanted { only_unpaid, after, last, limit } = wanted;
    let unpaid = if only_unpaid { " AND l.state IN (1, 4)" } else { "" };
    let query = format!("{READ} AND l.line > $2 AND l.line <= $3{unpaid} ORDER BY l.line LIMIT $4");
    let values = [bulk.id.to_string().into(), after.into(), last.into(), limit.into()];
    let found = sql::query_all(connection, query, values).await?;
    found.iter().map(|row| from_row(row, bulk)).collect()
}

/// Whose the keys of a bulk's transfers are. No client's scope has a blank.
#[must_use]
pub fn scope(id: BulkId) -> String {
    format!("bulk {id}")
}
