//! Leases: who does a piece of background work. A lease saves double work and guards nothing:
//! what guards is the state checked in the write, and the unique reference of the effect.

use std::{collections::HashMap, time::Duration};

use florin_kernel::UnixMicros;

use crate::{
    Database, StoreError, Tx, clock, row,
    rows::{self, Column, Keyed},
    sql,
};

const LEASES: Keyed<'static> = Keyed { table: "leases", id_column: "name", columns: "name, token" };

/// A lease that was granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// What is leased.
    pub name: String,
    /// To whom, unique to one task of one process.
    pub holder: String,
    /// Grows with each holder: later writes can be told from an earlier holder's.
    pub token: i64,
    /// When it ends, by the database's clock.
    pub until: UnixMicros,
}

/// Takes a lease that nobody holds or whose holder let it end; None while somebody has it,
/// the same holder included. One that ends more than `ttl` later than a lease taken now would
/// was taken by a clock that was ahead: it would stand until the clock is there again, so it is
/// taken too. (Not one that ends a little later: the clock is read before the row is locked,
/// and whoever read it last may have come to the row first.)
///
/// # Errors
/// Those of the database.
pub async fn acquire(
    db: &Database,
    name: &str,
    holder: &str,
    ttl: Duration,
) -> Result<Option<Lease>, StoreError> {
    Ok(acquire_many(db, &[name], holder, ttl).await?.pop())
}

/// Takes those of the leases that are free, in one transaction; in no order.
///
/// # Errors
/// Those of the database.
pub async fn acquire_many(
    db: &Database,
    names: &[&str],
    holder: &str,
    ttl: Duration,
) -> Result<Vec<Lease>, StoreError> {
    let mut names = names.to_vec();
    names.sort_unstable();
    names.dedup();
    db.write(async |tx: Tx| {
        let now = tx.now().await?;
        let until = now.plus_micros(clock::micros(ttl));
        let impossible = until.plus_micros(clock::micros(ttl));
        let take = format!(
            "INSERT INTO leases (name, holder, token, until) \
             SELECT wanted.value, $2, 1, $3 FROM {} WHERE true \
             ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, \
             token = leases.token + 1, until = excluded.until \
             WHERE leases.until <= $4 OR leases.until > $5 RETURNING name, token",
            rows::each(tx.engine(), 1, "wanted"),
        );
        let values = [
            rows::texts(tx.engine(), &names),
            holder.into(),
            until.0.into(),
            now.0.into(),
            impossible.0.into(),
        ];
        let taken = sql::query_all(&tx, take, values).await?;
        taken
            .iter()
            .map(|row| {
                Ok(Lease {
                    name: row.try_get("", "name")?,
                    holder: holder.to_owned(),
                    token: row.try_get("", "token")?,
                    until,
                })
            })
            .collect()
    })
    .await
}

/// Prolongs a lease; None if somebody else has it by now. A lease that has ended but was
/// taken by nobody goes on.
///
/// # Errors
/// Those of the database.
pub async fn renew(
    db: &Database,
    lease: &Lease,
    ttl: Duration,
) -> Result<Option<Lease>, StoreError> {
    Ok(renew_many(db, std::slice::from_ref(lease), ttl).await?.pop())
}

/// Prolongs leases in one transaction and returns those that are still held.
///
/// # Errors
/// Those of the database.
pub async fn renew_many(
    db: &Database,
    leases: &[Lease],
    ttl: Duration,
) -> Result<Vec<Lease>, StoreError> {
    let mut leases = leases.to_vec();
    leases.sort_unstable_by(|left, right| left.name.cmp(&right.name));
    let names: Vec<_> = leases.iter().map(|lease| lease.name.clone()).collect();
    db.write(async |tx: Tx| {
        let mut current: HashMap<String, i64> = HashMap::new();
        for row in rows::lock_by_id(&tx, LEASES, &names).await? {
            current.insert(row.try_get("", "name")?, row.try_get("", "token")?);
        }
        let until = tx.now().await?.plus_micros(clock::micros(ttl));
        let held: Vec<_> = leases
            .iter()
            .filter(|lease| current.get(&lease.name) == Some(&lease.token))
            .map(|lease| Lease { until, ..lease.clone() })
            .collect();
        let prolonged =
            held.iter().map(|lease| row! {"name": lease.name.as_str(), "until": until.0}).collect();
        let key = [("name", Column::Text)];
        rows::update_many(&tx, "leases", &key, &[("until", Column::Int)], prolonged).await?;
        Ok(held)
    })
    .await
}

/// Gives a lease back, so that the next holder need not wait; nothing if it is somebody's by
/// now.
///
/// # Errors
/// Those of the database.
pub async fn release(db: &Database, lease: &Lease) -> Result<(), StoreError> {
    db.write(async |tx: Tx| {
        let end = "UPDATE leases SET until = 0 WHERE name = $1 AND token = $2";
        sql::execute(&tx, end, [lease.name.as_str().into(), lease.token.into()]).await?;
        Ok(())
    })
    .await
}
