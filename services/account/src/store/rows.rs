//! Rows to domain values; what does not parse is corrupt, not a default.

use std::str::FromStr;

use florin_kernel::{AccountId, Currency, Date, Money, UnixMicros};
use florin_store::{
    StoreError,
    rows::{Cell, Keyed},
};
use sea_orm::QueryResult;

use crate::domain::{
    account::{Account, Holder, HolderRole, Status},
    event::AccountEvent,
    hold::{Hold, HoldStatus},
    record::{Record, VOID},
};

/// Columns of `accounts` in the order of their reading.
pub const ACCOUNT: &str = "id, iban, product, control_gl, currency, status, overdraft_limit, \
     opened_on, reference, version, posted, held, last_hash, last_recorded_at";

/// The accounts.
pub const ACCOUNTS: Keyed<'static> = Keyed { table: "accounts", id_column: "id", columns: ACCOUNT };

/// Columns of `holds`.
pub const HOLD: &str = "id, account_id, caller, reference, amount, currency, remaining, captured, \
     status, expires_at, correlation";

/// Columns of `account_events`.
pub const EVENT: &str = "account_id, version, kind, transaction_id, leg, hold_id, delta, \
     held_delta, posted_after, held_after, counterparty, detail, booking_date, value_date, \
     recorded_at, hash";

/// As the table shows it.
impl From<Record> for Cell {
    fn from(record: Record) -> Self {
        match record {
            Record::Account(id) => id.into(),
            Record::Transaction(id) => id.into(),
            Record::Hold(id) => id.into(),
            Record::Void => Self::Fixed(VOID),
        }
    }
}

fn corrupt(column: &str) -> impl FnOnce() -> StoreError {
    let text = format!("column {column} holds what the ledger never wrote");
    move || StoreError::Corrupt(text)
}

/// A text column.
pub fn text(row: &QueryResult, column: &str) -> Result<String, StoreError> {
    Ok(row.try_get_by(column)?)
}

/// An integer column.
pub fn int(row: &QueryResult, column: &str) -> Result<i64, StoreError> {
    Ok(row.try_get_by(column)?)
}

/// A bytes column.
pub fn bytes(row: &QueryResult, column: &str) -> Result<Vec<u8>, StoreError> {
    Ok(row.try_get_by(column)?)
}

/// A date column.
pub fn date(row: &QueryResult, column: &str) -> Result<Date, StoreError> {
    let text = text(row, column)?;
    text.parse().map_err(|_| corrupt(column)())
}

/// A currency column.
pub fn currency(row: &QueryResult, column: &str) -> Result<Currency, StoreError> {
    text(row, column)?.parse().map_err(|_| corrupt(column)())
}

/// An id of a record.
pub fn id<T: FromStr>(row: &QueryResult, column: &str) -> Result<T, StoreError> {
    text(row, column)?.parse().map_err(|_| corrupt(column)())
}

/// An id of a record that may be absent.
pub fn optional_id<T: FromStr>(row: &QueryResult, column: &str) -> Result<Option<T>, StoreError> {
    let text: Option<String> = row.try_get("", column)?;
    text.map(|text| text.parse().map_err(|_| corrupt(column)())).transpose()
}

/// An account with the hash of its last event and when that was recorded.
pub fn account(row: &QueryResult) -> Result<(Account, Vec<u8>, UnixMicros), StoreError> {
    let account = Account {
        id: id(row, "id")?,
        iban: text(row, "iban")?,
        product: text(row, "product")?,
        control_gl: text(row, "control_gl")?,
        currency: currency(row, "currency")?,
        status: Status::from_number(int(row, "status")?).ok_or_else(corrupt("status"))?,
        overdraft_limit: int(row, "overdraft_limit")?,
        opened_on: date(row, "opened_on")?,
        reference: text(row, "reference")?,
        version: int(row, "version")?,
        posted: int(row, "posted")?,
        held: int(row, "held")?,
    };
    Ok((account, bytes(row, "last_hash")?, UnixMicros(int(row, "last_recorded_at")?)))
}

/// A holder with the account's id.
pub fn holder(row: &QueryResult) -> Result<(AccountId, Holder), StoreError> {
    let role = HolderRole::from_number(int(row, "role")?).ok_or_else(corrupt("role"))?;
    Ok((id(row, "account_id")?, Holder { customer: id(row, "customer_id")?, role }))
}

/// A record, by the id that names it.
pub fn record(row: &QueryResult, column: &str) -> Result<Record, StoreError> {
    Record::of_id(&text(row, column)?).ok_or_else(corrupt(column))
}

/// A hold.
pub fn hold(row: &QueryResult) -> Result<Hold, StoreError> {
    Ok(Hold {
        id: id(row, "id")?,
        account: id(row, "account_id")?,
        caller: text(row, "caller")?,
        reference: text(row, "reference")?,
        correlation: text(row, "correlation")?,
        amount: Money::new(int(row, "amount")?, currency(row, "currency")?),
        remaining: int(row, "remaining")?,
        captured: int(row, "captured")?,
        expires_at: row.try_get::<Option<i64>>("", "expires_at")?.map(UnixMicros),
        status: HoldStatus::from_number(int(row, "status")?).ok_or_else(corrupt("status"))?,
    })
}

/// An event with its hash.
pub fn event(row: &QueryResult) -> Result<(AccountEvent, Vec<u8>), StoreError> {
    let event = AccountEvent {
        account_id: id(row, "account_id")?,
        version: int(row, "version")?,
        kind: text(row, "kind")?,
        transaction_id: optional_id(row, "transaction_id")?,
        leg: int(row, "leg")?,
        hold_id: optional_id(row, "hold_id")?,
        delta: int(row, "delta")?,
        held_delta: int(row, "held_delta")?,
        posted_after: int(row, "posted_after")?,
        held_after: int(row, "held_after")?,
        counterparty: text(row, "counterparty")?,
        detail: text(row, "detail")?,
        booking_date: date(row, "booking_date")?,
        value_date: date(row, "value_date")?,
        recorded_at: UnixMicros(int(row, "recorded_at")?),
    };
    Ok((event, bytes(row, "hash")?))
}
