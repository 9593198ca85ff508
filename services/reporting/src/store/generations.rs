//! Generations of the read models.

use florin_store::{Database, StoreError, Tx, sql};
use sea_orm::ConnectionTrait;

/// Rows that one transaction deletes of a retired generation.
const DELETED_AT_ONCE: i64 = 5_000;
/// The tables with a generation, and what identifies a row in them.
const TABLES: &[(&str, &str)] =
    &[("entries", "account_id, sort_key"), ("entry_words", "account_id, sort_key, word")];

/// The generation that answers.
///
/// # Errors
/// Those of the database; `Corrupt` where there is none.
pub async fn live(connection: &impl ConnectionTrait) -> Result<i64, StoreError> {
    let query = "SELECT number FROM generations WHERE state = 'live'";
    let row = sql::query_one(connection, query, []).await?;
    let row = row.ok_or_else(|| StoreError::Corrupt("no live generation".into()))?;
    Ok(row.try_get("", "number")?)
}

/// The generations that an event goes into: the live one and the one that is being built.
/// They stay so until the transaction ends.
///
/// # Errors
/// Those of the database.
pub async fn written(tx: &Tx) -> Result<Vec<i64>, StoreError> {
    let query = format!(
        "SELECT number FROM generations WHERE state IN ('live', 'building') ORDER BY number{}",
        tx.engine().for_share(),
    );
    let found = sql::query_all(tx, query, []).await?;
    found.iter().map(|row| Ok(row.try_get("", "number")?)).collect()
}

/// Begins a generation. One that a crash left half built is retired.
///
/// # Errors
/// Those of the database.
pub async fn begin(db: &Database) -> Result<i64, StoreError> {
    db.write(async |tx: Tx| {
        let retire = "UPDATE generations SET state = 'retired' WHERE state = 'building'";
        sql::execute(&tx, retire, []).await?;
        let add = "INSERT INTO generations (number, state) \
                   SELECT MAX(number) + 1, 'building' FROM generations RETURNING number";
        let row = sql::query_one(&tx, add, []).await?;
        let row = row.ok_or_else(|| StoreError::Corrupt("no generation".into()))?;
        Ok(row.try_get("", "number")?)
    })
    .await
}

/// Lets the built generation answer from now on.
///
/// # Errors
/// Those of the database; `Corrupt` where another rebuild has taken over.
pub async fn switch_to(db: &Database, built: i64) -> Result<(), StoreError> {
    db.write(async |tx: Tx| {
        let retire = "UPDATE generations SET state = 'retired' WHERE state = 'live'";
        sql::execute(&tx, retire, []).await?;
        let raise =
            "UPDATE generations SET state = 'live' WHERE number = $1 AND state = 'building'";
        if sql::execute(&tx, raise, [built.into()]).await? != 1 {
            return Err(StoreError::Corrupt(format!("generation {built} is no longer built")));
        }
        Ok(())
    })
    .await
}

/// Retires a generation that will not be finished.
///
/// # Errors
/// Those of the database.
pub async fn abandon(db: &Database, built: i64) -> Result<(), StoreError> {
    db.write(async |tx: Tx| {
        let retire =
            "UPDATE generations SET state = 'retired' WHERE number = $1 AND state = 'building'";
        sql::execute(&tx, retire, [built.into()]).await?;
        Ok(())
    })
    .await
}

/// Deletes what retired generations hold, some rows at a time.
///
/// # Errors
/// Those of the database.
pub async fn clear_retired(db: &Database) -> Result<(), StoreError> {
    let query = "SELECT number FROM generations WHERE state = 'retired' ORDER BY number";
    let retired = sql::query_all(db.read(), query, []).await?;
    for row in retired {
        let number: i64 = row.try_get("", "number")?;
        for (table, key) in TABLES {
            let delete = format!(
                "DELETE FROM {table} WHERE generation = $1 AND ({key}) IN \
                 (SELECT {key} FROM {table} WHERE generation = $1 LIMIT $2)"
            );
            while clear_some(db, &delete, number).await? > 0 {}
        }
        db.write(async |tx: Tx| {
            let delete = "DELETE FROM generations WHERE number = $1 AND state = 'retired'";
            sql::execute(&tx, delete, [number.into()]).await
        })
        .await?;
    }
    Ok(())
}

async fn clear_some(db: &Database, delete: &str, number: i64) -> Result<u64, StoreError> {
    db.write(async |tx: Tx| {
        sql::execute(&tx, delete, [number.into(), DELETED_AT_ONCE.into()]).await
    })
    .await
}
