//! Seals: what the history of every account was at the end of a business date.

use florin_kernel::{Date, UnixMicros};
use florin_store::{StoreError, Tx, sql};
use sea_orm::{ConnectionTrait, QueryResult};

use super::{chain, rows};

/// A seal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seal {
    /// The business date at whose end it was made.
    pub closed: Date,
    /// Hash of the seal before it; zeros for the first.
    pub previous: Vec<u8>,
    /// Its hash.
    pub hash: Vec<u8>,
    /// How many accounts it covers.
    pub accounts: i64,
    /// When it was made.
    pub sealed_at: UnixMicros,
}

/// An account as a seal has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The account.
    pub account: String,
    /// Its version.
    pub version: i64,
    /// Hash of its last event.
    pub hash: Vec<u8>,
}

/// Collects accounts above one and up to another that changed since they were last sealed: the
/// last of them where there may be more, and None where there are none, from which on the seal
/// takes no more. Nothing where it took no more before.
///
/// # Errors
/// Those of the database.
pub async fn collect(
    tx: &Tx,
    closed: Date,
    (after, upto): (&str, &str),
    limit: i64,
) -> Result<Option<String>, StoreError> {
    let closed = closed.to_string();
    // Every other collector of this seal waits here.
    let step = format!(
        "SELECT step FROM end_of_day_steps WHERE closed = $1 ORDER BY step{}",
        tx.engine().for_update()
    );
    sql::query_all(tx, step, [closed.as_str().into()]).await?;
    let made = "SELECT closed FROM seals WHERE closed = $1";
    if sql::query_one(tx, made, [closed.as_str().into()]).await?.is_some() {
        return Ok(None);
    }
    let insert = "INSERT INTO seal_entries (closed, account_id, version, hash) \
                  SELECT $1, a.id, a.version, a.last_hash FROM accounts AS a WHERE a.id > $2 \
                  AND a.id <= $3 \
                  AND NOT EXISTS (SELECT 1 FROM seal_entries AS e \
                  WHERE e.account_id = a.id AND e.version = a.version) \
                  AND NOT EXISTS (SELECT 1 FROM seal_entries AS e \
                  WHERE e.closed = $1 AND e.account_id = a.id) \
                  ORDER BY a.id LIMIT $4 RETURNING account_id";
    let values = [closed.as_str().into(), after.into(), upto.into(), limit.into()];
    let found = sql::query_all(tx, insert, values).await?;
    let ids = found.iter().map(|row| rows::text(row, "account_id"));
    let last = ids.collect::<Result<Vec<_>, _>>()?.into_iter().max();
    let full = i64::try_from(found.len()) == Ok(limit);
    let last = last.filter(|_| full);
    if last.is_none() {
        let previous = "SELECT hash FROM seals WHERE closed < $1 ORDER BY closed DESC LIMIT 1";
        let row = sql::query_one(tx, previous, [closed.as_str().into()]).await?;
        let previous = row.map(|row| rows::bytes(&row, "hash")).transpose()?;
        let previous = previous.unwrap_or_else(|| chain::GENESIS.to_vec());
        let empty = "INSERT INTO seals (closed, previous, hash, accounts, sealed_at) \
                     VALUES ($1, $2, $3, 0, 0)";
        sql::execute(tx, empty, [closed.into(), previous.into(), Vec::<u8>::new().into()]).await?;
    }
    Ok(last)
}

/// The account with the greatest id; empty where there is none.
///
/// # Errors
/// Those of the database.
pub async fn last_account(connection: &impl ConnectionTrait) -> Result<String, StoreError> {
    let query = "SELECT id FROM accounts ORDER BY id DESC LIMIT 1";
    let row = sql::query_one(connection, query, []).await?;
    row.map_or_else(|| Ok(String::new()), |row| rows::text(&row, "id"))
}

/// Writes the hash of a seal that takes no more; a second time it is the same.
///
/// # Errors
/// Those of the database.
pub async fn seal(tx: &Tx, seal: &Seal) -> Result<(), StoreError> {
    let update = "UPDATE seals SET hash = $2, accounts = $3, sealed_at = $4 \
                  WHERE closed = $1 AND sealed_at = 0";
    let values = [
        seal.closed.to_string().into(),
        seal.hash.clone().into(),
        seal.accounts.into(),
        tx.now().await?.0.into(),
    ];
    sql::execute(tx, update, values).await.map(|_| ())
}

/// The hash of a seal, and how many accounts it covers, from its entries.
///
/// # Errors
/// Those of the database.
pub async fn digest(
    connection: &impl ConnectionTrait,
    closed: Date,
    previous: &[u8],
    page: i64,
) -> Result<(Vec<u8>, i64), StoreError> {
    let mut digest = chain::SealDigest::new(previous, &closed.to_string());
    let (mut after, mut count) = (String::new(), 0_i64);
    loop {
        let entries = entries(connection, closed, &after, page).await?;
        let Some(last) = entries.last() else { return Ok((digest.finish(count), count)) };
        after.clone_from(&last.account);
        for entry in &entries {
            count += 1;
            digest.add(&entry.account, entry.version, &entry.hash);
        }
    }
}

async fn entries(
    connection: &impl ConnectionTrait,
    closed: Date,
    after: &str,
    limit: i64,
) -> Result<Vec<Entry>, StoreError> {
    let query = "SELECT account_id, version, hash FROM seal_entries \
                 WHERE closed = $1 AND account_id > $2 ORDER BY account_id LIMIT $3";
    let values = [closed.to_string().into(), after.into(), limit.into()];
    let found = sql::query_all(connection, query, values).await?;
    let entry = |row: &QueryResult| {
        Ok(Entry {
            account: rows::text(row, "account_id")?,
            version: rows::int(row, "version")?,
            hash: rows::bytes(row, "hash")?,
        })
    };
    found.iter().map(entry).collect()
}

/// A seal, made or not.
///
/// # Errors
/// Those of the database.
pub async fn of_day(
    connection: &impl ConnectionTrait,
    closed: Date,
) -> Result<Option<Seal>, StoreError> {
    let query = "SELECT closed, previous, hash, accounts, sealed_at FROM seals WHERE closed = $1";
    let row = sql::query_one(connection, query, [closed.to_string().into()]).await?;
    row.map(|row| read(&row)).transpose()
}

/// Seals that were made after a date, in order; from the first where it is empty.
///
/// # Errors
/// Those of the database.
pub async fn after(
    connection: &impl ConnectionTrait,
    closed: &str,
    limit: i64,
) -> Result<Vec<Seal>, StoreError> {
    let query = "SELECT closed, previous, hash, accounts, sealed_at FROM seals \
                 WHERE closed > $1 AND sealed_at > 0 ORDER BY closed LIMIT $2";
    let found = sql::query_all(connection, query, [closed.into(), limit.into()]).await?;
    found.iter().map(read).collect()
}

fn read(row: &QueryResult) -> Result<Seal, StoreError> {
    Ok(Seal {
        closed: rows::date(row, "closed")?,
        previous: rows::bytes(row, "previous")?,
        hash: rows::bytes(row, "hash")?,
        accounts: rows::int(row, "accounts")?,
        sealed_at: UnixMicros(rows::int(row, "sealed_at")?),
    })
}

/// What a seal has is in the history, with the hash that it had.
pub const STATEMENTS: &[(&str, &str)] = &[(
    "seal",
    "SELECT e.account_id || ' version ' || CAST(e.version AS TEXT) AS record, \
     'the seal of ' || e.closed || ' has it with another hash, or it is not there any more' \
     AS description FROM seal_entries AS e LEFT JOIN account_events AS v \
     ON v.account_id = e.account_id AND v.version = e.version AND v.hash = e.hash \
     WHERE v.account_id IS NULL",
)];
