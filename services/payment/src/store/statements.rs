//! The network's statements of our money there, and how far they are compared.

mod entries;

use florin_kernel::{Currency, Date, Money, UnixMicros};
use florin_store::{
    StoreError, Tx, row,
    rows::{self, Column},
    sql,
};
use sea_orm::{ConnectionTrait, QueryResult};

pub use self::entries::{
    Standing, StatementEntry, match_entry, note_booked, open_entries, standing, told, turnover,
    waits_for_answer,
};

const STATEMENTS: &str = "clearing_statements";
const ENTRIES: &str = "clearing_entries";
const COLUMNS: &str = "id, series, number, currency, opening, closing, print, received_at, state, \
                       differences, under_way, open_from, checked_at, made_at";

/// The columns of an entry that has come.
const ENTRY_COLUMNS: [(&str, Column); 7] = [
    ("statement", Column::Text),
    ("number", Column::Int),
    ("series", Column::Text),
    ("currency", Column::Text),
    ("amount", Column::Int),
    ("uetr", Column::Text),
    ("reference", Column::Text),
];

/// Where the comparison of a statement stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compared {
    /// Not yet, or something of it is under way.
    Open,
    /// All that it tells is booked, and nothing else is that it should tell.
    Equal,
    /// It is not so.
    Differs,
}

impl Compared {
    const fn code(self) -> i64 {
        match self {
            Self::Open => 1,
            Self::Equal => 2,
            Self::Differs => 3,
        }
    }
}

/// A statement of a cycle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Network, account and the statement's own id.
    pub id: String,
    /// Network, account and currency.
    pub series: String,
    /// Its place in the series, from 1 on.
    pub number: i64,
    /// Its currency.
    pub currency: Currency,
    /// The balance before, in minor units.
    pub opening: i64,
    /// The balance after.
    pub closing: i64,
    /// What tells it from all else under its id.
    pub print: String,
    /// When the network made it: those of one moment are parts of one cycle.
    pub made_at: UnixMicros,
    /// When it came.
    pub received_at: UnixMicros,
    /// How it compares.
    pub state: Compared,
    /// How many differences there are.
    pub differences: i64,
    /// How much is under way.
    pub under_way: i64,
    /// From which booking date on the next comparison reads the ledger.
    pub open_from: Option<Date>,
    /// When it was compared.
    pub checked_at: UnixMicros,
}

fn statement_of(row: &QueryResult) -> Result<Statement, StoreError> {
    let id: String = row.try_get("", "id")?;
    let corrupt = |what: &str| StoreError::Corrupt(format!("statement {id} has no valid {what}"));
    let currency: String = row.try_get("", "currency")?;
    let state: i64 = row.try_get("", "state")?;
    let open_from: Option<String> = row.try_get("", "open_from")?;
    let open_from = open_from.map(|date| florin_kernel::parse_date(&date)).transpose();
    Ok(Statement {
        series: row.try_get("", "series")?,
        number: row.try_get("", "number")?,
        currency: currency.parse().map_err(|_| corrupt("currency"))?,
        opening: row.try_get("", "opening")?,
        closing: row.try_get("", "closing")?,
        print: row.try_get("", "print")?,
        made_at: UnixMicros(row.try_get("", "made_at")?),
        received_at: UnixMicros(row.try_get("", "received_at")?),
        state: [Compared::Open, Compared::Equal, Compared::Differs]
            .into_iter()
            .find(|known| known.code() == state)
            .ok_or_else(|| corrupt("state"))?,
        differences: row.try_get("", "differences")?,
        under_way: row.try_get("", "under_way")?,
        open_from: open_from.map_err(|_| corrupt("open_from"))?,
        checked_at: UnixMicros(row.try_get("", "checked_at")?),
        id,
    })
}

/// Keeps a statement that is new, with its entries; None where one of its id is here.
///
/// # Errors
/// Those of the database; `Conflict` for another of the series at the same moment.
pub async fn keep(
    tx: &Tx,
    new: &Statement,
    entries: &[StatementEntry],
    document: &[u8],
) -> Result<Option<i64>, StoreError> {
    let query = format!("SELECT MAX(number) AS last FROM {STATEMENTS} WHERE series = $1");
    let last = sql::query_one(tx, query, [new.series.as_str().into()]).await?;
    let last: Option<Option<i64>> = last.map(|row| row.try_get("", "last")).transpose()?;
    let number = last.flatten().unwrap_or(0).saturating_add(1);
    let columns = [
        ("id", Column::Text),
        ("series", Column::Text),
        ("number", Column::Int),
        ("currency", Column::Text),
        ("opening", Column::Int),
        ("closing", Column::Int),
        ("print", Column::Text),
        ("document", Column::Bytes),
        ("received_at", Column::Int),
        ("state", Column::Int),
        ("differences", Column::Int),
        ("under_way", Column::Int),
        ("checked_at", Column::Int),
        ("made_at", Column::Int),
    ];
    let row = row! {
        "id": new.id.as_str(),
        "series": new.series.as_str(),
        "number": number,
        "currency": new.currency.code(),
        "opening": new.opening,
        "closing": new.closing,
        "print": new.print.as_str(),
        "document": document.to_vec(),
        "received_at": new.received_at.0,
        "state": Compared::Open.code(),
        "differences": 0_i64,
        "under_way": 0_i64,
        "checked_at": 0_i64,
        "made_at": new.made_at.0,
    };
    let kept = rows::insert_new(tx, STATEMENTS, &columns, &["id"], vec![row], "id").await?;
    if kept.is_empty() {
        return Ok(None);
    }
    let rows = entries.iter().map(|entry| {
        row! {
            "statement": new.id.as_str(),
            "number": entry.number,
            "series": new.series.as_str(),
            "currency": new.currency.code(),
            "amount": entry.amount,
            "uetr": entry.uetr.as_deref(),
            "reference": entry.reference.as_deref(),
        }
    });
    let rows = rows.collect::<Vec<_>>();
    if !rows.is_empty() {
        rows::insert_many(tx, ENTRIES, &ENTRY_COLUMNS, rows).await?;
    }
    Ok(Some(number))
}

/// A statement by its id.
///
/// # Errors
/// Those of the database.
pub async fn find(
    connection: &impl ConnectionTrait,
    id: &str,
) -> Result<Option<Statement>, StoreError> {
    let query = format!("SELECT {COLUMNS} FROM {STATEMENTS} WHERE id = $1");
    let row = sql::query_one(connection, query, [id.into()]).await?;
    row.as_ref().map(statement_of).transpose()
}

/// The last statement of each series.
///
/// # Errors
/// Those of the database.
pub async fn latest(connection: &impl ConnectionTrait) -> Result<Vec<Statement>, StoreError> {
    let query = format!(
        "SELECT {COLUMNS} FROM {STATEMENTS} AS s WHERE number = \
         (SELECT MAX(number) FROM {STATEMENTS} AS t WHERE t.series = s.series) ORDER BY series"
    );
    let rows = sql::query_all(connection, query, []).await?;
    rows.iter().map(statement_of).collect()
}

/// The currencies in which anything has gone to the network or come from it.
///
/// # Errors
/// Those of the database.
pub async fn currencies(connection: &impl ConnectionTrait) -> Result<Vec<Currency>, StoreError> {
    let query = "SELECT currency FROM clearing_out UNION SELECT currency FROM clearing_in \
                 ORDER BY currency";
    let rows = sql::query_all(connection, query, []).await?;
    let corrupt = || StoreError::Corrupt("a payment has no valid currency".to_owned());
    rows.iter()
        .map(|row| row.try_get::<String>("", "currency")?.parse().map_err(|_| corrupt()))
        .collect()
}

/// When the first message went to the network or came from it.
///
/// # Errors
/// Those of the database.
pub async fn first_exchange(
    connection: &impl ConnectionTrait,
) -> Result<Option<UnixMicros>, StoreError> {
    // Ids of both begin with the time at which they were made.
    let mut first = None;
    for (table, column) in [("clearing_out", "created_at"), ("clearing_log", "received_at")] {
        let query = format!("SELECT {column} AS at FROM {table} ORDER BY id LIMIT 1");
        if let Some(row) = sql::query_one(connection, query, []).await? {
            let at = UnixMicros(row.try_get("", "at")?);
            first = Some(first.map_or(at, |first: UnixMicros| first.min(at)));
        }
    }
    Ok(first)
}

/// Which statement before another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Earlier {
    /// The last.
    Any,
    /// The last that was equal.
    Equal,
    /// The last of an earlier cycle: a cycle may have several parts.
    Cycle,
}

/// A statement of the series before one.
///
/// # Errors
/// Those of the database.
pub async fn earlier(
    connection: &impl ConnectionTrait,
    statement: &Statement,
    which: Earlier,
) -> Result<Option<Statement>, StoreError> {
    let only = match which {
        Earlier::Any => "$3 = $3",
        Earlier::Equal => "open_from IS NOT NULL AND $3 = $3",
        Earlier::Cycle => "(made_at < $3 OR $3 = 0)",
    };
    let query = format!(
        "SELECT {COLUMNS} FROM {STATEMENTS} WHERE series = $1 AND number < $2 AND {only} \
         ORDER BY number DESC LIMIT 1"
    );
    let made_at = statement.made_at.0.into();
    let values = [statement.series.as_str().into(), statement.number.into(), made_at];
    let row = sql::query_one(connection, query, values).await?;
    row.as_ref().map(statement_of).transpose()
}

/// Writes how a statement compares.
///
/// # Errors
/// Those of the database.
pub async fn note_compared(tx: &Tx, statement: &Statement) -> Result<(), StoreError> {
    let update = format!(
        "UPDATE {STATEMENTS} SET state = $2, differences = $3, under_way = $4, open_from = $5, \
         checked_at = $6 WHERE id = $1"
    );
    let values = [
        statement.id.as_str().into(),
        statement.state.code().into(),
        statement.differences.into(),
        statement.under_way.into(),
        statement.open_from.map(|date| date.to_string()).into(),
        statement.checked_at.0.into(),
    ];
    sql::execute(tx, update, values).await.map(drop)
}

impl Statement {
    /// An amount in its currency.
    #[must_use]
    pub const fn money(&self, minor: i64) -> Money {
        Money::new(minor, self.currency)
    }
}
