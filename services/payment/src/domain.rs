//! The rules of payments: values in, values out.

mod authorisation;
mod bulk;
mod bulk_report;
mod clearing;
mod counters;
mod holiday_rule;
mod iso_reasons;
mod limits;
mod order;
mod posting;
mod recalls;
mod reconciling;
mod repair;
mod returns;
mod scoring;
mod standing;
mod transfer;

pub use authorisation::{
    Authorisation, AuthorisationStatus, CardHold, Decider, Decision, Given, MOST_HOLDS, Merchant,
    NotTaken, Operation, OperationKind, Plan, Tolerance, give_back,
    hold_reference as card_hold_reference,
};
pub use bulk::{
    Announced, BatchHead, BulkFormat, BulkStatus, FIRST_BATCH, Line, LineNames, LineOrder,
    MOST_FILE_BYTES, MOST_LINES, MOST_PAYERS, Payer, Paying, Tally,
};
pub use bulk_report::{Counts, Reported};
pub use clearing::{
    Arrival, Directory, Meaning, Stage, hold_reference, message_id, rejection, release_reference,
    return_code, return_text, uetr_of,
};
pub use counters::{Counter, Reservation, months_kept, outlived};
pub use holiday_rule::{HolidayRule, Opened};
pub use iso_reasons::{CANCELLED as ISO_CANCELLED, NARRATIVE as ISO_NARRATIVE, of_reason, of_rule};
pub use limits::{
    BySubject, Limit, LimitExceeded, Limits, Ordering, Period, Subject, Usage, by_subject, limited,
};
pub use order::{Fee, Kind, Order, OrderError, Payee, Route};
pub use posting::{Leg, Posting, Side, Target, posting_reference};
pub use recalls::{
    ALREADY_RETURNED, AskedBack, BY_RECALL, Judgement, NO_ANSWER, RecallReason, RecallStage,
    days_after, debit_reference, judge, recall_message_id, refusal_code,
};
pub use reconciling::{Amiss, Difference, Reconciliation, unexplained};
pub use repair::{Ailing, Remedy, RepairStage, repair_reference};
pub use returns::{Link, NotReturned, Relation, Returned};
pub use scoring::{Rules, Scored};
pub use standing::{
    Frequency, Last, OrderState, OrderStatus, Schedule, Standing, Step as OrderStep,
};
pub use transfer::{
    Ended, Event, Failure, NotAllowed, Screening, Status, StatusError, Step, Transfer,
};
