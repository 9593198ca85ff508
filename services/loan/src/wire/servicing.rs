//! Servicing on the wire.

use florin_kernel::{Currency, Date, Money};
use florin_proto::{
    loan::v1::{ArrearsBucket, EndOfDayRun, LoanAmounts, LoanDayProgress, LoanStanding},
    timestamp,
};

use crate::{
    domain::{allocation::Amounts, book::Bucket},
    store::{
        days::Day,
        positions::{Position, bucket_number},
    },
};

/// Amounts by what they are for.
#[must_use]
pub fn wire_amounts(currency: Currency, amounts: &Amounts) -> LoanAmounts {
    let text = |minor: i64| Money::new(minor, currency).amount();
    LoanAmounts {
        currency: currency.code().to_owned(),
        penalty: text(amounts.penalty),
        fee: text(amounts.fee),
        interest: text(amounts.interest),
        principal: text(amounts.principal),
        total: text(amounts.total()),
    }
}

/// A bucket as the contract has it.
#[must_use]
pub fn wire_bucket(bucket: Bucket) -> ArrearsBucket {
    ArrearsBucket::try_from(bucket_number(bucket)).unwrap_or(ArrearsBucket::Unspecified)
}

/// How a loan stood at the end of its last day.
#[must_use]
pub fn wire_standing(one: &Position) -> LoanStanding {
    let date = |date: Option<Date>| date.map(|date| date.to_string()).unwrap_or_default();
    let earned = Amounts {
        penalty: one.earned.penalty,
        fee: one.earned.fee,
        interest: one.earned.interest,
        principal: 0,
    };
    LoanStanding {
        loan_id: one.loan.to_string(),
        accrued_through: date(one.accrued_through),
        earned: Some(wire_amounts(one.group.currency, &earned)),
        bucket: wire_bucket(one.bucket).into(),
        days_past_due: i32::try_from(one.days_past_due).unwrap_or(i32::MAX),
        overdue: Some(wire_amounts(one.group.currency, &one.overdue)),
        non_accrual: one.non_accrual,
        due_on: date(one.due_on),
    }
}

/// The end of a business date.
#[must_use]
pub fn wire_run(day: &Day) -> EndOfDayRun {
    let steps = day.steps.iter().filter_map(|row| {
        Some(LoanDayProgress {
            step: row.step?.number(),
            begun_at: Some(timestamp(row.begun_at)),
            finished_at: row.finished_at.map(timestamp),
            done: row.done,
            cause: row.cause.clone(),
        })
    });
    EndOfDayRun {
        closed: day.closed.to_string(),
        through: day.through.to_string(),
        begun_at: day.begun_at.map(timestamp),
        ended_at: day.ended_at.map(timestamp),
        steps: steps.collect(),
    }
}
