//! The life of a connection: its age, its refusal.

use std::time::Duration;

use florin_proto::ops::v1::{ListOutboxEventsRequest, ops_service_client::OpsServiceClient};
use florin_rpc::{
    Error, Role, Verifier,
    health::{
        ServingStatus,
        wire::{HealthCheckRequest, health_client::HealthClient},
    },
};
use rustls::pki_types::ServerName;
use tokio::{io::AsyncReadExt as _, net::TcpStream};
use tokio_rustls::TlsConnector;

use crate::bench::Bench;

const SERVICE: &str = "florin.ops.v1.OpsService";

#[tokio::test]
async fn an_aged_connection_is_cut_without_calls_and_kept_with_them() {
    let age = Duration::from_millis(200);
    let bench =
        Bench::start_as(Verifier::none().unwrap(), |server| server.connection_age(age, age)).await;
    let channel = bench.channel("operator-eva");
    let watch = HealthCheckRequest { service: SERVICE.to_owned() };
    let mut watched = HealthClient::new(channel.clone()).watch(watch).await.unwrap().into_inner();
    assert_eq!(watched.message().await.unwrap().unwrap().status(), ServingStatus::Serving);

    // A connection that says nothing at all, opened later, is cut: age and grace are over.
    for _ in 0..3 {
        let config = bench.identity("client-till").client_config(&Role::Payment.spiffe()).unwrap();
        let tcp = TcpStream::connect(bench.address).await.unwrap();
        let name = ServerName::from(bench.address.ip());
        let mut silent = TlsConnector::from(config).connect(name, tcp).await.unwrap();
        let mut heard = Vec::new();
        let cut = tokio::time::timeout(Duration::from_secs(60), silent.read_to_end(&mut heard));
        // The end is one without a farewell of TLS, which rustls calls an error.
        let _ = cut.await.expect("an idle connection is cut");
    }

    bench.health.set(SERVICE, ServingStatus::NotServing);
    let told = watched.message().await.unwrap().unwrap();
    assert_eq!(told.status(), ServingStatus::NotServing, "the stream outlived the age");
    // New calls of the same client go on over a new connection.
    let mut client = OpsServiceClient::new(channel);
    while let Err(gone) = client.list_outbox_events(ListOutboxEventsRequest::default()).await {
        assert_eq!(Error::from_status(&gone).reason(), "UNAVAILABLE", "worth another attempt");
    }
}

#[tokio::test]
async fn a_refused_connection_is_counted() {
    let bench = Bench::start().await;
    let mut stranger = TcpStream::connect(bench.address).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut stranger, b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let mut heard = Vec::new();
    let _ = stranger.read_to_end(&mut heard).await;
    let counted = "florin_connections_refused_total{role=\"payment\",stage=\"handshake\"} 1";
    while !bench.metrics.encode().contains(counted) {
        tokio::task::yield_now().await;
    }
}
