//! The use cases, one a file, named by the bank's verb.

mod accept;
mod accounts;
mod add_beneficiary;
mod advance_clearing;
mod advance_transfers;
mod await_end;
mod books;
mod cancel_transfer;
mod change_order;
mod create_deposit;
mod create_order;
mod create_transfer;
mod create_withdrawal;
mod events;
mod export_clearing;
mod export_transfers;
mod get_order;
mod get_transfer;
mod guard_keys;
mod intake;
mod list_limits;
mod list_transfers;
mod prune_counters;
mod receive_messages;
mod refund_transfer;
mod remove_limit;
mod retry_clearing;
mod reverse_transfer;
mod run_orders;
mod set_limit;
mod void_failed;

use std::sync::Arc;

use florin_events::Outbox;
use florin_kernel::{BankIdentity, Role};
use florin_rpc::Dependency;
use florin_runtime::Runtime;
use florin_store::{
    Database,
    commit::{Committer, Limits as BatchLimits},
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

pub use advance_clearing::ClearingWorker;
pub use advance_transfers::{Turn, Worker};

use self::{
    accept::Acceptances, accounts::Gather, await_end::Watchers, books::Books, intake::Intakes,
};
use crate::{Config, clearing::Network, meter::Meter};

/// What the use cases work with.
#[derive(Clone)]
pub struct Payment {
    db: Database,
    outbox: Outbox,
    /// What handlers ask `account`.
    account: Dependency,
    /// The accounts among it.
    accounts: Gather,
    /// The worker's way to the ledger: what was accepted moves on while reads are refused.
    postings: Dependency,
    bank: BankIdentity,
    books: Books,
    /// Where orders are taken on that no client sends.
    intakes: Intakes,
    config: Config,
    acceptances: Committer<Acceptances>,
    /// Wakes a worker of this replica.
    due: Arc<Notify>,
    watchers: Watchers,
    meter: Meter,
    /// The clearing network, where one is connected.
    network: Option<Network>,
}

impl Payment {
    /// Starts the committers of the acceptances; the workers are [`Payment::worker`]'s.
    ///
    /// # Errors
    /// A setting that cannot be used, or a role without database.
    pub fn new(runtime: &Runtime, config: Config) -> anyhow::Result<Self> {
        let limits = config.check()?;
        let network = Network::new(&config.clearing, Arc::clone(&runtime.identity))?;
        let db = runtime.database()?;
        let due = Arc::new(Notify::new());
        let intakes = Intakes::new(runtime.outbox.clone(), limits, Arc::clone(&due));
        let batch = Acceptances::new(intakes.clone());
        let acceptances = Committer::start(
            db.clone(),
            batch,
            BatchLimits::default(),
            config.committers,
            runtime.shutdown.clone(),
        );
        runtime.drain(&acceptances);
        let bank = &runtime.settings.bank;
        let account = runtime.dependency(Role::Account);
        Ok(Self {
            db,
            outbox: runtime.outbox.clone(),
            accounts: accounts::gather(&account),
            account,
            postings: runtime.dependency_for(Role::Account, "postings"),
            bank: BankIdentity::new(&bank.country, &bank.bank_code)?,
            books: Books::new(runtime.dependency(Role::Account)),
            intakes,
            config,
            acceptances,
            due,
            watchers: Watchers::default(),
            meter: Meter::new(runtime.metrics.clone()),
            network,
        })
    }

    /// A worker that advances transfers; several may run, here and in other replicas.
    #[must_use]
    pub fn worker(&self) -> Worker {
        Worker::new(self.clone())
    }

    /// The worker that moves payments between banks; None where no network is connected.
    #[must_use]
    pub fn clearing_worker(&self) -> Option<ClearingWorker> {
        self.network.clone().map(|network| ClearingWorker::new(self.clone(), network))
    }

    /// Asks for the business date, until the shutdown.
    pub(crate) fn watch_books(
        &self,
        shutdown: CancellationToken,
    ) -> impl Future<Output = ()> + Send + 'static {
        self.books.clone().watch(shutdown)
    }

    /// Asks `account` for the business date now: the date that limits and orders go by from
    /// then on, in this replica.
    ///
    /// # Errors
    /// `account` does not answer.
    pub async fn hear_of_the_date(&self) -> Result<florin_kernel::Date, florin_rpc::Error> {
        self.books.ask(&florin_rpc::worker_context(Role::Payment)).await
    }

    /// Measures, until the shutdown, what waits.
    pub(crate) fn measure(
        &self,
        shutdown: CancellationToken,
    ) -> impl Future<Output = ()> + Send + 'static {
        self.meter.clone().watch(self.db.clone(), shutdown)
    }
}
