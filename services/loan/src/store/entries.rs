//! What loans have in the general ledger, a row a journal transaction and GL account: written with
//! what is known of the transaction's end, read by the proof.

use std::collections::BTreeMap;

use florin_kernel::Currency;
use florin_proto::{
    account::v1::{TransactionRequest, leg::Target},
    common::v1::Direction,
    money_of,
};
use florin_store::{
    StoreError, Tx, row,
    rows::{self, Column},
    sql,
};
use sea_orm::ConnectionTrait;

use super::corrupt;

/// A posted journal transaction.
#[derive(Debug, Clone, Copy)]
pub struct Posted<'a> {
    /// What was asked for.
    pub request: &'a TransactionRequest,
    /// The date on which the ledger booked it.
    pub booking_date: &'a str,
}

/// Records posted transactions; one that is there already stays.
///
/// # Errors
/// `Corrupt` for a request that no ledger can have posted; those of the database.
pub async fn record(tx: &Tx, posted: &[Posted<'_>]) -> Result<(), StoreError> {
    let columns = [
        ("reference", Column::Text),
        ("gl_code", Column::Text),
        ("currency", Column::Text),
        ("booking_date", Column::Text),
        ("amount", Column::Int),
    ];
    let mut sums: BTreeMap<(&str, &str, &str, String), i64> = BTreeMap::new();
    for one in posted {
        for leg in &one.request.legs {
            let Some(Target::GlCode(code)) = &leg.target else { continue };
            let unreadable = || corrupt(&one.request.reference, "leg");
            let money = money_of(leg.amount.as_ref()).map_err(|_| unreadable())?;
            let minor = match leg.direction() {
                Direction::Debit => money.minor(),
                Direction::Credit => money.minor().checked_neg().ok_or_else(unreadable)?,
                Direction::Unspecified => return Err(unreadable()),
            };
            let key = (
                one.request.reference.as_str(),
                code.as_str(),
                one.booking_date,
                money.currency().to_string(),
            );
            let sum = sums.entry(key).or_default();
            *sum = sum.checked_add(minor).ok_or_else(unreadable)?;
        }
    }
    let rows = sums.into_iter().map(|((reference, code, date, currency), amount)| {
        row! {
            "reference": reference, "gl_code": code, "currency": currency,
            "booking_date": date, "amount": amount,
        }
    });
    let conflict = ["reference", "gl_code", "currency"];
    rows::insert_missing(tx, "book_entries", &columns, &conflict, rows.collect()).await.map(drop)
}

/// A sum of entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sum {
    /// Code of the GL account.
    pub gl_code: String,
    /// Currency.
    pub currency: Currency,
    /// Debits less credits, minor units.
    pub amount: i64,
}

/// What loans have on each GL account at the end of a booking date.
///
/// # Errors
/// Those of the database; a sum that leaves 64 bits.
pub async fn sums(
    connection: &impl ConnectionTrait,
    through: &str,
) -> Result<Vec<Sum>, StoreError> {
    let query = "SELECT gl_code, currency, CAST(SUM(amount) AS BIGINT) AS amount FROM book_entries \
                 WHERE booking_date <= $1 GROUP BY gl_code, currency ORDER BY gl_code, currency";
    let found = sql::query_all(connection, query, [through.into()]).await?;
    let read = found.iter().map(|row| {
        let currency: String = row.try_get("", "currency")?;
        Ok(Sum {
            gl_code: row.try_get("", "gl_code")?,
            currency: currency.parse().map_err(|_| corrupt("an entry", "currency"))?,
            amount: row.try_get("", "amount")?,
        })
    });
    read.collect()
}

/// References of movements that have not ended, the first so many: the ledger may have them.
///
/// # Errors
/// Those of the database.
pub async fn in_flight(
    connection: &impl ConnectionTrait,
    limit: i64,
) -> Result<Vec<String>, StoreError> {
    let query = "SELECT reference FROM movements WHERE state IN (1, 2) ORDER BY reference LIMIT $1";
    let found = sql::query_all(connection, query, [limit.into()]).await?;
    found.iter().map(|row| Ok(row.try_get("", "reference")?)).collect()
}
