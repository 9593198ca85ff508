//! The rules of payments: values in, values out.

mod clearing;
mod limits;
mod order;
mod posting;
mod returns;
mod standing;
mod transfer;

pub use clearing::{
    Arrival, Directory, Meaning, Stage, hold_reference, message_id, rejection, release_reference,
    return_code, uetr_of,
};
pub use limits::{
    BySubject, Limit, LimitExceeded, Limits, Ordering, Period, Subject, Usage, by_subject, limited,
    outlived,
};
pub use order::{Kind, Order, OrderError, Payee, Route};
pub use posting::{Leg, Posting, Side, Target, posting_reference};
pub use returns::{Link, NotReturned, Relation, Returned};
pub use standing::{
    Frequency, Last, OrderState, OrderStatus, Schedule, Standing, Step as OrderStep,
};
pub use transfer::{
    Ended, Event, Failure, NotAllowed, Screening, Status, StatusError, Step, Transfer,
};
