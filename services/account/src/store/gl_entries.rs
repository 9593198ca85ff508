//! The entries of one posting GL account in one currency, by booking date.

use std::fmt;

use florin_kernel::{Currency, Date, Money, TransactionId, UnixMicros};
use florin_store::{StoreError, sql};
use sea_orm::ConnectionTrait;

use super::rows;

/// Which entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Of {
    /// Code of the GL account.
    pub code: String,
    /// Their currency.
    pub currency: Currency,
    /// Those of this booking date and later; all where None.
    pub from: Option<Date>,
}

/// An entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GlEntry {
    /// Where it stands in the list.
    pub cursor: Cursor,
    /// Its journal transaction.
    pub transaction: TransactionId,
    /// In whose name the reference is unique.
    pub caller: String,
    /// Natural reference.
    pub reference: String,
    /// Kind.
    pub kind: String,
    /// Positive for a credit, negative for a debit.
    pub amount: Money,
    /// Booking date.
    pub booking_date: Date,
    /// When it was recorded.
    pub recorded_at: UnixMicros,
}

/// The place of an entry: booking date, transaction, leg.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor(String, String, i64);

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(date, transaction, leg) = self;
        write!(f, "{date} {transaction} {leg}")
    }
}

impl Cursor {
    /// Reads a place as it was written.
    ///
    /// # Errors
    /// In words, that it is none.
    pub fn parse(text: &str) -> Result<Self, String> {
        let parts: Vec<_> = text.split(' ').collect();
        let broken = || format!("the cursor {text:?} of our own page token");
        let [date, transaction, leg] = parts.as_slice() else { return Err(broken()) };
        let leg = leg.parse().map_err(|_| broken())?;
        Ok(Self((*date).to_owned(), (*transaction).to_owned(), leg))
    }
}

fn from(of: &Of) -> String {
    of.from.map(|date| date.to_string()).unwrap_or_default()
}

/// Credits less debits of what was booked before the first date of the list.
///
/// # Errors
/// Those of the database; `Corrupt` for a sum beyond the range.
pub async fn before(connection: &impl ConnectionTrait, of: &Of) -> Result<Money, StoreError> {
    let query = "SELECT CAST(COALESCE(SUM(amount), 0) AS TEXT) AS net FROM journal_legs \
                 WHERE gl_code = $1 AND currency = $2 AND booking_date < $3";
    let values = [of.code.as_str().into(), of.currency.code().into(), from(of).into()];
    let row = sql::query_one(connection, query, values).await?;
    let net: String = match row {
        Some(row) => row.try_get("", "net")?,
        None => "0".to_owned(),
    };
    let net = net.parse().map_err(|_| StoreError::Corrupt(format!("the sum {net} of {of:?}")))?;
    Ok(Money::new(net, of.currency))
}

/// A page of entries, after a place.
///
/// # Errors
/// Those of the database.
pub async fn page(
    connection: &impl ConnectionTrait,
    of: &Of,
    after: Option<&Cursor>,
    limit: i64,
) -> Result<Vec<GlEntry>, StoreError> {
    let Cursor(date, transaction, leg) =
        after.cloned().unwrap_or_else(|| Cursor(from(of), String::new(), -1));
    let query = "SELECT l.transaction_id, l.leg, l.amount, l.currency, l.booking_date, j.caller, \
                 j.reference, j.kind, j.recorded_at FROM journal_legs AS l JOIN journal AS j \
                 ON j.id = l.transaction_id WHERE l.gl_code = $1 AND l.currency = $2 \
                 AND l.booking_date >= $3 AND (l.booking_date > $3 OR l.transaction_id > $4 \
                 OR (l.transaction_id = $4 AND l.leg > $5)) \
                 ORDER BY l.booking_date, l.transaction_id, l.leg LIMIT $6";
    let values = [
        of.code.as_str().into(),
        of.currency.code().into(),
        date.into(),
        transaction.into(),
        leg.into(),
        limit.into(),
    ];
    let rows = sql::query_all(connection, query, values).await?;
    rows.iter()
        .map(|row| {
            let transaction: TransactionId = rows::id(row, "transaction_id")?;
            let booking_date: String = row.try_get("", "booking_date")?;
            let leg = rows::int(row, "leg")?;
            let date = florin_kernel::parse_date(&booking_date)
                .map_err(|error| StoreError::Corrupt(format!("{transaction}: {error}")))?;
            Ok(GlEntry {
                cursor: Cursor(booking_date, transaction.to_string(), leg),
                transaction,
                caller: row.try_get("", "caller")?,
                reference: row.try_get("", "reference")?,
                kind: row.try_get("", "kind")?,
                amount: Money::new(rows::int(row, "amount")?, rows::currency(row, "currency")?),
                booking_date: date,
                recorded_at: UnixMicros(rows::int(row, "recorded_at")?),
            })
        })
        .collect()
}
