//! A gateway over TLS, with its issuer, in front of a payment service that answers by
//! script, over the real mesh.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use florin_gateway::{
    Bounds, Catalogue, DevelopmentClient, Gateway, GatewayConfig, Issuer, Parts, PublicTls, Rate,
    serve,
};
use florin_proto::{
    account::v1 as account,
    common::v1::Reason,
    payment::v1::{
        self as payment,
        payment_service_server::{PaymentService, PaymentServiceServer},
    },
};
use florin_rpc::{
    Dependency, Error, Identity, IssuerConfig, Metrics, Role, Server, StackLimits, TlsFiles,
    Verifier, certs,
};
use florin_testkit::Rest;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

/// What the service was sent: name and value of each metadata entry of interest.
pub type Seen = Arc<Mutex<Vec<BTreeMap<String, String>>>>;

/// Everything that a test needs; ends with it.
pub struct World {
    /// A client without a token.
    pub rest: Rest,
    /// What the service was sent.
    pub seen: Seen,
    /// Where the gateway listens.
    pub port: u16,
    /// The folder of the certificates.
    pub certs: PathBuf,
    /// Stops the gateway.
    pub stop: CancellationToken,
    /// Ends with the gateway.
    pub serving: JoinHandle<()>,
    _folder: tempfile::TempDir,
    _all: tokio_util::sync::DropGuard,
}

fn client(id: &str, roles: &[&str], scopes: &[&str]) -> DevelopmentClient {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    DevelopmentClient {
        id: id.to_owned(),
        secret: Some("development".to_owned()),
        scopes: texts(scopes),
        roles: texts(roles),
        may_impersonate_customers: id == "demo",
        ..DevelopmentClient::default()
    }
}

/// Settings with which no test meets a rate by accident.
pub fn config() -> GatewayConfig {
    let mut config = GatewayConfig {
        stranger_rate: Rate::of(1_000, 1_000),
        cors_origins: vec!["https://app.example.com".to_owned()],
        ..GatewayConfig::default()
    };
    config.issuer.clients = vec![
        client(
            "demo",
            &["teller"],
            &[
                "payments:write",
                "payments:read",
                "cash:write",
                "accounts:read",
                "customers:read",
                "reporting:read",
            ],
        ),
        client("auditor", &["auditor"], &["payments:read", "payments:write", "cash:write"]),
        client("reader", &[], &["payments:read"]),
    ];
    config
}

impl World {
    /// Starts it.
    pub async fn start(config: GatewayConfig) -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let certs = folder.path().join("certs");
        certs::issue_development_pki(&certs, &[], &[], &[]).unwrap();
        let all = CancellationToken::new();
        let (metrics, seen) = (Metrics::new(), Seen::default());

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let url = format!("https://localhost:{port}");
        let issuer = Arc::new(
            Issuer::open(&config.issuer, &url, &folder.path().join("issuer.key")).unwrap(),
        );
        let identity = |role: Role| Identity::load(&TlsFiles::in_dir(&certs, role.name())).unwrap();
        let gateway = identity(Role::Gateway);
        // Keys are found by discovery, over the very port that is tested.
        let issuers = vec![IssuerConfig {
            issuer: url.clone(),
            machines: vec!["reader".to_owned()],
            ..IssuerConfig::default()
        }];
        let verifier = Arc::new(Verifier::new(issuers, &gateway.ca_pem()).unwrap());

        let upstream = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = upstream.local_addr().unwrap().to_string();
        let server =
            Server::new(identity(Role::Payment), Arc::clone(&verifier), Role::Payment, &metrics)
                .add_service(PaymentServiceServer::new(Scripted(Arc::clone(&seen))));
        tokio::spawn(server.serve(upstream, all.clone(), Duration::from_secs(1)));

        let dependency = |role: Role, address: &str| {
            let identity = Arc::clone(&gateway);
            (role, Dependency::new(role, address, identity, StackLimits::default(), &metrics))
        };
        // Nobody listens on port 1; reporting is not part of this mesh at all.
        let services = BTreeMap::from([
            dependency(Role::Payment, &address),
            dependency(Role::Account, "127.0.0.1:1"),
            // Behind the address of cif answers somebody else.
            dependency(Role::Cif, &address),
        ]);
        let bounds = Bounds { connections: 64, drain: Duration::from_secs(5) };
        let router = Gateway::router(Parts {
            catalogue: Catalogue::of_the_contract().unwrap(),
            verifier,
            services,
            issuer: Some(issuer),
            discovery_urls: Vec::new(),
            metrics,
            config,
        })
        .unwrap();
        let stop = all.child_token();
        let serving =
            tokio::spawn(serve(listener, PublicTls::Role(gateway), router, bounds, stop.clone()));
        let rest = Rest::new(&url, &certs.join("ca.pem")).unwrap();
        Self { rest, seen, port, certs, stop, serving, _folder: folder, _all: all.drop_guard() }
    }

    /// A client with a token of this OAuth2 client.
    pub async fn as_client(&self, client: &str) -> Rest {
        self.rest.with_bearer(&self.rest.token(client, None).await.unwrap())
    }

    /// What the service was sent last.
    pub fn last_seen(&self) -> BTreeMap<String, String> {
        self.seen.lock().unwrap().last().cloned().unwrap_or_default()
    }
}

/// Answers by what the request says.
struct Scripted(Seen);

impl Scripted {
    fn note<T>(&self, request: &Request<T>) {
        let entries = [
            "authorization",
            "idempotency-key",
            "prefer",
            "traceparent",
            "x-request-id",
            "grpc-timeout",
        ];
        let seen = entries
            .iter()
            .filter_map(|name| {
                Some(((*name).to_owned(), request.metadata().get(*name)?.to_str().ok()?.to_owned()))
            })
            .collect();
        self.0.lock().unwrap().push(seen);
    }
}

#[tonic::async_trait]
impl PaymentService for Scripted {
    async fn create_transfer(
        &self,
        request: Request<payment::CreateTransferRequest>,
    ) -> Result<Response<payment::CreateTransferResponse>, Status> {
        self.note(&request);
        let asked = request.into_inner();
        match asked.description.as_str() {
            "frozen" => {
                let error = Error::new(account::Reason::AccountFrozen, "the account is frozen");
                return Err(error.with("account_id", asked.from).into());
            }
            "busy" => {
                let error = Error::new(Reason::IdempotencyKeyInUse, "the first one still runs");
                return Err(error.retry_after(Duration::from_millis(1_200)).into());
            }
            "defect" => return Err(Error::internal("SELECT secret FROM vault").into()),
            "amount" => {
                let mut violations = florin_kernel::Violations::new();
                violations.add("amount", "TOO_MANY_DECIMALS", "must have at most 2 decimals");
                return Err(Error::invalid(violations).into());
            }
            "refused again" => {
                let error = Error::new(account::Reason::AccountFrozen, "the account is frozen");
                let mut status = error.to_status();
                status.metadata_mut().insert("idempotent-replayed", "true".parse().unwrap());
                return Err(status);
            }
            "slow" => tokio::time::sleep(Duration::from_millis(700)).await,
            _ => {}
        }
        let mut response = Response::new(payment::CreateTransferResponse {
            transfer_id: "trf_1".to_owned(),
            status: payment::TransferStatus::Processing.into(),
            transfer: Some(payment::Transfer { amount: None, ..payment::Transfer::default() }),
        });
        if asked.description == "again" {
            response.metadata_mut().insert("idempotent-replayed", "true".parse().unwrap());
        }
        Ok(response)
    }

    async fn get_transfer(
        &self,
        request: Request<payment::GetTransferRequest>,
    ) -> Result<Response<payment::GetTransferResponse>, Status> {
        self.note(&request);
        let transfer_id = request.into_inner().transfer_id;
        let transfer = Some(payment::Transfer { transfer_id, ..payment::Transfer::default() });
        Ok(Response::new(payment::GetTransferResponse { transfer, work: None }))
    }

    async fn create_deposit(
        &self,
        _: Request<payment::CreateDepositRequest>,
    ) -> Result<Response<payment::CreateDepositResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn create_withdrawal(
        &self,
        _: Request<payment::CreateWithdrawalRequest>,
    ) -> Result<Response<payment::CreateWithdrawalResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn list_transfers(
        &self,
        _: Request<payment::ListTransfersRequest>,
    ) -> Result<Response<payment::ListTransfersResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn cancel_transfer(
        &self,
        _: Request<payment::CancelTransferRequest>,
    ) -> Result<Response<payment::CancelTransferResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn refund_transfer(
        &self,
        _: Request<payment::RefundTransferRequest>,
    ) -> Result<Response<payment::RefundTransferResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn reverse_transfer(
        &self,
        _: Request<payment::ReverseTransferRequest>,
    ) -> Result<Response<payment::ReverseTransferResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn set_limit(
        &self,
        _: Request<payment::SetLimitRequest>,
    ) -> Result<Response<payment::SetLimitResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn remove_limit(
        &self,
        _: Request<payment::RemoveLimitRequest>,
    ) -> Result<Response<payment::RemoveLimitResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn list_limits(
        &self,
        _: Request<payment::ListLimitsRequest>,
    ) -> Result<Response<payment::ListLimitsResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn create_order(
        &self,
        _: Request<payment::CreateOrderRequest>,
    ) -> Result<Response<payment::CreateOrderResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn get_order(
        &self,
        _: Request<payment::GetOrderRequest>,
    ) -> Result<Response<payment::GetOrderResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn list_orders(
        &self,
        _: Request<payment::ListOrdersRequest>,
    ) -> Result<Response<payment::ListOrdersResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn suspend_order(
        &self,
        _: Request<payment::SuspendOrderRequest>,
    ) -> Result<Response<payment::SuspendOrderResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn resume_order(
        &self,
        _: Request<payment::ResumeOrderRequest>,
    ) -> Result<Response<payment::ResumeOrderResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn skip_order(
        &self,
        _: Request<payment::SkipOrderRequest>,
    ) -> Result<Response<payment::SkipOrderResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn cancel_order(
        &self,
        _: Request<payment::CancelOrderRequest>,
    ) -> Result<Response<payment::CancelOrderResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn get_beneficiary(
        &self,
        _: Request<payment::GetBeneficiaryRequest>,
    ) -> Result<Response<payment::GetBeneficiaryResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn rename_beneficiary(
        &self,
        _: Request<payment::RenameBeneficiaryRequest>,
    ) -> Result<Response<payment::RenameBeneficiaryResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn add_beneficiary(
        &self,
        _: Request<payment::AddBeneficiaryRequest>,
    ) -> Result<Response<payment::AddBeneficiaryResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn remove_beneficiary(
        &self,
        _: Request<payment::RemoveBeneficiaryRequest>,
    ) -> Result<Response<payment::RemoveBeneficiaryResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn list_beneficiaries(
        &self,
        _: Request<payment::ListBeneficiariesRequest>,
    ) -> Result<Response<payment::ListBeneficiariesResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    type ExportTransfersStream =
        tokio_stream::Empty<Result<payment::ExportTransfersResponse, Status>>;

    async fn export_transfers(
        &self,
        _: Request<payment::ExportTransfersRequest>,
    ) -> Result<Response<Self::ExportTransfersStream>, Status> {
        Err(Status::unimplemented(""))
    }
}
