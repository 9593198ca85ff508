//! Who knows accounts and customers: `account` and `cif` as far as a search asks them, each
//! behind its certificate.

use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    path::Path,
    pin::Pin,
    sync::{Arc, LazyLock, Mutex, MutexGuard},
    task::{Context, Poll},
    time::Duration,
};

use florin_kernel::{AccountId, CustomerId, Role};
use florin_proto::{
    account::v1::{
        Account, GetAccountRequest, GetAccountResponse, Holder, HolderRole, ListAccountsRequest,
        ListAccountsResponse, Reason,
    },
    cif::v1::{GetStandingsRequest, GetStandingsResponse, Standing},
    common::v1::Reason as Common,
};
use florin_rpc::{CallContext, Dependency, Error, Metrics, StackLimits, tls};
use florin_testkit::place;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, body::Body};

const SEARCH: &str = "/florin.reporting.v1.ReportingService/SearchTransactions";

/// One authority for all tests.
static CERTIFICATES: LazyLock<TempDir> = LazyLock::new(|| {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    let names = ["localhost".to_owned()];
    florin_rpc::certs::issue_development_pki(folder.path(), &[], &[], &names).unwrap();
    folder
});

#[derive(Default)]
struct State {
    accounts: BTreeMap<AccountId, Vec<(CustomerId, HolderRole)>>,
    customers: BTreeSet<CustomerId>,
    away: bool,
}

/// What `account` and `cif` know.
#[derive(Default)]
pub struct Directory(Mutex<State>);

impl Directory {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub fn put_customer(&self, id: CustomerId) {
        self.state().customers.insert(id);
    }

    pub fn put_account(&self, id: AccountId, holders: &[(CustomerId, HolderRole)]) {
        self.state().accounts.insert(id, holders.to_vec());
    }

    pub fn set_away(&self) {
        self.state().away = true;
    }

    /// The ways to both, served until the end.
    pub async fn serve(self: &Arc<Self>, end: &CancellationToken) -> [Dependency; 2] {
        let mut ways = Vec::new();
        for role in [Role::Account, Role::Cif] {
            let folder = CERTIFICATES.path();
            let address = self.serve_role(role, folder, end).await;
            let files = tls::TlsFiles::in_dir(folder, Role::Reporting.name());
            let identity = tls::Identity::load(&files).unwrap();
            let limits = StackLimits::default();
            ways.push(Dependency::new(role, address.as_str(), identity, limits, Metrics::new()));
        }
        ways.try_into().unwrap()
    }

    async fn serve_role(
        self: &Arc<Self>,
        role: Role,
        folder: &Path,
        end: &CancellationToken,
    ) -> String {
        let identity = tls::Identity::load(&tls::TlsFiles::in_dir(folder, role.name())).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let incoming =
            tls::Incoming::new(listener, identity, Duration::from_secs(600), end.clone());
        let (account, cif) = (OfAccount(Arc::clone(self)), OfCif(Arc::clone(self)));
        let end = end.clone();
        tokio::spawn(async move {
            tonic::transport::Server::builder()
                .add_service(account)
                .add_service(cif)
                .serve_with_incoming_shutdown(incoming, end.cancelled_owned())
                .await
                .unwrap();
        });
        address
    }

    fn answer<T>(
        &self,
        told: impl FnOnce(&State) -> Result<T, Error>,
    ) -> Result<Response<T>, Status> {
        let state = self.state();
        if state.away {
            return Err(Error::new(Common::Unavailable, "scripted").into());
        }
        Ok(Response::new(told(&state)?))
    }

    /// `Bearer customer:cus_..` sees its own, everybody else all.
    fn get_account(
        &self,
        request: &Request<GetAccountRequest>,
    ) -> Result<Response<GetAccountResponse>, Status> {
        let own = customer_of(request);
        self.answer(|state| {
            let id: AccountId = request.get_ref().account_id.parse().unwrap();
            let found = state.accounts.get(&id).filter(|holders| {
                own.is_none_or(|own| holders.iter().any(|(holder, _)| *holder == own))
            });
            let missing = || Error::new(Reason::AccountNotFound, "no such account");
            let account = Some(wire(id, found.ok_or_else(missing)?));
            Ok(GetAccountResponse { account })
        })
    }

    /// Two a page, so that each search of more reads on.
    fn list_accounts(
        &self,
        request: &Request<ListAccountsRequest>,
    ) -> Result<Response<ListAccountsResponse>, Status> {
        let own = customer_of(request);
        self.answer(|state| {
            let customer: CustomerId = request.get_ref().customer_id.parse().unwrap();
            if own.is_some_and(|own| own != customer) {
                return Err(Error::new(Common::NotOwnCustomer, "another's"));
            }
            let held = state.accounts.iter().filter(|(id, holders)| {
                id.to_string() > request.get_ref().page_token
                    && holders.iter().any(|(holder, _)| *holder == customer)
            });
            let mut accounts: Vec<_> = held.map(|(id, holders)| wire(*id, holders)).collect();
            let more = accounts.len() > 2;
            accounts.truncate(2);
            let last = accounts.last().filter(|_| more).map(|last| last.account_id.clone());
            Ok(ListAccountsResponse { accounts, next_page_token: last.unwrap_or_default() })
        })
    }

    fn get_standings(
        &self,
        request: &Request<GetStandingsRequest>,
    ) -> Result<Response<GetStandingsResponse>, Status> {
        self.answer(|state| {
            let known = |id: &&String| state.customers.contains(&id.parse().unwrap());
            let known = request.get_ref().customer_ids.iter().filter(known);
            let standing =
                |id: &String| Standing { customer_id: id.clone(), ..Standing::default() };
            Ok(GetStandingsResponse { standings: known.map(standing).collect() })
        })
    }
}

fn customer_of<T>(request: &Request<T>) -> Option<CustomerId> {
    let token = request.metadata().get("authorization")?.to_str().unwrap();
    token.strip_prefix("Bearer customer:").map(|customer| customer.parse().unwrap())
}

fn wire(id: AccountId, holders: &[(CustomerId, HolderRole)]) -> Account {
    let holders = holders
        .iter()
        .map(|(customer, role)| Holder { customer_id: customer.to_string(), role: (*role).into() });
    Account { account_id: id.to_string(), holders: holders.collect(), ..Account::default() }
}

type Answering =
    Pin<Box<dyn Future<Output = Result<http::Response<Body>, Infallible>> + Send + 'static>>;

/// A gRPC service of the methods that a search calls; all others are unimplemented,
/// whatever the contract has.
macro_rules! serves {
    ($service:ident, $name:literal, $($path:literal => $method:ident),*) => {
        #[derive(Clone)]
        struct $service(Arc<Directory>);

        impl tonic::server::NamedService for $service {
            const NAME: &'static str = $name;
        }

        impl tower::Service<http::Request<Body>> for $service {
            type Response = http::Response<Body>;
            type Error = Infallible;
            type Future = Answering;

            fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
                Poll::Ready(Ok(()))
            }

            fn call(&mut self, request: http::Request<Body>) -> Answering {
                let directory = Arc::clone(&self.0);
                Box::pin(async move {
                    let path = request.uri().path().rsplit('/').next().unwrap().to_owned();
                    Ok(match path.as_str() {
                        $($path => unary(request, move |request| {
                            std::future::ready(directory.$method(&request))
                        }).await,)*
                        other => Status::unimplemented(other).into_http(),
                    })
                })
            }
        }
    };
}

serves!(OfAccount, "florin.account.v1.AccountService",
    "GetAccount" => get_account, "ListAccounts" => list_accounts);
serves!(OfCif, "florin.cif.v1.CifService", "GetStandings" => get_standings);

async fn unary<Req, Res, F, Fut>(request: http::Request<Body>, answer: F) -> http::Response<Body>
where
    Req: prost::Message + Default + Send + 'static,
    Res: prost::Message + Default + Send + 'static,
    F: FnMut(Request<Req>) -> Fut + Send,
    Fut: Future<Output = Result<Response<Res>, Status>> + Send,
{
    let codec = tonic_prost::ProstCodec::<Res, Req>::default();
    tonic::server::Grpc::new(codec).unary(tower::service_fn(answer), request).await
}

pub fn staff() -> CallContext {
    place::staff(SEARCH, &[])
}

/// A customer, whom `account` and `cif` know by its token.
pub fn as_customer(customer: CustomerId) -> CallContext {
    let bearer = Some(format!("customer:{customer}"));
    CallContext { bearer, ..place::customer(SEARCH, customer) }
}
