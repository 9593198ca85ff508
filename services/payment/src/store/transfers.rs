//! Writing transfers.

use std::collections::HashMap;

use florin_kernel::{TransferId, UnixMicros};
use florin_store::{
    StoreError, Tx, row,
    rows::{self, Claiming, Column, Due, Keyed, Row, among, texts},
    sql,
};
use sea_orm::ConnectionTrait;

use super::{
    clearing::{self, Outgoing},
    row::{CHANGING, FIXED, Record, columns},
};
use crate::domain::{Kind, Relation, Returned, Status};

const TABLE: &str = "transfers";

fn due(columns: &str) -> Due<'_> {
    Due {
        table: TABLE,
        id_column: "id",
        columns,
        due_column: "due_at",
        lease_until_column: "lease_until",
        lease_token_column: "lease_token",
        taken_over_column: Some("unanswered_at"),
    }
}

/// Transfers that a worker has taken.
#[derive(Debug)]
pub struct Claim {
    /// How many of the transfers are due in the future, by a clock that was ahead.
    pub ahead: usize,
    /// The transfers, those due first in front, with the token of the worker's lease.
    pub records: Vec<Record>,
}

/// Inserts new transfers. Those that have the token of a lease are leased until an instant.
///
/// # Errors
/// Those of the database.
pub async fn insert(
    tx: &Tx,
    records: &[Record],
    leased_until: Option<UnixMicros>,
) -> Result<(), StoreError> {
    let columns: Vec<_> = FIXED.iter().chain(&CHANGING).copied().collect();
    let row = |record: &Record| {
        let until = record.lease_token.as_ref().and(leased_until).map(|until| until.0);
        let lease = row! {"lease_until": until, "lease_token": record.lease_token.as_deref()};
        record.to_row().and(lease)
    };
    let rows = records.iter().map(row).collect();
    expect_all(rows::insert_many(tx, TABLE, &columns, rows).await?, records.len())?;
    let between_banks: Vec<_> = records.iter().filter_map(Outgoing::of).collect();
    clearing::send(tx, &between_banks).await
}

/// Takes transfers that are due and that nobody has, or that a clock which was ahead has put off.
/// One that was taken before and not given back is marked as unanswered. This is for replicas of
/// before ADR 6 alone, which believe no refusal while an earlier call may be on its way; the mark
/// goes a release later.
///
/// # Errors
/// Those of the database.
pub async fn claim(tx: &Tx, claiming: &Claiming) -> Result<Claim, StoreError> {
    let claimed = rows::claim_due(tx, &due(&columns()), claiming).await?;
    let records: Vec<_> = claimed.rows.iter().map(Record::from_row).filter_map(readable).collect();
    let due_later = |record: &&Record| record.due_at.is_some_and(|due| due > claiming.now);
    let ahead = records.iter().filter(due_later).count();
    Ok(Claim { ahead, records })
}

/// A row that is no transfer keeps its lease and holds up no other.
fn readable(record: Result<Record, StoreError>) -> Option<Record> {
    record.inspect_err(|error| tracing::error!(%error, "a stored transfer cannot be read")).ok()
}

/// Locks transfers in the order of their ids and returns them in it; an id without a row is
/// left out.
///
/// # Errors
/// Those of the database.
pub async fn lock(tx: &Tx, ids: &[TransferId]) -> Result<Vec<Record>, StoreError> {
    let mut ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
    ids.sort_unstable();
    let columns = columns();
    let keyed = Keyed { table: TABLE, id_column: "id", columns: &columns };
    let rows = rows::lock_by_id(tx, keyed, &ids).await?;
    rows.iter().map(Record::from_row).collect()
}

/// A transfer whose row is locked, as far as a worker has to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The transfer.
    pub id: TransferId,
    /// Whether it is in POSTING.
    pub is_posting: bool,
    /// Who has it.
    pub token: Option<String>,
}

/// Locks transfers as [`lock`] and tells who has them, in the order of their ids.
///
/// # Errors
/// Those of the database.
pub async fn lock_held(tx: &Tx, ids: &[TransferId]) -> Result<Vec<Held>, StoreError> {
    let mut ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
    ids.sort_unstable();
    let keyed = Keyed { table: TABLE, id_column: "id", columns: "id, status, lease_token" };
    let rows = rows::lock_by_id(tx, keyed, &ids).await?;
    let held = rows.iter().map(|row| {
        let id: String = row.try_get("", "id")?;
        Ok(Held {
            id: id.parse().map_err(|_| StoreError::Corrupt(format!("id of transfer {id}")))?,
            is_posting: row.try_get::<i64>("", "status")? == Status::Posting.code(),
            token: row.try_get("", "lease_token")?,
        })
    });
    held.collect()
}

/// Gives back the leases under which these were taken, where they still have them.
///
/// # Errors
/// Those of the database.
pub async fn give_lease_back(tx: &Tx, taken: &[Record]) -> Result<u64, StoreError> {
    let columns = [("id", Column::Text), ("token", Column::Text)];
    let row = |record: &Record| {
        row! {
            "id": record.transfer.id().to_string(),
            "token": record.lease_token.as_deref(),
        }
    };
    let give_back = |rows: &str| {
        format!(
            "UPDATE {TABLE} SET lease_until = NULL, lease_token = NULL FROM ({rows}) AS r \
             WHERE {TABLE}.id = r.id AND {TABLE}.lease_token = r.token"
        )
    };
    rows::execute(tx, &columns, taken.iter().map(row).collect(), give_back).await
}

/// Reads transfers, those that there are.
///
/// # Errors
/// Those of the database.
pub async fn read(
    connection: &impl ConnectionTrait,
    ids: &[TransferId],
) -> Result<Vec<Record>, StoreError> {
    let ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
    let columns = columns();
    let keyed = Keyed { table: TABLE, id_column: "id", columns: &columns };
    let rows = rows::read_by_id(connection, keyed, &ids).await?;
    rows.iter().map(Record::from_row).collect()
}

/// Writes the changing part of transfers that this transaction has locked. What
/// becomes of their leases is said by `lease`.
///
/// # Errors
/// `Corrupt` where one is not there.
pub async fn update(tx: &Tx, records: &[Record], lease: Lease) -> Result<(), StoreError> {
    let columns: Vec<_> = CHANGING
        .iter()
        .filter(|(name, _)| lease == Lease::GivenBack || !name.starts_with("lease_"))
        .copied()
        .collect();
    let rows: Vec<Row> = records.iter().map(Record::to_changing).collect();
    let found = rows::update_many(tx, TABLE, &[("id", Column::Text)], &columns, rows).await?;
    expect_all(found, records.len())
}

/// What becomes of the lease with a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lease {
    /// The worker goes on.
    Kept,
    /// Anybody may take the transfer once it is due.
    GivenBack,
}

/// Reads a transfer.
///
/// # Errors
/// Those of the database.
pub async fn find(
    connection: &impl ConnectionTrait,
    id: TransferId,
) -> Result<Option<Record>, StoreError> {
    let query = format!("SELECT {} FROM transfers WHERE id = $1", columns());
    let row = sql::query_one(connection, query, [id.to_string().into()]).await?;
    row.as_ref().map(Record::from_row).transpose()
}

/// A key under which a transfer is kept for ever: whose it is, what sort of payment it created,
/// and the key.
pub type Guarded<'a> = (&'a str, Kind, &'a str);

/// What of these transfers is returned or on its way back; those of which nothing is are left
/// out. The caller has locked them.
///
/// # Errors
/// Those of the database.
pub async fn returned(
    tx: &Tx,
    originals: &[TransferId],
) -> Result<HashMap<TransferId, Returned>, StoreError> {
    let mut found: HashMap<TransferId, Returned> = HashMap::new();
    if originals.is_empty() {
        return Ok(found);
    }
    let query = format!(
        "SELECT original, relation, CAST(SUM(amount) AS BIGINT) AS total FROM {TABLE} \
         WHERE original {} AND status NOT IN ({}, {}) GROUP BY original, relation",
        among(tx.engine(), 1),
        Status::Failed.code(),
        Status::Cancelled.code()
    );
    let ids: Vec<String> = originals.iter().map(ToString::to_string).collect();
    for row in sql::query_all(tx, query, [texts(tx.engine(), &ids)]).await? {
        let original: String = row.try_get("", "original")?;
        let corrupt = || StoreError::Corrupt(format!("what returns {original} is no return"));
        let returned = found.entry(original.parse().map_err(|_| corrupt())?).or_default();
        match Relation::from_code(row.try_get("", "relation")?).ok_or_else(corrupt)? {
            Relation::Refund => returned.refunded = row.try_get("", "total")?,
            Relation::Reversal => returned.reversed = true,
        }
    }
    Ok(found)
}

/// The transfers that these keys created, one for each key that did, whatever became of its
/// row among the idempotency keys. Found by scope, kind and key; what was asked for with it is
/// the caller's to compare.
///
/// # Errors
/// Those of the database.
pub async fn of_keys(
    connection: &impl ConnectionTrait,
    keys: &[Guarded<'_>],
) -> Result<Vec<Record>, StoreError> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let columns =
        [("the_scope", Column::Text), ("the_kind", Column::Int), ("the_key", Column::Text)];
    let read = self::columns();
    let query = |wanted: &str| {
        format!(
            "SELECT {read} FROM ({wanted}) AS w JOIN {TABLE} ON idempotency_scope = w.the_scope \
             AND kind = w.the_kind AND idempotency_key = w.the_key"
        )
    };
    let wanted = keys
        .iter()
        .map(|(scope, kind, key)| row! {"the_scope": *scope, "the_kind": kind.code(), "the_key": *key})
        .collect();
    let found = rows::query(connection, &columns, wanted, query).await?;
    found.iter().map(Record::from_row).collect()
}

fn expect_all(done: u64, asked: usize) -> Result<(), StoreError> {
    if usize::try_from(done) == Ok(asked) {
        return Ok(());
    }
    Err(StoreError::Corrupt(format!("{done} transfers written where {asked} were meant")))
}
