//! Idempotency keys answer clients: the same key with the same request gets the same answer.
//! The answer is written in the transaction of the effect, so no in-flight state is stored:
//! after a crash the same key meets its commit or executes.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use florin_kernel::UnixMicros;
use sea_orm::{ConnectionTrait, QueryResult};

use crate::{
    Database, Engine, StoreError, Tx, row,
    rows::{self, Column, Row},
    sql,
};

/// How long a claim waits for a concurrent transaction with the same key; then the caller
/// gets [`StoreError::KeyInUse`], which is 409 with `Retry-After`.
const CLAIM_WAIT: Duration = Duration::from_secs(1);
/// The primary key.
const ID: [(&str, Column); 3] =
    [("scope", Column::Text), ("method", Column::Text), ("key", Column::Text)];
/// Keys that one statement of [`prune`] deletes, so that it does not hold up the writer.
const PRUNE_PAGE: i64 = 5_000;

/// A client's key for one call.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// The principal: issuer, client and subject, or the SPIFFE id.
    pub scope: String,
    /// The RPC.
    pub method: String,
    /// What the client sent, without quotes.
    pub key: String,
    /// SHA-256 of the request.
    pub fingerprint: [u8; 32],
}

/// A stored answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// gRPC's code: 0 for success.
    pub code: i32,
    /// The encoded message, or for a refusal the encoded `google.rpc.Status`.
    pub body: Vec<u8>,
}

/// What the key says about a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup {
    /// Not seen yet.
    New,
    /// Seen with the same request, and so answered.
    Replay(Answer),
    /// Seen with another request.
    OtherPayload,
}

/// Looks a key up without claiming it.
///
/// # Errors
/// Those of the database.
pub async fn look_up(connection: &impl ConnectionTrait, key: &Key) -> Result<Lookup, StoreError> {
    // Not by the join of many: PostgreSQL takes the list for a hundred keys, and a plan that it
    // made while the table was small then scans all of it at each request.
    let query = "SELECT fingerprint, code, body FROM idempotency_keys \
                 WHERE scope = $1 AND method = $2 AND key = $3";
    let values = [&key.scope, &key.method, &key.key].map(|text| text.clone().into());
    let row = sql::query_one(connection, query, values).await?;
    row.map_or(Ok(Lookup::New), |row| judge(key, &row))
}

/// Looks keys up, one result a key in their order.
///
/// # Errors
/// Those of the database.
pub async fn look_up_many(
    connection: &impl ConnectionTrait,
    keys: &[Key],
) -> Result<Vec<Lookup>, StoreError> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let engine = Engine::of(connection);
    let query = |wanted: &str| {
        let read = "SELECT k.scope, k.method, k.key, k.fingerprint, k.code, k.body";
        let same = "k.scope = w.scope AND k.method = w.method AND k.key = w.key";
        match engine {
            Engine::Sqlite => {
                format!("{read} FROM ({wanted}) AS w JOIN idempotency_keys AS k ON {same}")
            }
            // One key after the other by the index: of a list PostgreSQL does not know how long
            // it is, and joins with a scan of the table where a plan of before says so.
            Engine::Postgres => format!(
                "{read} FROM ({wanted}) AS w CROSS JOIN LATERAL (SELECT k.scope, k.method, k.key, \
                 k.fingerprint, k.code, k.body FROM idempotency_keys AS k WHERE {same} LIMIT 1) AS k"
            ),
        }
    };
    let mut found = HashMap::new();
    for row in rows::query(connection, &ID, keys.iter().map(id_row).collect(), query).await? {
        found.insert(id_of(&row)?, row);
    }
    keys.iter()
        .map(|key| {
            let id = (key.scope.clone(), key.method.clone(), key.key.clone());
            found.get(&id).map_or(Ok(Lookup::New), |row| judge(key, row))
        })
        .collect()
}

/// Claims a key in the transaction of the effect. `New` means that this transaction has it:
/// it ends with [`store`] or rolls back. A concurrent transaction with the same key is waited
/// for, at most one second.
///
/// # Errors
/// `KeyInUse` when that wait ends; the transaction is of no use then.
pub async fn claim(tx: &Tx, key: &Key) -> Result<Lookup, StoreError> {
    let claimed = claim_many(tx, std::slice::from_ref(key)).await?;
    Ok(claimed.into_iter().next().unwrap_or(Lookup::New))
}

/// Claims distinct keys with one statement, in sorted order whatever their order here, so
/// that two batches do not deadlock. One result a key.
///
/// # Errors
/// `KeyInUse` as with [`claim`]; `Corrupt` if two of the keys are the same but for the
/// fingerprint: the caller joins duplicates before.
pub async fn claim_many(tx: &Tx, keys: &[Key]) -> Result<Vec<Lookup>, StoreError> {
    let claims: Vec<_> = keys.iter().map(|key| (key, None)).collect();
    insert_all(tx, claims).await
}

/// Stores the answers of distinct keys that nobody has claimed, with one statement as
/// [`claim_many`] claims them. One result a key: `New` where this transaction has stored its
/// answer, else what was answered before. For whoever knows the answer before its effect is
/// written.
///
/// # Errors
/// As [`claim_many`].
pub async fn answer_many(tx: &Tx, answers: &[(Key, Answer)]) -> Result<Vec<Lookup>, StoreError> {
    let claims: Vec<_> = answers.iter().map(|(key, answer)| (key, Some(answer))).collect();
    insert_all(tx, claims).await
}

async fn insert_all(
    tx: &Tx,
    claims: Vec<(&Key, Option<&Answer>)>,
) -> Result<Vec<Lookup>, StoreError> {
    let keys: Vec<&Key> = claims.iter().map(|(key, _)| *key).collect();
    let mut sorted = claims;
    sorted.sort_unstable_by_key(|(key, _)| *key);
    if sorted.windows(2).any(|pair| same_id(pair[0].0, pair[1].0)) {
        return Err(StoreError::Corrupt("an idempotency key twice in one batch".into()));
    }
    let now = tx.now().await?;
    let new = insert_claims(tx, &sorted, now).await?;
    if new.len() == keys.len() {
        return Ok(vec![Lookup::New; keys.len()]);
    }
    let new = new.iter().map(id_of).collect::<Result<HashSet<_>, _>>()?;
    let seen: Vec<Key> =
        keys.iter().filter(|key| !new.contains(&id(key))).map(|key| (*key).clone()).collect();
    let mut answers = look_up_many(tx, &seen).await?.into_iter();
    keys.iter()
        .map(|key| {
            if new.contains(&id(key)) {
                return Ok(Lookup::New);
            }
            match answers.next() {
                // Pruned between the two statements: as good as in use.
                None | Some(Lookup::New) => Err(StoreError::KeyInUse),
                Some(seen) => Ok(seen),
            }
        })
        .collect()
}

type Id = (String, String, String);

async fn insert_claims(
    tx: &Tx,
    sorted: &[(&Key, Option<&Answer>)],
    now: UnixMicros,
) -> Result<Vec<QueryResult>, StoreError> {
    if sorted.is_empty() {
        return Ok(Vec::new());
    }
    let columns = [
        ("scope", Column::Text),
        ("method", Column::Text),
        ("key", Column::Text),
        ("fingerprint", Column::Bytes),
        ("created_at", Column::Int),
        ("code", Column::Int),
        ("body", Column::Bytes),
    ];
    // A claim alone has no room for what is null in all of its rows.
    let columns = if sorted.iter().any(|(_, answer)| answer.is_some()) {
        columns.as_slice()
    } else {
        &columns[..5]
    };
    let names: Vec<_> = columns.iter().map(|(name, _)| *name).collect();
    let names = names.join(", ");
    let insert = |claims: &str| {
        format!(
            "INSERT INTO idempotency_keys ({names}) {claims} WHERE true ON CONFLICT (scope, method, key) DO NOTHING \
             RETURNING scope, method, key"
        )
    };
    let claims: Vec<_> = sorted
        .iter()
        .map(|(key, answer)| {
            row! {
                "scope": key.scope.as_str(), "method": key.method.as_str(),
                "key": key.key.as_str(), "fingerprint": key.fingerprint.to_vec(),
                "created_at": now.0, "code": answer.map(|answer| i64::from(answer.code)),
                "body": answer.map(|answer| answer.body.clone()),
            }
        })
        .collect();
    limit_wait(tx, Some(CLAIM_WAIT)).await?;
    let new = rows::query(tx, columns, claims, insert).await;
    let new = new.map_err(|error| {
        if matches!(error, StoreError::Locked) { StoreError::KeyInUse } else { error }
    })?;
    limit_wait(tx, None).await?;
    Ok(new)
}

/// On SQLite the wait was that for the writer.
async fn limit_wait(tx: &Tx, at_most: Option<Duration>) -> Result<(), StoreError> {
    match (tx.engine(), at_most) {
        (Engine::Sqlite, _) => {}
        (Engine::Postgres, Some(wait)) => {
            let set = format!("SET LOCAL lock_timeout = {}", wait.as_millis());
            tx.execute_unprepared(&set).await?;
        }
        (Engine::Postgres, None) => {
            let set = format!("SET LOCAL lock_timeout = {}", tx.lock_wait().as_millis());
            tx.execute_unprepared(&set).await?;
        }
    }
    Ok(())
}

/// Stores the answer of a key that this transaction has claimed.
///
/// # Errors
/// `Corrupt` if it has not.
pub async fn store(tx: &Tx, key: &Key, answer: &Answer) -> Result<(), StoreError> {
    store_many(tx, &[(key.clone(), answer.clone())]).await
}

/// Stores the answers of keys that this transaction has claimed.
///
/// # Errors
/// `Corrupt` if one was not claimed here.
pub async fn store_many(tx: &Tx, answers: &[(Key, Answer)]) -> Result<(), StoreError> {
    let rows: Vec<_> = answers
        .iter()
        .map(|(key, answer)| {
            row! {
                "scope": key.scope.as_str(), "method": key.method.as_str(),
                "key": key.key.as_str(), "code": answer.code, "body": answer.body.clone(),
            }
        })
        .collect();
    let set = [("code", Column::Int), ("body", Column::Bytes)];
    let stored = rows::update_many(tx, "idempotency_keys", &ID, &set, rows).await?;
    if usize::try_from(stored) != Ok(answers.len()) {
        return Err(StoreError::Corrupt("an answer to an idempotency key never claimed".into()));
    }
    Ok(())
}

/// Gives claims of this transaction back: the keys are as new for whoever comes next.
///
/// # Errors
/// `Corrupt` if one was not claimed here or is answered.
pub async fn give_back_many(tx: &Tx, claimed: &[&Key]) -> Result<(), StoreError> {
    if claimed.is_empty() {
        return Ok(());
    }
    let delete = |ids: &str| {
        format!(
            "DELETE FROM idempotency_keys WHERE code IS NULL AND (scope, method, key) IN ({ids})"
        )
    };
    let ids = claimed.iter().map(|key| id_row(key)).collect();
    let deleted = rows::execute(tx, &ID, ids, delete).await?;
    if usize::try_from(deleted) != Ok(claimed.len()) {
        return Err(StoreError::Corrupt(
            "an idempotency key given back that nobody claimed".into(),
        ));
    }
    Ok(())
}

/// Deletes keys created before an instant, page by page, and returns how many.
///
/// # Errors
/// Those of the database.
pub async fn prune(db: &Database, older_than: UnixMicros) -> Result<u64, StoreError> {
    let delete = "DELETE FROM idempotency_keys WHERE (scope, method, key) IN \
                  (SELECT scope, method, key FROM idempotency_keys \
                  WHERE created_at < $1 ORDER BY created_at LIMIT $2)";
    let mut pruned = 0;
    loop {
        let values = || [older_than.0.into(), PRUNE_PAGE.into()];
        let page = db.write(async |tx: Tx| sql::execute(&tx, delete, values()).await).await?;
        pruned += page;
        if page == 0 {
            return Ok(pruned);
        }
    }
}

fn judge(key: &Key, row: &QueryResult) -> Result<Lookup, StoreError> {
    let fingerprint: Vec<u8> = row.try_get_by("fingerprint")?;
    if fingerprint != key.fingerprint {
        return Ok(Lookup::OtherPayload);
    }
    let code: Option<i64> = row.try_get_by("code")?;
    let body: Option<Vec<u8>> = row.try_get_by("body")?;
    let (Some(code), Some(body)) = (code, body) else {
        return Err(StoreError::Corrupt("an idempotency key was committed unanswered".into()));
    };
    let code =
        i32::try_from(code).map_err(|_| StoreError::Corrupt(format!("{code} is no gRPC code")))?;
    Ok(Lookup::Replay(Answer { code, body }))
}

fn id(key: &Key) -> Id {
    (key.scope.clone(), key.method.clone(), key.key.clone())
}

fn id_of(row: &QueryResult) -> Result<Id, StoreError> {
    Ok((row.try_get_by("scope")?, row.try_get_by("method")?, row.try_get_by("key")?))
}

fn id_row(key: &Key) -> Row {
    row! {"scope": key.scope.as_str(), "method": key.method.as_str(), "key": key.key.as_str()}
}

fn same_id(left: &Key, right: &Key) -> bool {
    (&left.scope, &left.method, &left.key) == (&right.scope, &right.method, &right.key)
}
