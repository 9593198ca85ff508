//! Accounts that stand aside: the end of a business date went on without them.

use florin_kernel::{AccountId, Date, UnixMicros};
use florin_store::{
    StoreError, Tx, row,
    rows::{self as many, Column, Row},
    sql,
};
use sea_orm::{ConnectionTrait, QueryResult};

use super::{rows, working::Working};
use crate::domain::end_of_day::Step;

/// An account that stands aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAside {
    /// The account.
    pub account: AccountId,
    /// The business date at whose end it was set aside.
    pub closed: Date,
    /// The first step that it lacks.
    pub step: Step,
    /// Why.
    pub cause: String,
    /// Since when.
    pub since: UnixMicros,
}

const COLUMNS: &str = "account_id, closed, step, cause, since";

/// Notes the accounts that steps of the batch set aside. One that stands aside already keeps its
/// place: every step from there on is done again when it catches up.
///
/// # Errors
/// Those of the database.
pub async fn write(tx: &Tx, working: &Working) -> Result<(), StoreError> {
    let all = &working.writes.set_aside;
    if all.is_empty() {
        return Ok(());
    }
    let columns = [
        ("account_id", Column::Text),
        ("closed", Column::Text),
        ("step", Column::Int),
        ("cause", Column::Text),
        ("since", Column::Int),
    ];
    let rows: Vec<Row> = all
        .iter()
        .map(|(step, cause)| {
            row! {
                "account_id": step.account.to_string(), "closed": step.day.closed.to_string(),
                "step": i64::from(step.step.number()), "cause": cause.as_str(),
                "since": working.now.0,
            }
        })
        .collect();
    let insert = |rows: &str| {
        format!(
            "INSERT INTO set_aside (account_id, closed, step, cause, since) {rows} WHERE true \
             ON CONFLICT (account_id) DO NOTHING RETURNING account_id, closed, step, cause"
        )
    };
    for row in many::query(tx, &columns, rows, insert).await? {
        let (account, business_date) =
            (rows::text(&row, "account_id")?, rows::text(&row, "closed")?);
        let (step, cause) = (rows::int(&row, "step")?, rows::text(&row, "cause")?);
        tracing::error!(account, business_date, step, cause, "an account is set aside");
    }
    Ok(())
}

/// Accounts that stand aside above one, by id.
///
/// # Errors
/// Those of the database.
pub async fn page(
    connection: &impl ConnectionTrait,
    after: &str,
    limit: i64,
) -> Result<Vec<SetAside>, StoreError> {
    let query = format!(
        "SELECT {COLUMNS} FROM set_aside WHERE account_id > $1 ORDER BY account_id LIMIT $2"
    );
    let found = sql::query_all(connection, query, [after.into(), limit.into()]).await?;
    found.iter().map(read).collect()
}

/// One that stands aside since the end of a business date up to this one.
///
/// # Errors
/// Those of the database.
pub async fn within(
    connection: &impl ConnectionTrait,
    through: Date,
) -> Result<Option<SetAside>, StoreError> {
    let query =
        format!("SELECT {COLUMNS} FROM set_aside WHERE closed <= $1 ORDER BY closed LIMIT 1");
    let row = sql::query_one(connection, query, [through.to_string().into()]).await?;
    row.map(|row| read(&row)).transpose()
}

/// How many stand aside.
///
/// # Errors
/// Those of the database.
pub async fn count(connection: &impl ConnectionTrait) -> Result<i64, StoreError> {
    let row = sql::query_one(connection, "SELECT COUNT(*) AS rows FROM set_aside", []).await?;
    row.map_or(Ok(0), |row| rows::int(&row, "rows"))
}

/// Notes that an account has caught up.
///
/// # Errors
/// Those of the database.
pub async fn remove(tx: &Tx, account: AccountId) -> Result<(), StoreError> {
    let delete = "DELETE FROM set_aside WHERE account_id = $1";
    sql::execute(tx, delete, [account.to_string().into()]).await.map(|_| ())
}

fn read(row: &QueryResult) -> Result<SetAside, StoreError> {
    let step = Step::from_number(rows::int(row, "step")?);
    Ok(SetAside {
        account: rows::id(row, "account_id")?,
        closed: rows::date(row, "closed")?,
        step: step.ok_or_else(|| StoreError::Corrupt("step of an account set aside".into()))?,
        cause: rows::text(row, "cause")?,
        since: UnixMicros(rows::int(row, "since")?),
    })
}
