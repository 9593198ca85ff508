//! The use cases, one a file, named by the bank's verb.

mod accept;
mod accounts;
mod add_beneficiary;
mod add_bulk_part;
mod advance_authorisations;
mod advance_clearing;
mod advance_transfers;
mod authorise;
mod await_end;
mod books;
mod cancel_transfer;
mod capture_authorisation;
mod change_order;
mod check_bulks;
mod create_authorisation;
mod create_bulk;
mod create_deposit;
mod create_order;
mod create_transfer;
mod create_withdrawal;
mod day_work;
mod decide_recall;
mod decide_repair;
mod desk;
mod events;
mod export_authorisations;
mod export_bulks;
mod export_clearing;
mod export_limits;
mod export_transfers;
mod follow_authorisation;
mod gather;
mod get_authorisation;
mod get_bulk;
mod get_order;
mod get_recall;
mod get_repair;
mod get_transfer;
mod guard_keys;
mod increment_authorisation;
mod intake;
mod list_failing_orders;
mod list_limits;
mod list_transfers;
mod propose_repair;
mod prune_counters;
mod quote_transfer;
mod recall_transfer;
mod receive_messages;
mod reconcile_clearing;
mod refund_transfer;
mod remove_limit;
mod report_bulk;
mod retry_clearing;
mod reverse_authorisation;
mod reverse_transfer;
mod run_bulks;
mod run_orders;
mod score_authorisation;
mod set_limit;
mod update_order;
mod void_failed;

use std::sync::Arc;

use florin_events::Outbox;
use florin_kernel::{AccountId, AuthorisationId, BankIdentity, Role};
use florin_proto::account::v1::Account;
use florin_rpc::Dependency;
use florin_runtime::Runtime;
use florin_store::{
    Database,
    commit::{Committer, Limits as BatchLimits},
    idempotency::{Key, Lookup},
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

pub use advance_clearing::ClearingWorker;
pub use advance_transfers::{Turn, Worker};
pub use desk::Attendance;
pub use score_authorisation::{ScoreRequest, Scorer, Scoring};

use self::{
    accept::Acceptances, await_end::Watchers, books::Books, desk::Desk, gather::Gather,
    intake::Intakes, score_authorisation::RuleScorer,
};
use crate::{Config, clearing::Network, config::Cards, meter::Meter};

/// What the use cases work with.
#[derive(Clone)]
pub struct Payment {
    db: Database,
    outbox: Outbox,
    /// What handlers ask `account`.
    account: Dependency,
    /// The accounts among it.
    accounts: Gather<AccountId, Account>,
    /// The keys of orders.
    keys: Gather<Key, Lookup>,
    /// The worker's way to the ledger: what was accepted moves on while reads are refused.
    postings: Dependency,
    bank: BankIdentity,
    books: Books,
    /// Where orders are taken on that no client sends.
    intakes: Intakes,
    config: Config,
    acceptances: Committer<Acceptances>,
    /// What was taken on for the workers of this replica.
    desk: Desk,
    /// Wakes whoever works on bulks in this replica.
    bulks: Arc<Notify>,
    watchers: Watchers,
    /// How card payments are authorised.
    cards: Arc<Cards>,
    scorer: Arc<dyn Scorer>,
    card_watchers: Watchers<AuthorisationId>,
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
        let cards = Arc::new(config.cards.check()?);
        let network = Network::new(&config.clearing, Arc::clone(&runtime.identity))?;
        let db = runtime.database()?;
        let desk = Desk::new(&config);
        let intakes = Intakes::new(runtime.outbox.clone(), limits, desk.clone());
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
            scorer: Arc::new(RuleScorer::new(db.clone(), &cards)),
            cards,
            card_watchers: Watchers::default(),
            outbox: runtime.outbox.clone(),
            accounts: accounts::gather(&account),
            keys: accept::keys(&db),
            db,
            account,
            postings: runtime.dependency_for(Role::Account, "postings"),
            bank: BankIdentity::new(&bank.country, &bank.bank_code)?,
            books: Books::new(runtime.dependency(Role::Account)),
            intakes,
            config,
            acceptances,
            desk,
            bulks: Arc::default(),
            watchers: Watchers::default(),
            meter: Meter::new(runtime.metrics.clone()),
            network,
        })
    }

    /// The same with another scorer of card payments.
    #[must_use]
    pub fn scored_by(self, scorer: Arc<dyn Scorer>) -> Self {
        Self { scorer, ..self }
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
