//! Loans: from the application to the last repayment.
//!
//! A loan is the fold of its steps (`loan_steps`); its row is a projection. Money moves by
//! movements (`movements`): one journal transaction each, decided under the loan's lock, posted
//! by a worker under a reference that is used for nothing else, and only then a step of the loan.
//!
//! ```text
//! apply, approve, accept   once a key: step, projection, event
//! disburse                 once a key: a movement, PENDING
//! worker                   PostTransactions -> DONE with the step, or void -> FAILED
//! ```
//!
//! The rules are in [`domain`]: pure, over values, without a clock and without a float.

mod app;
mod config;
pub mod domain;
mod grpc;
mod store;
mod wire;

use florin_proto::loan::v1::{
    loan_service_server::LoanServiceServer,
    loan_servicing_service_server::LoanServicingServiceServer,
};
use florin_runtime::{Runtime, Started};

pub use app::{DayTurn, Lending, Turn, Worker};
pub use config::{Config, ConfigError};
pub use grpc::{LoanApi, ServicingApi};
pub use store::MIGRATIONS;

/// Starts the workers and builds the service.
///
/// # Errors
/// Says which setting is wrong.
pub async fn start(runtime: &Runtime, config: Config) -> anyhow::Result<Started> {
    let workers = config.workers;
    let lending = Lending::new(runtime, config)?;
    for number in 0..workers {
        let work = lending.worker().run(runtime.shutdown.clone());
        runtime.tasks.spawn(format!("loan worker {number}"), work);
    }
    runtime.tasks.spawn("loan books", lending.watch_books(runtime.shutdown.clone()));
    runtime.tasks.spawn("loan end of day", lending.end_days(runtime.shutdown.clone()));
    let servicing = ServicingApi::new(lending.clone());
    let api = LoanApi::new(lending);
    Ok(Started::new().with(|server| {
        let server = server.add_service(LoanServicingServiceServer::new(servicing));
        server.add_service(LoanServiceServer::new(api))
    }))
}
