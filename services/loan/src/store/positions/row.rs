//! A row of `day_positions` and what it stands for.

use florin_kernel::{Date, LoanId};
use florin_store::{
    StoreError, row,
    rows::{Cell, Column, Row},
};
use sea_orm::QueryResult;

use super::{Group, Position, Standing};
use crate::{
    domain::{
        allocation::Amounts,
        book::Bucket,
        day::{Earned, Moved},
    },
    store::corrupt,
};

pub(super) const COLUMNS: [(&str, Column); 25] = [
    ("loan_id", Column::Text),
    ("product", Column::Text),
    ("version", Column::Int),
    ("currency", Column::Text),
    ("chunk", Column::Int),
    ("status", Column::Int),
    ("accrued_through", Column::Text),
    ("interest", Column::Int),
    ("fee", Column::Int),
    ("penalty", Column::Int),
    ("moved_principal", Column::Int),
    ("moved_interest", Column::Int),
    ("moved_charge", Column::Int),
    ("due_on", Column::Text),
    ("collected_through", Column::Text),
    ("collecting", Column::Text),
    ("attempts", Column::Int),
    ("bucket", Column::Int),
    ("days_past_due", Column::Int),
    ("non_accrual", Column::Bool),
    ("overdue_penalty", Column::Int),
    ("overdue_fee", Column::Int),
    ("overdue_interest", Column::Int),
    ("overdue_principal", Column::Int),
    ("told_due", Column::Text),
];

/// Columns that never change.
pub(super) const FIXED: usize = 5;

pub(super) fn names() -> String {
    crate::store::names(&[&COLUMNS])
}

/// The number of a bucket, in the table and in the contract.
#[must_use]
pub const fn bucket_number(bucket: Bucket) -> i32 {
    match bucket {
        Bucket::Current => 1,
        Bucket::To30 => 2,
        Bucket::To60 => 3,
        Bucket::To90 => 4,
        Bucket::Over90 => 5,
    }
}

fn date_or_empty(date: Option<Date>) -> Cell {
    date.map_or(Cell::Fixed(""), Cell::Date)
}

pub(super) fn to_row(one: &Position) -> Row {
    row! {
        "loan_id": one.loan,
        "product": one.group.product.as_str(),
        "version": one.group.version,
        "currency": one.group.currency.code(),
        "chunk": one.group.chunk,
        "status": match one.standing {
            Standing::Running => 1_i64,
            Standing::Even => 2,
            Standing::GivenUp => 3,
        },
        "accrued_through": date_or_empty(one.accrued_through),
        "interest": one.earned.interest,
        "fee": one.earned.fee,
        "penalty": one.earned.penalty,
        "moved_principal": one.moved.principal,
        "moved_interest": one.moved.interest,
        "moved_charge": one.moved.charge,
        "due_on": one.due_on,
        "collected_through": date_or_empty(one.collected_through),
        "collecting": one.collecting.as_deref(),
        "attempts": one.attempts,
        "bucket": bucket_number(one.bucket),
        "days_past_due": one.days_past_due,
        "non_accrual": one.non_accrual,
        "overdue_penalty": one.overdue.penalty,
        "overdue_fee": one.overdue.fee,
        "overdue_interest": one.overdue.interest,
        "overdue_principal": one.overdue.principal,
        "told_due": date_or_empty(one.told_due),
    }
}

fn date_of(row: &QueryResult, column: &str) -> Result<Option<Date>, StoreError> {
    let text: Option<String> = row.try_get("", column)?;
    let text = text.filter(|text| !text.is_empty());
    text.map(|text| text.parse().map_err(|_| corrupt("a position", column))).transpose()
}

pub(super) fn loan_of(row: &QueryResult) -> Result<LoanId, StoreError> {
    let id: String = row.try_get("", "loan_id")?;
    id.parse().map_err(|_| corrupt(&id, "id"))
}

/// The group of a row with its four columns.
///
/// # Errors
/// `Corrupt` for what was never written.
pub fn group_of(row: &QueryResult) -> Result<Group, StoreError> {
    let currency: String = row.try_get("", "currency")?;
    Ok(Group {
        product: row.try_get("", "product")?,
        version: row.try_get("", "version")?,
        currency: currency.parse().map_err(|_| corrupt("a position", "currency"))?,
        chunk: row.try_get("", "chunk")?,
    })
}

pub(super) fn from_row(row: &QueryResult) -> Result<Position, StoreError> {
    let int = |column: &str| -> Result<i64, StoreError> { Ok(row.try_get("", column)?) };
    let bucket = int("bucket")?;
    let all = [Bucket::Current, Bucket::To30, Bucket::To60, Bucket::To90, Bucket::Over90];
    let bucket = all.into_iter().find(|one| i64::from(bucket_number(*one)) == bucket);
    Ok(Position {
        loan: loan_of(row)?,
        group: group_of(row)?,
        standing: match int("status")? {
            1 => Standing::Running,
            2 => Standing::Even,
            3 => Standing::GivenUp,
            _ => return Err(corrupt("a position", "status")),
        },
        accrued_through: date_of(row, "accrued_through")?,
        earned: Earned { interest: int("interest")?, fee: int("fee")?, penalty: int("penalty")? },
        moved: Moved {
            principal: int("moved_principal")?,
            interest: int("moved_interest")?,
            charge: int("moved_charge")?,
        },
        due_on: date_of(row, "due_on")?,
        collected_through: date_of(row, "collected_through")?,
        collecting: row.try_get("", "collecting")?,
        attempts: int("attempts")?,
        bucket: bucket.ok_or_else(|| corrupt("a position", "bucket"))?,
        days_past_due: int("days_past_due")?,
        non_accrual: row.try_get("", "non_accrual")?,
        overdue: Amounts {
            penalty: int("overdue_penalty")?,
            fee: int("overdue_fee")?,
            interest: int("overdue_interest")?,
            principal: int("overdue_principal")?,
        },
        told_due: date_of(row, "told_due")?,
    })
}
