//! Gates: locks of names that have no row. Whoever passes a gate shares it with all who pass;
//! whoever shuts it waits until those have ended, and keeps new ones out until its own end.
//! PostgreSQL queues both by arrival, so that nobody starves. On SQLite whoever writes is alone.
//!
//! What is read in a statement after the gate was passed or shut has everything of those who had
//! to end before; what is read in a statement before has not.

use std::collections::BTreeSet;

use crate::{Engine, StoreError, Tx, sql};

/// Gates of a table that are told apart: many names share one, so that a transaction with many
/// names holds no more locks than the server has room for.
const STRIPES: u8 = 255;

/// Whether others may be inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passing {
    /// All who pass.
    Shared,
    /// Nobody else.
    Alone,
}

/// Passes or shuts the gate of a table until the transaction ends.
///
/// # Errors
/// Those of the database, a wait that is too long among them.
pub async fn of_table(tx: &Tx, table: &str, passing: Passing) -> Result<(), StoreError> {
    if tx.engine() == Engine::Sqlite {
        return Ok(());
    }
    let lock = function(passing);
    let query = format!("SELECT {lock}('{table}'::regclass::oid::int4, 0)");
    sql::query_all(tx, query, []).await.map(|_| ())
}

/// As [`of_table`], of gates that are called by names; take those that a transaction needs at
/// once, since they are sorted within the call alone.
///
/// # Errors
/// Those of the database, a wait that is too long among them.
pub async fn of_names(
    tx: &Tx,
    table: &str,
    names: &BTreeSet<String>,
    passing: Passing,
) -> Result<(), StoreError> {
    if tx.engine() == Engine::Sqlite || names.is_empty() {
        return Ok(());
    }
    let lock = function(passing);
    let query = format!(
        "SELECT {lock}('{table}'::regclass::oid::int4, stripe) FROM \
         (SELECT DISTINCT 1 + (hashtext(name) & {STRIPES}) AS stripe \
          FROM unnest($1::text[]) AS name ORDER BY stripe) AS sorted"
    );
    let names: Vec<&String> = names.iter().collect();
    let values = [crate::rows::texts(tx.engine(), &names)];
    sql::query_all(tx, query, values).await.map(|_| ())
}

const fn function(passing: Passing) -> &'static str {
    match passing {
        Passing::Shared => "pg_advisory_xact_lock_shared",
        Passing::Alone => "pg_advisory_xact_lock",
    }
}
