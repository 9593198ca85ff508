//! The use cases, one a file, named by the bank's verb.

mod accept_loan;
mod advance_movements;
mod apply_for_loan;
mod approve_loan;
mod books;
mod cancel_loan;
mod create_product_version;
mod decide_write_off;
mod disburse_loan;
mod end_of_day;
mod events;
mod export_movements;
mod export_portfolio;
mod get_loan;
mod get_loan_standing;
mod get_product;
mod get_schedule;
mod keep;
mod list_arrears;
mod list_end_of_day_runs;
mod list_loan_steps;
mod list_loans;
mod loaded;
mod propose_write_off;
mod quote_loan;
mod quote_pay_off;
mod reads;
mod recover_loan;
mod refusals;
mod reject_loan;
mod repay_loan;
mod restructure_loan;
mod reverse_repayment;
mod servicing;
mod undo_disbursement;

use std::sync::Arc;

use florin_events::Outbox;
use florin_kernel::{Date, Role};
use florin_rpc::{Dependency, Error, worker_context};
use florin_runtime::Runtime;
use florin_store::Database;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

pub use advance_movements::{Turn, Worker};
pub use end_of_day::Turn as DayTurn;

use self::books::Books;
use crate::Config;

/// What the use cases work with.
#[derive(Clone)]
pub struct Lending {
    db: Database,
    outbox: Outbox,
    /// What handlers ask `account`.
    account: Dependency,
    /// What handlers ask `cif`.
    cif: Dependency,
    /// The worker's way to the ledger: what was decided moves on while reads are refused.
    postings: Dependency,
    books: Books,
    config: Config,
    /// Wakes a worker of this replica.
    due: Arc<Notify>,
    /// Who holds the lease of the end of day: unique to this replica.
    holder: String,
}

impl Lending {
    /// The service; the workers are [`Lending::worker`]'s.
    ///
    /// # Errors
    /// A setting that cannot be used, or a role without database.
    pub fn new(runtime: &Runtime, config: Config) -> anyhow::Result<Self> {
        config.check()?;
        Ok(Self {
            db: runtime.database()?,
            outbox: runtime.outbox.clone(),
            account: runtime.dependency(Role::Account),
            cif: runtime.dependency(Role::Cif),
            postings: runtime.dependency_for(Role::Account, "postings"),
            books: Books::new(runtime.dependency(Role::Account)),
            config,
            due: Arc::default(),
            holder: holder(),
        })
    }

    /// A worker that advances movements of money; several may run, here and in other replicas.
    #[must_use]
    pub fn worker(&self) -> Worker {
        Worker::new(self.clone())
    }

    /// Asks for the business date, until the shutdown.
    pub(crate) fn watch_books(
        &self,
        shutdown: CancellationToken,
    ) -> impl Future<Output = ()> + Send + 'static {
        self.books.clone().watch(shutdown)
    }

    /// Asks `account` for the business date now: the one that this replica goes by from then on.
    ///
    /// # Errors
    /// `account` does not answer.
    pub async fn hear_of_the_date(&self) -> Result<Date, Error> {
        self.books.ask(&worker_context(Role::Loan)).await
    }
}

fn holder() -> String {
    let (millis, random) = florin_store::id_parts();
    florin_kernel::EventId::from_parts(millis, random).to_string()
}
