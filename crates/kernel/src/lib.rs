//! The vocabulary that every part of Florin shares: money, identifiers, IBANs, roles,
//! error kinds and collected field violations.
//!
//! Nothing here does I/O, is asynchronous, reads a clock or draws a random number:
//! whatever varies comes in as an argument.

mod bic;
mod calendar;
mod country;
mod day_count;
mod iban;
mod id;
mod interest;
mod kind;
mod money;
mod person;
mod role;
pub mod rule;
mod text;
mod time;
mod uetr;
mod violation;

pub use bic::{Bic, BicError};
pub use calendar::{Calendar, NoWeekend};
pub use country::is_country;
pub use day_count::{DayCount, NegativePeriod, UnknownDayCount, YearFraction};
pub use iban::{BankIdentity, Iban, IbanError};
pub use id::{
    AccountId, ApprovalId, AuthorisationId, BeneficiaryId, BulkId, CustomerId, EventId, HoldId,
    IdError, LoanId, NotificationId, OrderId, RecallId, RelationId, TransactionId, TransferId,
    push_id,
};
pub use interest::{Accrued, NoDecimal, NoRate, Rate};
pub use jiff::civil::Date;
pub use kind::Kind;
pub use money::{Currency, LARGEST_MOVEMENT, Money, MoneyError};
pub use person::Person;
pub use role::{Role, UnknownRole};
pub use text::{TextError, check_text};
pub use time::{DateError, UnixMicros, parse_date};
pub use uetr::{Uetr, UetrError};
pub use violation::{Broken, FieldViolation, Violations};
