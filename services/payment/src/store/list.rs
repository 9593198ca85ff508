//! Reading transfers by page.

use florin_kernel::{AccountId, TransferId, UnixMicros};
use florin_store::{StoreError, sql};
use sea_orm::{ConnectionTrait, Value};

use super::row::{Record, columns};
use crate::domain::Status;

/// Which transfers a list may show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visible {
    /// All of the bank's.
    All,
    /// Those from or to this account: what staff sees.
    OfAccount(AccountId),
    /// What a holder of this account sees: those from it, and those that were paid to it.
    OfHolder(AccountId),
}

/// A page of transfers, newest first, older than `before`, in one state where `status` names
/// one (a number of the contract).
///
/// # Errors
/// Those of the database.
pub async fn list(
    connection: &impl ConnectionTrait,
    visible: Visible,
    status: Option<i64>,
    before: Option<TransferId>,
    limit: u64,
) -> Result<Vec<Record>, StoreError> {
    let mut values: Vec<Value> = Vec::new();
    let mut bind = |value: Value| {
        values.push(value);
        format!("${}", values.len())
    };
    let mut filter = String::from("1 = 1");
    if let Some(before) = before {
        filter.push_str(&format!(" AND id < {}", bind(before.to_string().into())));
    }
    if let Some(status) = status {
        filter.push_str(&format!(" AND status = {}", bind(status.into())));
    }
    let limit = bind(i64::try_from(limit).unwrap_or(i64::MAX).into());
    let mut side = |column: &str, account: AccountId, more: &str| {
        // A limit a side, so that each walks its own index no further than the page.
        let account = bind(account.to_string().into());
        format!(
            "SELECT id FROM (SELECT id FROM transfers WHERE {column} = {account} AND {filter}\
             {more} ORDER BY id DESC LIMIT {limit}) AS {column}_side"
        )
    };
    let paid = format!(" AND status = {}", Status::Completed.code());
    let sides = match visible {
        Visible::All => None,
        Visible::OfAccount(account) => {
            Some([side("debtor_account", account, ""), side("creditor_account", account, "")])
        }
        Visible::OfHolder(account) => {
            Some([side("debtor_account", account, ""), side("creditor_account", account, &paid)])
        }
    };
    let among = match sides {
        None => filter,
        Some(sides) => format!("id IN ({})", sides.join(" UNION ")),
    };
    let query =
        format!("SELECT {} FROM transfers WHERE {among} ORDER BY id DESC LIMIT {limit}", columns());
    read(connection, query, values).await
}

/// A page of all transfers, oldest first, younger than `after`: for exports.
///
/// # Errors
/// Those of the database.
pub async fn after(
    connection: &impl ConnectionTrait,
    after: Option<TransferId>,
    limit: u32,
) -> Result<Vec<Record>, StoreError> {
    let after = after.map(|id| id.to_string()).unwrap_or_default();
    let query = format!("SELECT {} FROM transfers WHERE id > $1 ORDER BY id LIMIT $2", columns());
    read(connection, query, vec![after.into(), i64::from(limit).into()]).await
}

/// The transfers in one state that is no end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unfinished {
    /// The state.
    pub status: Status,
    /// How many.
    pub count: i64,
    /// When the oldest of them was accepted.
    pub oldest: UnixMicros,
}

/// What has not ended, by state; no entry for a state in which nothing is.
///
/// # Errors
/// Those of the database.
pub async fn unfinished(connection: &impl ConnectionTrait) -> Result<Vec<Unfinished>, StoreError> {
    let states: Vec<_> = Status::ALL
        .iter()
        .filter(|status| !status.is_end())
        .map(|one| one.code().to_string())
        .collect();
    // The index by state counts and finds the first id of each, which is the oldest.
    let query = format!(
        "SELECT t.status, t.created_at, w.waiting FROM (SELECT COUNT(*) AS waiting, MIN(id) AS id \
         FROM transfers WHERE status IN ({}) GROUP BY status) AS w JOIN transfers AS t ON t.id = w.id",
        states.join(", ")
    );
    let rows = sql::query_all(connection, query, []).await?;
    rows.iter()
        .map(|row| {
            let status = Status::from_code(row.try_get("", "status")?);
            Ok(Unfinished {
                status: status.map_err(|error| StoreError::Corrupt(error.to_string()))?,
                count: row.try_get("", "waiting")?,
                oldest: UnixMicros(row.try_get("", "created_at")?),
            })
        })
        .collect()
}

async fn read(
    connection: &impl ConnectionTrait,
    query: String,
    values: Vec<Value>,
) -> Result<Vec<Record>, StoreError> {
    let rows = sql::query_all(connection, query, values).await?;
    rows.iter().map(Record::from_row).collect()
}
