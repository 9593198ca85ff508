//! The service in a process, over mutual TLS.

use std::time::Duration;

use florin_kernel::Role;
use florin_proto::cif::v1::{
    GetStandingsRequest, GetStandingsResponse, cif_service_client::CifServiceClient,
};
use florin_rpc::{
    Dependency, Error, Identity, Metrics, Retry, StackLimits, TlsFiles, worker_context,
};
use florin_runtime::{DataDir, Process, Settings, Stop, serve_role};
use tokio::net::TcpListener;

const METHOD: &str = "/florin.cif.v1.CifService/GetStandings";

async fn standings(
    certs: &std::path::Path,
    role: Role,
    address: &str,
) -> Result<GetStandingsResponse, Error> {
    let identity = Identity::load(&TlsFiles::in_dir(certs, role.name())).unwrap();
    let metrics = Metrics::new();
    let limits = StackLimits::default();
    let cif = Dependency::new(Role::Cif, address.to_owned(), identity, limits, &metrics);
    let message = GetStandingsRequest::default();
    cif.call(&worker_context(role), METHOD, Retry::Read, message, |channel, request| async {
        CifServiceClient::new(channel).get_standings(request).await
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn serves_the_roles_of_the_contract_and_drains() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    let data = DataDir::open(folder.path()).unwrap();
    florin_rpc::certs::issue_development_pki(&data.certs(), &[], &[], &[]).unwrap();
    let process = Process::new(Settings::embedded(&data));
    let runtime = process.runtime(Role::Cif, Some(florin_cif::MIGRATIONS)).await.unwrap();
    let config = process.settings.section(Role::Cif).unwrap();
    let started = florin_cif::start(&runtime, config).await.unwrap();
    assert!(data.master_key().is_file());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    serve_role(&runtime, started, listener).unwrap();

    let answer = standings(&data.certs(), Role::Account, &address).await.unwrap();
    assert!(answer.standings.is_empty());
    let refused = standings(&data.certs(), Role::Gateway, &address).await.unwrap_err();
    assert_eq!(refused.reason(), "CALLER_NOT_ALLOWED");

    process.shutdown.cancel();
    let stop = tokio::time::timeout(Duration::from_secs(60), process.run_until_stopped()).await;
    assert_eq!(stop.unwrap(), Stop::Asked);
}
