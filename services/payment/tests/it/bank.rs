//! A bank for one test: the scripted ledger, a database of its own, replicas of `payment`.

use std::{
    path::PathBuf,
    sync::{Arc, LazyLock},
    time::Duration,
};

use florin_kernel::{AccountId, BankIdentity, CustomerId, Kind, Role};
use florin_payment::{Config, Payment, Turn};
use florin_proto::{
    account::v1::HolderRole,
    payment::v1::{
        CreateTransferRequest, CreateTransferResponse, GetTransferRequest, Transfer,
        TransferStatus, TransferWork,
    },
};
use florin_rpc::{CallContext, Dependency, Error, Metrics, StackLimits, tls};
use florin_runtime::{Process, Runtime, Settings};
use florin_store::{Database, Tx, sql};
pub use florin_testkit::place::reason;
use florin_testkit::{
    Place,
    place::{self, number, with_key},
};
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::Semaphore};
use tokio_util::sync::CancellationToken;
use tonic::{Response, Status};

use crate::ledger::{Ledger, Scripted, Served};

/// One authority for all tests.
pub static CERTIFICATES: LazyLock<TempDir> = LazyLock::new(|| {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    let names = ["localhost".to_owned()];
    florin_rpc::certs::issue_development_pki(folder.path(), &["eva"], &[], &names).unwrap();
    folder
});

/// SQLite, and PostgreSQL where there is one.
pub fn places() -> Vec<Place> {
    place::places("payment").unwrap()
}

/// A bank.
pub struct Bank {
    pub ledger: Arc<Ledger>,
    pub payment: Payment,
    pub alice: CustomerId,
    pub bob: CustomerId,
    /// Alice's account with 100.00 EUR, on which Carol may look.
    pub from: AccountId,
    /// Bob's account with nothing.
    pub to: AccountId,
    pub carol: CustomerId,
    /// Orders accepted at once: fewer than a breaker counts.
    at_once: Semaphore,
    settings: Settings,
    config: Config,
    db: Database,
    shutdown: CancellationToken,
    processes: Vec<Process>,
    _place: Place,
}

impl Drop for Bank {
    fn drop(&mut self) {
        self.shutdown.cancel();
        for process in &self.processes {
            process.shutdown.cancel();
        }
    }
}

pub fn customer_id(number: u8) -> CustomerId {
    CustomerId::from_parts(u64::from(number), [number; 10])
}

pub fn account_id(number: u8) -> AccountId {
    AccountId::from_parts(u64::from(number), [number; 10])
}

/// An IBAN of this bank.
pub fn iban(number: u64) -> String {
    let bank = BankIdentity::new("CZ", "8899").unwrap();
    let issued = (0..20).find_map(|step| bank.issue(number * 100 + step).unwrap());
    issued.unwrap().electronic().to_owned()
}

impl Bank {
    pub async fn open(place: Place) -> Self {
        Self::open_with(place, |_| ()).await
    }

    pub async fn open_with(place: Place, change: impl FnOnce(&mut Config)) -> Self {
        let shutdown = CancellationToken::new();
        let ledger = Ledger::new();
        let certificates: PathBuf = CERTIFICATES.path().to_path_buf();
        let address = serve(&ledger, &certificates, &shutdown).await;
        let mut settings = Settings::default();
        settings.tls.dir = certificates;
        let mut of_account = settings.role(Role::Account);
        of_account.address = address;
        settings.set_role(Role::Account, of_account);
        let mut of_payment = settings.role(Role::Payment);
        of_payment.database = place.options.clone();
        settings.set_role(Role::Payment, of_payment);
        // Waits end only where a test lets time pass.
        let mut config = Config {
            retry_least_ms: 60_000,
            retry_most_ms: 60_000,
            // A machine that stalls is no ledger that does not answer.
            ledger_timeout_ms: 60_000,
            lease_ms: 100_000,
            ..Config::default()
        };
        change(&mut config);
        let (process, runtime) = start(&settings).await;
        let payment = Payment::new(&runtime, config.clone()).unwrap();
        let bank = Self {
            ledger,
            payment,
            alice: customer_id(1),
            bob: customer_id(2),
            carol: customer_id(3),
            from: account_id(1),
            to: account_id(2),
            at_once: Semaphore::new(16),
            settings,
            config,
            db: runtime.database().unwrap(),
            shutdown,
            processes: vec![process],
            _place: place,
        };
        let viewer = (bank.carol, HolderRole::Viewer);
        bank.put_account(1, 10_000, vec![(bank.alice, HolderRole::Owner), viewer]);
        bank.put_account(2, 0, vec![(bank.bob, HolderRole::Owner)]);
        bank
    }

    pub fn put_account(&self, number: u8, balance: i64, holders: Vec<(CustomerId, HolderRole)>) {
        let account = Scripted {
            iban: iban(u64::from(number)),
            currency: "EUR".into(),
            holders,
            balance,
            frozen: false,
        };
        self.ledger.put(account_id(number), account);
    }

    /// Another replica on the same database.
    pub async fn replica(&mut self) -> Payment {
        let (process, runtime) = start(&self.settings).await;
        self.processes.push(process);
        Payment::new(&runtime, self.config.clone()).unwrap()
    }

    /// Serves `payment` with its workers as a process does, and returns where.
    pub async fn serve(&mut self) -> String {
        let (process, runtime) = start(&self.settings).await;
        self.processes.push(process);
        let started = florin_payment::start(&runtime, self.config.clone()).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        florin_runtime::serve_role(&runtime, started, listener).unwrap();
        address
    }

    /// A request of a transfer of Alice's to Bob.
    pub fn order(&self, amount: &str) -> CreateTransferRequest {
        CreateTransferRequest {
            from: self.from.to_string(),
            to: self.to.to_string(),
            amount: amount.into(),
            currency: "EUR".into(),
            description: "rent".into(),
        }
    }

    pub async fn transfer(
        &self,
        key: &str,
        request: CreateTransferRequest,
    ) -> Result<Response<CreateTransferResponse>, Status> {
        let _place = self.at_once.acquire().await.unwrap();
        let ctx = customer(self.alice, "CreateTransfer", key);
        self.payment.create_transfer(&ctx, request).await
    }

    /// Accepts a transfer of Alice's to Bob and returns its id.
    pub async fn accepted(&self, key: &str, amount: &str) -> String {
        self.transfer(key, self.order(amount)).await.unwrap().into_inner().transfer_id
    }

    /// The business date, asked for anew.
    pub async fn hear_of_the_date(&self) -> String {
        self.payment.hear_of_the_date().await.unwrap().to_string()
    }

    /// A turn of a worker.
    pub async fn turn(&self) -> Turn {
        self.payment.worker().turn().await.unwrap()
    }

    pub async fn get(&self, id: &str) -> Transfer {
        let request = GetTransferRequest { transfer_id: id.into() };
        let answer = self.payment.get_transfer(&staff("GetTransfer", ""), request).await;
        answer.unwrap().into_inner().transfer.unwrap()
    }

    /// How the work on a transfer stands.
    pub async fn work(&self, id: &str) -> TransferWork {
        let request = GetTransferRequest { transfer_id: id.into() };
        let answer = self.payment.get_transfer(&staff("GetTransfer", ""), request).await;
        answer.unwrap().into_inner().work.unwrap()
    }

    pub async fn status(&self, id: &str) -> TransferStatus {
        self.get(id).await.status()
    }

    /// Lets time pass: waits are over and leases have ended.
    pub async fn let_time_pass(&self) {
        let change = "UPDATE transfers SET due_at = 0, lease_until = 0 WHERE due_at IS NOT NULL";
        self.execute(change).await;
    }

    pub const fn database(&self) -> &Database {
        &self.db
    }

    pub async fn execute(&self, statement: &str) {
        self.db.write(async |tx: Tx| sql::execute(&tx, statement, []).await).await.unwrap();
    }

    /// The texts that a query returns.
    pub async fn texts(&self, query: &str) -> Vec<String> {
        let rows = sql::query_all(self.db.read(), query, []).await.unwrap();
        rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
    }

    /// The documents that a query returns.
    pub async fn documents(&self, query: &str) -> Vec<String> {
        let rows = sql::query_all(self.db.read(), query, []).await.unwrap();
        let bytes = rows.iter().map(|row| row.try_get_by_index::<Vec<u8>>(0).unwrap());
        bytes.map(|bytes| String::from_utf8(bytes).unwrap()).collect()
    }

    pub async fn count(&self, query: &str) -> i64 {
        number(&self.db, query).await.unwrap()
    }

    /// Kinds and versions of a transfer's events, in order.
    pub async fn events(&self, id: &str) -> Vec<(String, i64)> {
        let query = "SELECT kind, version FROM outbox WHERE aggregate = $1 ORDER BY position";
        let rows = sql::query_all(self.db.read(), query, [id.into()]).await.unwrap();
        rows.iter()
            .map(|row| (row.try_get("", "kind").unwrap(), row.try_get("", "version").unwrap()))
            .collect()
    }

    /// The metrics of the first replica.
    pub fn metrics(&self) -> String {
        self.processes[0].metrics.encode()
    }

    pub async fn prune_keys(&self) -> u64 {
        let for_ever = florin_kernel::UnixMicros(i64::MAX);
        florin_store::idempotency::prune(&self.db, for_ever).await.unwrap()
    }
}

async fn start(settings: &Settings) -> (Process, Runtime) {
    let process = Process::new(settings.clone());
    let runtime = process.runtime(Role::Payment, Some(florin_payment::MIGRATIONS)).await.unwrap();
    (process, runtime)
}

async fn serve(ledger: &Arc<Ledger>, folder: &std::path::Path, end: &CancellationToken) -> String {
    let identity = tls::Identity::load(&tls::TlsFiles::in_dir(folder, "account")).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let longest = Duration::from_secs(600);
    let incoming = tls::Incoming::new(listener, identity, longest, end.clone());
    let served = Served(Arc::clone(ledger));
    let end = end.clone();
    tokio::spawn(async move {
        tonic::transport::Server::builder()
            .add_service(served)
            .serve_with_incoming_shutdown(incoming, end.cancelled_owned())
            .await
            .unwrap();
    });
    address
}

/// The way to `payment` with somebody's certificate.
pub fn dial(name: &str, address: &str) -> Dependency {
    let files = tls::TlsFiles::in_dir(CERTIFICATES.path(), name);
    let identity = tls::Identity::load(&files).unwrap();
    Dependency::new(Role::Payment, address, identity, StackLimits::default(), Metrics::new())
}

/// Asks as a client does that is told to come back, or not told at all: the same again, until it
/// is decided. A machine that stands still for seconds makes waits for locks and deadlines end.
pub async fn until_decided<T, F>(mut call: impl FnMut() -> F) -> Result<T, Status>
where
    F: Future<Output = Result<T, Status>>,
{
    let mut ended = call().await;
    for _ in 0..1_000 {
        let undecided = ended.as_ref().err().is_some_and(|status| {
            matches!(
                Error::from_status(status).kind(),
                Kind::Aborted | Kind::Exhausted | Kind::Deadline | Kind::Unavailable
            )
        });
        if !undecided {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        ended = call().await;
    }
    ended
}

/// The path of a method, as the server gives it.
fn path(method: &str) -> &'static str {
    let paths = ["PaymentService", "BulkService"]
        .map(|service| format!("/florin.payment.v1.{service}/{method}"));
    paths.iter().find_map(|path| florin_proto::policy::find(path)).unwrap().path
}

/// A customer calls. The scripted `account` knows it by its token.
pub fn customer(id: CustomerId, method: &str, key: &str) -> CallContext {
    let bearer = Some(format!("customer:{id}"));
    with_key(CallContext { bearer, ..place::customer(path(method), id) }, key)
}

/// A teller calls.
pub fn staff(method: &str, key: &str) -> CallContext {
    let bearer = Some("staff".to_owned());
    with_key(CallContext { bearer, ..place::staff(path(method), &["teller"]) }, key)
}
