//! Journal transactions of the ends of days, and what the ledger answered for them.

use florin_kernel::{Currency, Date};
use florin_store::{
    StoreError, Tx, row,
    rows::{self, Column},
    sql,
};
use sea_orm::{ConnectionTrait, QueryResult};

use super::date;
use crate::store::{corrupt, names};

/// A journal transaction of the end of a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Booking {
    /// Its reference.
    pub reference: String,
    /// The day.
    pub closed: Date,
    /// Currency.
    pub currency: Currency,
    /// Debited.
    pub debit_gl: String,
    /// Credited.
    pub credit_gl: String,
    /// Minor units, positive.
    pub amount: i64,
    /// The booking date that is asked for; None for the open one.
    pub booking_date: Option<Date>,
    /// The journal transaction.
    pub transaction: Option<String>,
    /// When it was booked.
    pub booked_on: Option<String>,
}

const BOOKING: [(&str, Column); 9] = [
    ("reference", Column::Text),
    ("closed", Column::Text),
    ("currency", Column::Text),
    ("debit_gl", Column::Text),
    ("credit_gl", Column::Text),
    ("amount", Column::Int),
    ("booking_date", Column::Text),
    ("transaction_id", Column::Text),
    ("booked_on", Column::Text),
];

/// Adds bookings.
///
/// # Errors
/// Those of the database.
pub async fn book(tx: &Tx, bookings: &[Booking]) -> Result<(), StoreError> {
    let rows = bookings.iter().map(|one| {
        row! {
            "reference": one.reference.as_str(), "closed": one.closed,
            "currency": one.currency.code(), "debit_gl": one.debit_gl.as_str(),
            "credit_gl": one.credit_gl.as_str(), "amount": one.amount,
            "booking_date": one.booking_date, "transaction_id": None::<String>,
            "booked_on": None::<String>,
        }
    });
    let rows: Vec<_> = rows.collect();
    if rows.is_empty() {
        return Ok(());
    }
    rows::insert_many(tx, "day_bookings", &BOOKING, rows).await.map(drop)
}

fn booking(row: &QueryResult) -> Result<Booking, StoreError> {
    let currency: String = row.try_get("", "currency")?;
    let asked: Option<String> = row.try_get("", "booking_date")?;
    Ok(Booking {
        reference: row.try_get("", "reference")?,
        closed: date(row, "closed")?,
        currency: currency.parse().map_err(|_| corrupt("a booking", "currency"))?,
        debit_gl: row.try_get("", "debit_gl")?,
        credit_gl: row.try_get("", "credit_gl")?,
        amount: row.try_get("", "amount")?,
        booking_date: match asked {
            None => None,
            Some(text) => Some(text.parse().map_err(|_| corrupt("a booking", "date"))?),
        },
        transaction: row.try_get("", "transaction_id")?,
        booked_on: row.try_get("", "booked_on")?,
    })
}

/// Bookings of a day that the ledger has not answered for, by reference.
///
/// # Errors
/// Those of the database.
pub async fn unbooked(
    connection: &impl ConnectionTrait,
    closed: Date,
    limit: i64,
) -> Result<Vec<Booking>, StoreError> {
    let query = format!(
        "SELECT {} FROM day_bookings WHERE closed = $1 AND transaction_id IS NULL \
         ORDER BY reference LIMIT $2",
        names(&[&BOOKING])
    );
    let values = [closed.to_string().into(), limit.into()];
    sql::query_all(connection, query, values).await?.iter().map(booking).collect()
}

/// Bookings of any day that the ledger has not answered for.
///
/// # Errors
/// Those of the database.
pub async fn all_unbooked(connection: &impl ConnectionTrait) -> Result<Vec<Booking>, StoreError> {
    let query = format!(
        "SELECT {} FROM day_bookings WHERE transaction_id IS NULL ORDER BY reference",
        names(&[&BOOKING])
    );
    sql::query_all(connection, query, []).await?.iter().map(booking).collect()
}

/// All bookings after a reference.
///
/// # Errors
/// Those of the database.
pub async fn bookings(
    connection: &impl ConnectionTrait,
    after: &str,
    limit: i64,
) -> Result<Vec<Booking>, StoreError> {
    let query = format!(
        "SELECT {} FROM day_bookings WHERE reference > $1 ORDER BY reference LIMIT $2",
        names(&[&BOOKING])
    );
    let values = [after.into(), limit.into()];
    sql::query_all(connection, query, values).await?.iter().map(booking).collect()
}

/// Notes that the ledger has booked one; whether it was not noted before.
///
/// # Errors
/// Those of the database.
pub async fn booked(
    tx: &Tx,
    reference: &str,
    transaction: &str,
    booked_on: &str,
) -> Result<bool, StoreError> {
    let update = "UPDATE day_bookings SET transaction_id = $2, booked_on = $3 \
                  WHERE reference = $1 AND transaction_id IS NULL";
    let values = [reference.into(), transaction.into(), booked_on.into()];
    Ok(sql::execute(tx, update, values).await? > 0)
}

/// Asks for the open date: the period of the day was closed meanwhile.
///
/// # Errors
/// Those of the database.
pub async fn book_on_the_open_date(tx: &Tx, reference: &str) -> Result<(), StoreError> {
    let update = "UPDATE day_bookings SET booking_date = NULL WHERE reference = $1 \
                  AND transaction_id IS NULL";
    sql::execute(tx, update, [reference.into()]).await.map(drop)
}
