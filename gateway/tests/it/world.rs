//! A gateway over TLS, with its issuer, in front of a payment service that answers by
//! script, over the real mesh.

mod payments;

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
use florin_proto::payment::v1::payment_service_server::PaymentServiceServer;
use florin_rpc::{
    Dependency, Identity, IssuerConfig, Metrics, Role, Server, StackLimits, TlsFiles, Verifier,
    certs,
};
use florin_testkit::Rest;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use self::payments::Scripted;

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
