//! The bank's calendar, and the business days that were closed.

use florin_kernel::{Calendar, Date, UnixMicros};
use florin_store::{StoreError, Tx, sql};
use sea_orm::{ConnectionTrait, QueryResult};

use super::rows;

/// A holiday and its name.
pub type Holiday = (Date, String);

/// Days of the week without business, 1 is Monday.
///
/// # Errors
/// Those of the database.
pub async fn weekend(connection: &impl ConnectionTrait) -> Result<Vec<i8>, StoreError> {
    let query = "SELECT weekday FROM weekend_days ORDER BY weekday";
    let found = sql::query_all(connection, query, []).await?;
    let weekday = |row: &QueryResult| {
        i8::try_from(rows::int(row, "weekday")?)
            .map_err(|_| StoreError::Corrupt("a weekday".into()))
    };
    found.iter().map(weekday).collect()
}

/// Holidays from a day on, by date, after the one named.
///
/// # Errors
/// Those of the database.
pub async fn holidays(
    connection: &impl ConnectionTrait,
    (from, after): (&str, &str),
    limit: i64,
) -> Result<Vec<Holiday>, StoreError> {
    let query = "SELECT day, name FROM holidays WHERE day >= $1 AND day > $2 \
                 ORDER BY day LIMIT $3";
    let found =
        sql::query_all(connection, query, [from.into(), after.into(), limit.into()]).await?;
    found.iter().map(holiday).collect()
}

fn holiday(row: &QueryResult) -> Result<Holiday, StoreError> {
    Ok((rows::date(row, "day")?, rows::text(row, "name")?))
}

/// The calendar from a day on, as far as `days` more matter.
///
/// # Errors
/// Those of the database.
pub async fn calendar(
    connection: &impl ConnectionTrait,
    from: Date,
    days: u32,
) -> Result<Calendar, StoreError> {
    let holidays = holidays(connection, (&from.to_string(), ""), i64::from(days) + 1).await?;
    let weekend = weekend(connection).await?;
    Calendar::new(weekend, holidays.into_iter().map(|(day, _)| day))
        .map_err(|error| StoreError::Corrupt(error.to_string()))
}

/// Adds a holiday where the day is none; tells whether it was added.
///
/// # Errors
/// Those of the database.
pub async fn add(tx: &Tx, day: Date, name: &str) -> Result<bool, StoreError> {
    let insert = "INSERT INTO holidays (day, name) VALUES ($1, $2) ON CONFLICT (day) DO NOTHING";
    Ok(sql::execute(tx, insert, [day.to_string().into(), name.into()]).await? == 1)
}

/// The name of a holiday.
///
/// # Errors
/// Those of the database.
pub async fn name_of(
    connection: &impl ConnectionTrait,
    day: Date,
) -> Result<Option<String>, StoreError> {
    let query = "SELECT name FROM holidays WHERE day = $1";
    let row = sql::query_one(connection, query, [day.to_string().into()]).await?;
    row.map(|row| rows::text(&row, "name")).transpose()
}

/// Takes a holiday away; tells whether it was there.
///
/// # Errors
/// Those of the database.
pub async fn remove(tx: &Tx, day: Date) -> Result<bool, StoreError> {
    let delete = "DELETE FROM holidays WHERE day = $1";
    Ok(sql::execute(tx, delete, [day.to_string().into()]).await? == 1)
}

/// The business date that was opened when this one was closed.
///
/// # Errors
/// Those of the database.
pub async fn opened_after(
    connection: &impl ConnectionTrait,
    closed: Date,
) -> Result<Option<Date>, StoreError> {
    let query = "SELECT opened FROM business_days WHERE closed = $1";
    let row = sql::query_one(connection, query, [closed.to_string().into()]).await?;
    row.map(|row| rows::date(&row, "opened")).transpose()
}

/// Notes that a business date was closed and which one was opened.
///
/// # Errors
/// Those of the database; `Conflict` where it was closed before.
pub async fn close(tx: &Tx, closed: Date, opened: Date, at: UnixMicros) -> Result<(), StoreError> {
    let insert = "INSERT INTO business_days (closed, opened, closed_at) VALUES ($1, $2, $3)";
    let values = [closed.to_string().into(), opened.to_string().into(), at.0.into()];
    sql::execute(tx, insert, values).await.map(|_| ())
}

/// The first business date of the list; None where none was closed yet.
///
/// # Errors
/// Those of the database.
pub async fn first_closed(connection: &impl ConnectionTrait) -> Result<Option<Date>, StoreError> {
    let query = "SELECT closed FROM business_days ORDER BY closed LIMIT 1";
    let row = sql::query_one(connection, query, []).await?;
    row.map(|row| rows::date(&row, "closed")).transpose()
}

/// Notes what a replica closed that kept no list: what was opened last is open, or was closed
/// since, whichever dates that went by. To be called under the exclusive lock of the books.
///
/// # Errors
/// Those of the database.
pub async fn close_gap(tx: &Tx, open: Date) -> Result<(), StoreError> {
    let query = "SELECT opened FROM business_days ORDER BY closed DESC LIMIT 1";
    let Some(row) = sql::query_one(tx, query, []).await? else { return Ok(()) };
    let last = rows::date(&row, "opened")?;
    if last < open {
        tracing::warn!(closed = %last, opened = %open, "a business date was closed without a note");
        close(tx, last, open, tx.now().await?).await?;
    }
    Ok(())
}
