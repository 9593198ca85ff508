//! A bank for one test: the scripted ledger, a database of its own, replicas of `loan`.

use std::{
    path::PathBuf,
    sync::{Arc, LazyLock},
    time::Duration,
};

use florin_kernel::{AccountId, CustomerId, Role};
use florin_loan::{Config, Lending, Turn};
use florin_proto::{
    cif::v1::{KycStatus, RiskRating},
    loan::v1::{
        AcceptLoanRequest, ApplyForLoanRequest, ApproveLoanRequest, CreateProductVersionRequest,
        DisburseLoanRequest, GetLoanRequest, Loan, LoanProduct, Movement, RepaymentMethod,
        SpacingUnit, Underwriting,
    },
};
use florin_rpc::{CallContext, tls};
use florin_runtime::{Process, Runtime, Settings};
use florin_store::{Database, Tx, sql};
use florin_testkit::{Place, place};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::{Response, Status};

use crate::ledger::{Ledger, Scripted, ServedAccount, ServedCif};

/// One authority for all tests.
static CERTIFICATES: LazyLock<TempDir> = LazyLock::new(|| {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    let names = ["localhost".to_owned()];
    florin_rpc::certs::issue_development_pki(folder.path(), &[], &[], &names).unwrap();
    folder
});

/// SQLite, and PostgreSQL where there is one.
pub fn places() -> Vec<Place> {
    place::places("loan").unwrap()
}

/// A bank whose business date is 2026-03-02.
pub struct Bank {
    pub ledger: Arc<Ledger>,
    pub lending: Lending,
    /// Verified, of medium risk.
    pub anna: CustomerId,
    pub boris: CustomerId,
    /// Anna's, in EUR, with nothing.
    pub account: AccountId,
    pub db: Database,
    settings: Settings,
    config: Config,
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

/// Ordinary loans in months of 30 days, at most three tranches, two persons above 5,000.00.
pub fn product() -> LoanProduct {
    LoanProduct {
        code: "personal".into(),
        name: "Personal loan".into(),
        valid_from: "2026-03-02".into(),
        currency: "EUR".into(),
        least_principal: "100.00".into(),
        most_principal: "50000.00".into(),
        least_rate: "0".into(),
        most_rate: "25".into(),
        least_instalments: 1,
        most_instalments: 120,
        day_count: "30/360".into(),
        every: 1,
        unit: SpacingUnit::Months.into(),
        method: RepaymentMethod::EqualInstalments.into(),
        tranches: 3,
        underwriting: Some(Underwriting {
            two_persons_above: "5000.00".into(),
            ..Underwriting::default()
        }),
        ..LoanProduct::default()
    }
}

impl Bank {
    pub async fn open(place: Place) -> Self {
        let shutdown = CancellationToken::new();
        let ledger = Ledger::new();
        let certificates: PathBuf = CERTIFICATES.path().to_path_buf();
        let of_account =
            serve("account", ServedAccount(Arc::clone(&ledger)), &certificates, &shutdown).await;
        let of_cif = serve("cif", ServedCif(Arc::clone(&ledger)), &certificates, &shutdown).await;
        let mut settings = Settings::default();
        settings.tls.dir = certificates;
        for (role, address) in [(Role::Account, of_account), (Role::Cif, of_cif)] {
            let mut of_role = settings.role(role);
            of_role.address = address;
            settings.set_role(role, of_role);
        }
        let mut of_loan = settings.role(Role::Loan);
        of_loan.database = place.options.clone();
        settings.set_role(Role::Loan, of_loan);
        // Waits end only where a test lets time pass.
        let config = Config {
            retry_least_ms: 60_000,
            retry_most_ms: 60_000,
            // A machine that stalls is no ledger that does not answer.
            ledger_timeout_ms: 60_000,
            lease_ms: 100_000,
            ..Config::default()
        };
        let (process, runtime) = start(&settings).await;
        let lending = Lending::new(&runtime, config.clone()).unwrap();
        let (anna, boris, account) = (customer_id(1), customer_id(2), account_id(1));
        ledger.rate(anna, KycStatus::Verified, RiskRating::Medium);
        ledger.rate(boris, KycStatus::Verified, RiskRating::Low);
        for (id, owner) in [(account, anna), (account_id(2), boris)] {
            let scripted = Scripted { currency: "EUR".into(), owner, balance: 0, refusal: None };
            ledger.put(id, scripted);
        }
        let bank = Self {
            ledger,
            lending,
            anna,
            boris,
            account,
            db: runtime.database().unwrap(),
            settings,
            config,
            shutdown,
            processes: vec![process],
            _place: place,
        };
        bank.create(product()).await.unwrap();
        bank
    }

    /// Another replica on the same database.
    pub async fn replica(&mut self) -> Lending {
        let (process, runtime) = start(&self.settings).await;
        self.processes.push(process);
        Lending::new(&runtime, self.config.clone()).unwrap()
    }

    pub async fn create(
        &self,
        product: LoanProduct,
    ) -> Result<Response<florin_proto::loan::v1::CreateProductVersionResponse>, Status> {
        let request = CreateProductVersionRequest { product: Some(product) };
        let ctx = person("CreateProductVersion", "chief");
        self.lending.create_product_version(&ctx, request).await
    }

    /// Anna asks for 1,000.00 in 6 months at 12 percent.
    pub fn application(&self) -> ApplyForLoanRequest {
        ApplyForLoanRequest {
            customer_id: self.anna.to_string(),
            account_id: self.account.to_string(),
            product: "personal".into(),
            principal: "1000.00".into(),
            rate: "12".into(),
            instalments: 6,
            monthly_income: "3000.00".into(),
            monthly_debts: "200.00".into(),
            ..ApplyForLoanRequest::default()
        }
    }

    /// An application that the clerk has entered.
    pub async fn applied(&self, request: ApplyForLoanRequest) -> Loan {
        let ctx = person("ApplyForLoan", "clerk");
        let answer = self.lending.apply_for_loan(&ctx, request).await.unwrap();
        answer.into_inner().loan.unwrap()
    }

    pub async fn approve(&self, id: &str, who: &str, amount: &str) -> Result<Loan, Status> {
        let request = ApproveLoanRequest {
            loan_id: id.to_owned(),
            amount: amount.to_owned(),
            reason: String::new(),
        };
        let answer = self.lending.approve_loan(&person("ApproveLoan", who), request).await?;
        Ok(answer.into_inner().loan.unwrap())
    }

    pub async fn accept(&self, id: &str) -> Result<Loan, Status> {
        let ctx = place::customer(path("AcceptLoan"), self.anna);
        let request = AcceptLoanRequest { loan_id: id.to_owned() };
        Ok(self.lending.accept_loan(&ctx, request).await?.into_inner().loan.unwrap())
    }

    /// An accepted loan of 1,000.00.
    pub async fn accepted(&self) -> String {
        let id = self.applied(self.application()).await.loan_id;
        self.approve(&id, "boss", "").await.unwrap();
        self.accept(&id).await.unwrap();
        id
    }

    pub async fn disburse(&self, id: &str, amount: &str) -> Result<Movement, Status> {
        let request = DisburseLoanRequest { loan_id: id.to_owned(), amount: amount.to_owned() };
        let ctx = person("DisburseLoan", "clerk");
        let answer = self.lending.disburse_loan(&ctx, request).await?;
        Ok(answer.into_inner().movement.unwrap())
    }

    pub async fn loan(&self, id: &str) -> Loan {
        let ctx = person("GetLoan", "clerk");
        let request = GetLoanRequest { loan_id: id.to_owned() };
        self.lending.get_loan(&ctx, request).await.unwrap().into_inner().loan.unwrap()
    }

    /// A turn of a worker.
    pub async fn turn(&self) -> Turn {
        self.lending.worker().turn().await.unwrap()
    }

    /// Lets the waits and the leases of all movements end.
    pub async fn let_time_pass(&self) {
        let all = "UPDATE movements SET lease_until = CASE WHEN lease_until IS NULL THEN NULL \
                   ELSE 1 END, due_at = CASE WHEN due_at IS NULL THEN NULL ELSE 1 END";
        let done = async |tx: Tx| sql::execute(&tx, all, []).await;
        self.db.write(done).await.unwrap();
    }

    /// Kinds and versions of a loan's events, in order.
    pub async fn events(&self, id: &str) -> Vec<(String, i64)> {
        let query = "SELECT kind, version FROM outbox WHERE aggregate = $1 ORDER BY position";
        let rows = sql::query_all(self.db.read(), query, [id.into()]).await.unwrap();
        rows.iter()
            .map(|row| (row.try_get("", "kind").unwrap(), row.try_get("", "version").unwrap()))
            .collect()
    }
}

async fn start(settings: &Settings) -> (Process, Runtime) {
    let process = Process::new(settings.clone());
    let runtime = process.runtime(Role::Loan, Some(florin_loan::MIGRATIONS)).await.unwrap();
    (process, runtime)
}

async fn serve<S>(
    role: &str,
    service: S,
    folder: &std::path::Path,
    end: &CancellationToken,
) -> String
where
    S: tower::Service<
            http::Request<tonic::body::Body>,
            Response = http::Response<tonic::body::Body>,
            Error = std::convert::Infallible,
        > + tonic::server::NamedService
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send + 'static,
{
    let identity = tls::Identity::load(&tls::TlsFiles::in_dir(folder, role)).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let longest = Duration::from_secs(600);
    let incoming = tls::Incoming::new(listener, identity, longest, end.clone());
    let end = end.clone();
    tokio::spawn(async move {
        tonic::transport::Server::builder()
            .add_service(service)
            .serve_with_incoming_shutdown(incoming, end.cancelled_owned())
            .await
            .unwrap();
    });
    address
}

/// The path of a method, as the server gives it.
pub fn path(method: &str) -> &'static str {
    let of =
        |service: &str| florin_proto::policy::find(&format!("/florin.loan.v1.{service}/{method}"));
    of("LoanService").or_else(|| of("LoanServicingService")).unwrap().path
}

/// A member of staff of this name calls, each time with a key of its own.
pub fn person(method: &str, name: &str) -> CallContext {
    let mut ctx = place::staff(path(method), &["credit_officer", "approver"]);
    ctx.principal.subject = name.to_owned();
    ctx
}
