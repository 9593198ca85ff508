//! Statements of accounts: the entries booked in a period, with the balances around them.
//!
//! Interest of a period is booked while customers already pay in the next, and history of another
//! bank may be booked in a period that has its statement: so the entries of a statement are not
//! one range of versions. It has those booked up to its last day and recorded up to `to_version`,
//! the last of them, that no earlier one has. What is booked in it later has a greater version, and
//! is the next one's.

use std::collections::BTreeMap;

use florin_kernel::{AccountId, Date, UnixMicros};
use florin_store::{
    StoreError, Tx, row,
    rows::{self as many, Column, Row, among, hex, texts},
    sql,
};
use sea_orm::{ConnectionTrait, QueryResult};

use super::{chain, entries::EntryRow, rows, working::Working};
use crate::domain::{
    account::Account,
    end_of_day::{AccountStep, Step},
};

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

/// Reads what the statements of accounts are made of; their rows are locked.
///
/// # Errors
/// Those of the database.
pub async fn load(
    tx: &Tx,
    accounts: &BTreeMap<AccountId, Account>,
    steps: &[AccountStep],
) -> Result<BTreeMap<AccountId, Material>, StoreError> {
    let made = steps.iter().filter(|step| step.step == Step::Statement);
    let wanted: BTreeMap<AccountId, Date> =
        made.map(|step| (step.account, step.day.through)).collect();
    if wanted.is_empty() {
        return Ok(BTreeMap::new());
    }
    let ids: Vec<String> = wanted.keys().map(AccountId::to_string).collect();
    let last = last_of(tx, &ids).await?;
    let mut found = found(tx, &wanted, &last).await?;
    let mut all = BTreeMap::new();
    for id in wanted.keys() {
        let Some(account) = accounts.get(id) else { continue };
        let last = last.get(id).cloned();
        let found = Found { version: account.version, ..found.remove(id).unwrap_or_default() };
        all.insert(*id, Material { last, found });
    }
    event_hashes(tx, &mut all).await?;
    Ok(all)
}

async fn last_of(tx: &Tx, ids: &[String]) -> Result<BTreeMap<AccountId, Statement>, StoreError> {
    let query = format!(
        "SELECT {COLUMNS} FROM statements AS s WHERE account_id {} AND number = \
         (SELECT MAX(m.number) FROM statements AS m WHERE m.account_id = s.account_id)",
        among(tx.engine(), 1)
    );
    let found = sql::query_all(tx, query, [texts(tx.engine(), ids)]).await?;
    found.iter().map(read).map(|one| Ok((one.as_ref()?.account, one?))).collect()
}

/// Whether an entry is in the statement of `w`.
const IN_IT: &str = "e.booking_date <= w.through \
     AND NOT (e.booking_date <= w.after_through AND e.version <= w.after_version)";

async fn found(
    tx: &Tx,
    wanted: &BTreeMap<AccountId, Date>,
    last: &BTreeMap<AccountId, Statement>,
) -> Result<BTreeMap<AccountId, Found>, StoreError> {
    let columns = [
        ("account_id", Column::Text),
        ("through", Column::Text),
        ("after_through", Column::Text),
        ("after_version", Column::Int),
        ("scan_from", Column::Int),
    ];
    let rows: Vec<Row> = wanted
        .iter()
        .map(|(account, through)| {
            let last = last.get(account);
            row! {
                "account_id": account.to_string(), "through": through.to_string(),
                "after_through": last.map(|last| last.through.to_string()).unwrap_or_default(),
                "after_version": last.map_or(0, |last| last.to_version),
                "scan_from": last.map_or(1, |last| last.next_scan),
            }
        })
        .collect();
    let part = |amount: &str, sign: &str, name: &str| {
        format!(
            "CAST(SUM(CASE WHEN {IN_IT} AND e.delta {sign} 0 THEN {amount} ELSE 0 END) AS BIGINT) \
             AS {name}"
        )
    };
    let query = |wanted: &str| {
        format!(
            "SELECT w.account_id, {}, {}, {}, {}, \
             CAST(SUM(CASE WHEN {IN_IT} THEN 1 ELSE 0 END) AS BIGINT) AS entries, \
             MIN(CASE WHEN {IN_IT} THEN e.version END) AS first_version, \
             MAX(CASE WHEN {IN_IT} THEN e.version END) AS last_version, \
             MIN(CASE WHEN e.booking_date > w.through THEN e.version END) AS later \
             FROM ({wanted}) AS w JOIN account_events AS e ON e.account_id = w.account_id \
             AND e.version >= w.scan_from WHERE e.transaction_id IS NOT NULL GROUP BY w.account_id",
            part("e.delta / 1000000000", ">", "credit_billions"),
            part("e.delta % 1000000000", ">", "credit_rest"),
            part("-(e.delta / 1000000000)", "<", "debit_billions"),
            part("-(e.delta % 1000000000)", "<", "debit_rest"),
        )
    };
    let mut all = BTreeMap::new();
    for row in many::query(tx, &columns, rows, query).await? {
        let whole = |billions, rest| -> Result<i128, StoreError> {
            let billions = i128::from(rows::int(&row, billions)?);
            Ok(billions * 1_000_000_000 + i128::from(rows::int(&row, rest)?))
        };
        let version = |column: &str| row.try_get::<Option<i64>>("", column);
        let found = Found {
            credits: whole("credit_billions", "credit_rest")?,
            debits: whole("debit_billions", "debit_rest")?,
            entries: rows::int(&row, "entries")?,
            first: version("first_version")?.unwrap_or(0),
            last: version("last_version")?.unwrap_or(0),
            later: version("later")?,
            ..Found::default()
        };
        all.insert(rows::id(&row, "account_id")?, found);
    }
    Ok(all)
}

/// Reads the hash of the event that each statement ends with.
async fn event_hashes(tx: &Tx, all: &mut BTreeMap<AccountId, Material>) -> Result<(), StoreError> {
    let columns = [("account_id", Column::Text), ("version", Column::Int)];
    let rows: Vec<Row> = all
        .iter()
        .map(|(account, Material { last, found })| {
            let after = last.as_ref().map_or(0, |last| last.to_version);
            let version = if found.entries > 0 { found.last } else { after };
            row! {"account_id": account.to_string(), "version": version}
        })
        .collect();
    let query = |wanted: &str| {
        format!(
            "SELECT e.account_id, e.hash FROM ({wanted}) AS w JOIN account_events AS e \
             ON e.account_id = w.account_id AND e.version = w.version"
        )
    };
    for row in many::query(tx, &columns, rows, query).await? {
        if let Some(material) = all.get_mut(&rows::id(&row, "account_id")?) {
            material.found.event_hash = rows::bytes(&row, "hash")?;
        }
    }
    Ok(())
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
