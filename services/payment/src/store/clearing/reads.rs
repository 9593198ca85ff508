//! Reads of what goes to the clearing network.

use florin_kernel::{Uetr, UnixMicros};
use florin_store::{StoreError, Tx, sql};
use sea_orm::ConnectionTrait;

use super::{OUT, Outgoing, out_columns, return_of};

/// What goes out under a message id.
///
/// # Errors
/// Those of the database.
pub async fn find_outgoing(
    connection: &impl ConnectionTrait,
    id: &str,
) -> Result<Option<Outgoing>, StoreError> {
    let query = format!("SELECT {} FROM {OUT} WHERE id = $1", out_columns());
    let row = sql::query_one(connection, query, [id.into()]).await?;
    row.as_ref().map(Outgoing::from_row).transpose()
}

/// Whether a worker has it in its hands at this instant, also one whose lease was given back by
/// whoever made it due: bytes may be on their way to the network.
///
/// # Errors
/// Those of the database.
pub async fn is_in_hand(tx: &Tx, id: &str, now: UnixMicros) -> Result<bool, StoreError> {
    let query =
        format!("SELECT id FROM {OUT} WHERE id = $1 AND (lease_until > $2 OR in_hand_until > $2)");
    Ok(sql::query_one(tx, query, [id.into(), now.0.into()]).await?.is_some())
}

/// The payment of ours with this UETR.
///
/// # Errors
/// Those of the database.
pub async fn payment_of(
    connection: &impl ConnectionTrait,
    uetr: Uetr,
) -> Result<Option<Outgoing>, StoreError> {
    let columns = out_columns();
    let query = format!("SELECT {columns} FROM {OUT} WHERE uetr = $1 AND kind = 1");
    let row = sql::query_one(connection, query, [uetr.to_string().into()]).await?;
    row.as_ref().map(Outgoing::from_row).transpose()
}

/// Whether anything is under way to the network or from it, recalls and repairs among it.
///
/// # Errors
/// Those of the database.
pub async fn clearing_waits(connection: &impl ConnectionTrait) -> Result<bool, StoreError> {
    for table in [OUT, "clearing_in", "recalls", "repairs"] {
        let query = format!("SELECT id FROM {table} WHERE due_at IS NOT NULL LIMIT 1");
        if sql::query_one(connection, query, []).await?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A page of what goes out, younger in its id than `after`.
///
/// # Errors
/// Those of the database.
pub async fn outgoing_after(
    connection: &impl ConnectionTrait,
    after: &str,
    limit: u32,
) -> Result<Vec<Outgoing>, StoreError> {
    let columns = out_columns();
    let query = format!("SELECT {columns} FROM {OUT} WHERE id > $1 ORDER BY id LIMIT $2");
    let rows = sql::query_all(connection, query, [after.into(), i64::from(limit).into()]).await?;
    rows.iter().map(Outgoing::from_row).collect()
}

/// Whether the network has spoken against the end of a return of what came in.
///
/// # Errors
/// Those of the database.
pub async fn is_return_contradicted(tx: &Tx, came: &str) -> Result<bool, StoreError> {
    let query = format!("SELECT subject FROM {OUT} WHERE contradiction IS NOT NULL AND kind = 2");
    for row in sql::query_all(tx, query, []).await? {
        let subject: String = row.try_get("", "subject")?;
        let of = return_of(&subject);
        if of.is_some_and(|of| of.came() == Some(came)) {
            return Ok(true);
        }
    }
    Ok(false)
}
