//! Statements of accounts: the entries booked in a period, with the balances around them.
//!
//! Interest of a period is booked while customers already pay in the next, and history of another
//! bank may be booked in a period that has its statement: so the entries of a statement are not
//! one range of versions. It has those booked up to its last day and recorded up to `to_version`,
//! the last of them, that no earlier one has. What is booked in it later has a greater version, and
//! is the next one's.

mod load;
pub mod verify;

use florin_kernel::{AccountId, Date, UnixMicros};
use florin_store::{
    StoreError, Tx, row,
    rows::{self as many, Column, Row, hex},
    sql,
};
use sea_orm::{ConnectionTrait, QueryResult};

pub use self::load::load;
use super::{chain, entries::EntryRow, rows, working::Working};
use crate::domain::account::Account;

/// A statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The account.
    pub account: AccountId,
    /// From 1, without gaps.
    pub number: i64,
    /// Its first day.
    pub from: Date,
    /// Its last day.
    pub through: Date,
    /// Balance before its entries, minor units.
    pub opening: i64,
    /// Balance after them.
    pub closing: i64,
    /// Sum of the credits.
    pub credits: i64,
    /// Sum of the debits, positive.
    pub debits: i64,
    /// Number of entries.
    pub entries: i64,
    /// Version of the first of them; 0 where there are none.
    pub first_version: i64,
    /// The last version that it, or one before it, takes in.
    pub to_version: i64,
    /// Last day of the statement before it; empty for the first.
    pub after_through: String,
    /// `to_version` of that one.
    pub after_version: i64,
    /// Its entries are not below this version.
    pub scan_from: i64,
    /// Nor are those of the next one below this.
    pub next_scan: i64,
    /// Its hash.
    pub hash: Vec<u8>,
    /// When it was made.
    pub made_at: UnixMicros,
}

/// What a statement is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Material {
    /// The last statement of the account.
    pub last: Option<Statement>,
    /// What was found since.
    pub found: Found,
}

/// The entries of a statement to come.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    /// Sum of the credits, minor units.
    pub credits: i128,
    /// Sum of the debits, positive.
    pub debits: i128,
    /// Number of entries.
    pub entries: i64,
    /// Version of the first; 0 where there are none.
    pub first: i64,
    /// Version of the last.
    pub last: i64,
    /// The first entry that is booked later.
    pub later: Option<i64>,
    /// Hash of the account's event at the statement's last version; empty where it has none.
    pub event_hash: Vec<u8>,
    /// Version of the account.
    pub version: i64,
}

const COLUMNS: &str = "account_id, number, from_date, through, opening, closing, credits, debits, \
     entries, first_version, to_version, after_through, after_version, scan_from, next_scan, hash, \
     made_at";

impl Statement {
    /// The statement that follows the last one; None beyond 64 bits.
    #[must_use]
    pub fn after(
        account: &Account,
        last: Option<&Self>,
        found: &Found,
        (through, made_at): (Date, UnixMicros),
    ) -> Option<Self> {
        let opening = last.map_or(0, |last| last.closing);
        let (credits, debits) =
            (i64::try_from(found.credits).ok()?, i64::try_from(found.debits).ok()?);
        let after_version = last.map_or(0, |last| last.to_version);
        let from = last.map_or(Some(account.opened_on), |last| last.through.tomorrow().ok())?;
        let mut made = Self {
            account: account.id,
            number: last.map_or(0, |last| last.number).checked_add(1)?,
            from,
            through,
            opening,
            closing: opening.checked_add(credits)?.checked_sub(debits)?,
            credits,
            debits,
            entries: found.entries,
            first_version: found.first,
            to_version: if found.entries > 0 { found.last } else { after_version },
            after_through: last.map(|last| last.through.to_string()).unwrap_or_default(),
            after_version,
            scan_from: last.map_or(1, |last| last.next_scan),
            next_scan: found.later.unwrap_or(found.version.checked_add(1)?),
            hash: Vec::new(),
            made_at,
        };
        let previous = last.map_or(chain::GENESIS.as_slice(), |last| last.hash.as_slice());
        made.hash = made.digest(previous, &found.event_hash);
        Some(made)
    }

    /// Its hash, given that of the one before and of the event at its last version.
    #[must_use]
    pub fn digest(&self, previous: &[u8], event: &[u8]) -> Vec<u8> {
        let numbers = [
            self.number,
            self.opening,
            self.closing,
            self.credits,
            self.debits,
            self.entries,
            self.first_version,
            self.to_version,
            self.after_version,
        ];
        let mut parts = vec![
            "statement".to_owned(),
            hex(previous),
            hex(event),
            self.account.to_string(),
            self.from.to_string(),
            self.through.to_string(),
            self.after_through.clone(),
        ];
        parts.extend(numbers.iter().map(ToString::to_string));
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        chain::fingerprint(&parts)
    }
}

/// Writes the statements that steps of the batch made.
///
/// # Errors
/// Those of the database.
pub async fn write(tx: &Tx, working: &Working) -> Result<(), StoreError> {
    let columns = [
        ("account_id", Column::Text),
        ("number", Column::Int),
        ("from_date", Column::Text),
        ("through", Column::Text),
        ("opening", Column::Int),
        ("closing", Column::Int),
        ("credits", Column::Int),
        ("debits", Column::Int),
        ("entries", Column::Int),
        ("first_version", Column::Int),
        ("to_version", Column::Int),
        ("after_through", Column::Text),
        ("after_version", Column::Int),
        ("scan_from", Column::Int),
        ("next_scan", Column::Int),
        ("hash", Column::Bytes),
        ("made_at", Column::Int),
    ];
    let rows = working.writes.statements.iter().map(|one| {
        row! {
            "account_id": one.account.to_string(), "number": one.number,
            "from_date": one.from.to_string(), "through": one.through.to_string(),
            "opening": one.opening, "closing": one.closing, "credits": one.credits,
            "debits": one.debits, "entries": one.entries, "first_version": one.first_version,
            "to_version": one.to_version, "after_through": one.after_through.as_str(),
            "after_version": one.after_version, "scan_from": one.scan_from,
            "next_scan": one.next_scan, "hash": one.hash.clone(), "made_at": one.made_at.0,
        }
    });
    let rows: Vec<Row> = rows.collect();
    if rows.is_empty() {
        return Ok(());
    }
    many::insert_many(tx, "statements", &columns, rows).await.map(|_| ())
}

fn read(row: &QueryResult) -> Result<Statement, StoreError> {
    Ok(Statement {
        account: rows::id(row, "account_id")?,
        number: rows::int(row, "number")?,
        from: rows::date(row, "from_date")?,
        through: rows::date(row, "through")?,
        opening: rows::int(row, "opening")?,
        closing: rows::int(row, "closing")?,
        credits: rows::int(row, "credits")?,
        debits: rows::int(row, "debits")?,
        entries: rows::int(row, "entries")?,
        first_version: rows::int(row, "first_version")?,
        to_version: rows::int(row, "to_version")?,
        after_through: rows::text(row, "after_through")?,
        after_version: rows::int(row, "after_version")?,
        scan_from: rows::int(row, "scan_from")?,
        next_scan: rows::int(row, "next_scan")?,
        hash: rows::bytes(row, "hash")?,
        made_at: UnixMicros(rows::int(row, "made_at")?),
    })
}

/// The statement of an account that ends on a day.
///
/// # Errors
/// Those of the database.
pub async fn of_day(
    connection: &impl ConnectionTrait,
    account: AccountId,
    through: Date,
) -> Result<Option<Statement>, StoreError> {
    let query = format!("SELECT {COLUMNS} FROM statements WHERE account_id = $1 AND through = $2");
    let values = [account.to_string().into(), through.to_string().into()];
    let row = sql::query_one(connection, query, values).await?;
    row.map(|row| read(&row)).transpose()
}

/// Statements of an account below a number, newest first.
///
/// # Errors
/// Those of the database.
pub async fn page(
    connection: &impl ConnectionTrait,
    account: AccountId,
    below: i64,
    limit: i64,
) -> Result<Vec<Statement>, StoreError> {
    let query = format!(
        "SELECT {COLUMNS} FROM statements WHERE account_id = $1 AND number < $2 \
         ORDER BY number DESC LIMIT $3"
    );
    let values = [account.to_string().into(), below.into(), limit.into()];
    let found = sql::query_all(connection, query, values).await?;
    found.iter().map(read).collect()
}

/// Entries of a statement above a version, oldest first.
///
/// # Errors
/// Those of the database.
pub async fn entries(
    connection: &impl ConnectionTrait,
    statement: &Statement,
    above: i64,
    limit: i64,
) -> Result<Vec<EntryRow>, StoreError> {
    let columns: Vec<String> =
        rows::EVENT.split(", ").map(|column| format!("e.{}", column.trim())).collect();
    let query = format!(
        "SELECT {}, j.kind AS journal_kind, j.description FROM account_events AS e \
         JOIN journal AS j ON j.id = e.transaction_id WHERE e.account_id = $1 AND e.version > $2 \
         AND e.version >= $3 AND e.version <= $4 AND e.booking_date <= $5 \
         AND NOT (e.booking_date <= $6 AND e.version <= $7) ORDER BY e.version LIMIT $8",
        columns.join(", ")
    );
    let values = [
        statement.account.to_string().into(),
        above.into(),
        statement.scan_from.into(),
        statement.to_version.into(),
        statement.through.to_string().into(),
        statement.after_through.as_str().into(),
        statement.after_version.into(),
        limit.into(),
    ];
    let found = sql::query_all(connection, query, values).await?;
    found.iter().map(super::entries::read).collect()
}
