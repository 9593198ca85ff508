//! Loans on both engines, with a scripted `account` and `cif` behind real mutual TLS; and what
//! loans come to, against data from outside.

#![expect(clippy::unwrap_used, reason = "the settings allow it in test functions alone")]

mod bank;
mod disburse_loan;
mod ledger;
mod loan_day_speed;
mod origination;
mod products;
mod quote_loan;
mod races;
mod reading;
mod required;
mod saga_faults;
mod schedules;
mod servicing;
