//! Domain -> wire.

mod loans;
mod schedules;
pub mod servicing;
mod steps;

pub use self::{
    loans::{wire_loan, wire_movement, wire_score, wire_state},
    schedules::{wire_cost, wire_schedule},
    steps::{event_of, step_of},
};
