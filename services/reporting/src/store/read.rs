//! Reading the live generation.

use florin_kernel::{AccountId, Currency, Money, TransactionId, UnixMicros, parse_date};
use florin_store::{Database, Engine, StoreError, rows, sql};
use sea_orm::{DatabaseTransaction, QueryResult, Value};

use super::generations;
use crate::domain::{Cursor, Direction, Entry, Search};

/// Above every text that begins with a prefix, bytewise.
const LAST: char = '\u{10FFFF}';

/// One state of the live generation.
#[derive(Debug)]
pub struct View {
    tx: DatabaseTransaction,
    generation: i64,
}

impl View {
    /// The state of this moment.
    ///
    /// # Errors
    /// Those of the database; `Corrupt` where no generation is live.
    pub async fn open(db: &Database) -> Result<Self, StoreError> {
        let tx = db.snapshot().await?;
        let generation = generations::live(&tx).await?;
        Ok(Self { tx, generation })
    }

    /// The entries of the accounts that match, newest first, one more than a page holds where
    /// there is another page.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn search(
        &self,
        accounts: &[String],
        search: &Search,
    ) -> Result<Vec<(Cursor, Entry)>, StoreError> {
        let mut query = Query::new(Engine::of(&self.tx), self.generation, accounts);
        query.filter(search);
        let (text, values) = query.finish(search.page_size);
        sql::query_all(&self.tx, text, values).await?.iter().map(read).collect()
    }
}

/// A query that grows by conditions.
struct Query {
    text: String,
    values: Vec<Value>,
}

impl Query {
    fn new(engine: Engine, generation: i64, accounts: &[String]) -> Self {
        let mut query = Self {
            text: "SELECT e.account_id, e.account_version, e.sort_key, e.transaction_id, \
                   e.booking_date, e.value_date, e.direction, e.minor, e.currency, \
                   e.posted_after, e.kind, e.description, e.counterparty, e.recorded_at \
                   FROM entries e WHERE e.generation = $1"
                .to_owned(),
            values: vec![generation.into()],
        };
        if let [account] = accounts {
            query.and("e.account_id = ", account.as_str());
        } else {
            // Over several accounts the database sorts what matches.
            query.values.push(rows::texts(engine, accounts));
            let among = rows::among(engine, query.values.len());
            query.text.push_str(&format!(" AND e.account_id {among}"));
        }
        query
    }

    /// Adds a condition that ends with a value.
    fn and(&mut self, condition: &str, value: impl Into<Value>) {
        self.values.push(value.into());
        self.text.push_str(&format!(" AND {condition}${}", self.values.len()));
    }

    fn filter(&mut self, search: &Search) {
        if let Some(from) = search.from {
            self.and("e.sort_key >= ", from.to_string());
        }
        if let Some(to) = search.to {
            self.and("e.sort_key < ", format!("{to}{LAST}"));
        }
        if let Some(currency) = search.currency {
            self.and("e.currency = ", currency.code());
        }
        if let Some(least) = search.min_minor {
            self.and("e.minor >= ", least);
        }
        if let Some(most) = search.max_minor {
            self.and("e.minor <= ", most);
        }
        if let Some(kind) = &search.kind {
            self.and("e.kind = ", kind.as_str());
        }
        if let Some(direction) = search.direction {
            self.and("e.direction = ", direction.name());
        }
        if let Some(part) = &search.counterparty {
            self.and("e.folded_counterparty LIKE ", format!("%{}%", escaped(part)));
            self.text.push_str(" ESCAPE '!'");
        }
        for word in &search.words {
            self.has_word(word);
        }
        if let Some(after) = &search.after {
            self.and("(e.sort_key, e.account_id) < (", after.sort_key.as_str());
            self.values.push(after.account_id.as_str().into());
            self.text.push_str(&format!(", ${})", self.values.len()));
        }
    }

    fn has_word(&mut self, prefix: &str) {
        self.values.push(prefix.into());
        let first = self.values.len();
        self.values.push(format!("{prefix}{LAST}").into());
        let last = self.values.len();
        self.text.push_str(&format!(
            " AND EXISTS (SELECT 1 FROM entry_words w WHERE w.generation = e.generation \
             AND w.account_id = e.account_id AND w.sort_key = e.sort_key \
             AND w.word >= ${first} AND w.word < ${last})"
        ));
    }

    fn finish(mut self, page_size: usize) -> (String, Vec<Value>) {
        self.values.push(i64::try_from(page_size).unwrap_or(i64::MAX - 1).saturating_add(1).into());
        self.text.push_str(&format!(
            " ORDER BY e.sort_key DESC, e.account_id DESC LIMIT ${}",
            self.values.len()
        ));
        (self.text, self.values)
    }
}

/// A text in which LIKE sees no wildcard.
fn escaped(text: &str) -> String {
    text.replace('!', "!!").replace('%', "!%").replace('_', "!_")
}

fn read(row: &QueryResult) -> Result<(Cursor, Entry), StoreError> {
    let currency: String = row.try_get_by("currency")?;
    let currency = currency.parse::<Currency>().map_err(|_| corrupt("currency", &currency))?;
    let direction: String = row.try_get_by("direction")?;
    let cursor =
        Cursor { sort_key: row.try_get_by("sort_key")?, account_id: row.try_get_by("account_id")? };
    let entry = Entry {
        account_id: parsed(row, "account_id", AccountId::parse)?,
        account_version: row.try_get_by("account_version")?,
        transaction_id: parsed(row, "transaction_id", TransactionId::parse)?,
        booking_date: parsed(row, "booking_date", parse_date)?,
        value_date: parsed(row, "value_date", parse_date)?,
        direction: Direction::parse(&direction).ok_or_else(|| corrupt("direction", &direction))?,
        amount: Money::new(row.try_get_by("minor")?, currency),
        posted_after: Money::new(row.try_get_by("posted_after")?, currency),
        kind: row.try_get_by("kind")?,
        description: row.try_get_by("description")?,
        counterparty: row.try_get_by("counterparty")?,
        recorded_at: UnixMicros(row.try_get_by("recorded_at")?),
    };
    Ok((cursor, entry))
}

fn parsed<T, E>(
    row: &QueryResult,
    column: &str,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<T, StoreError> {
    let text: String = row.try_get_by(column)?;
    parse(&text).map_err(|_| corrupt(column, &text))
}

fn corrupt(column: &str, text: &str) -> StoreError {
    StoreError::Corrupt(format!("{column} {text:?}"))
}
