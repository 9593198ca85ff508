//! Certificates: who gets in, whom a client trusts, and what happens when files change.

use std::{fs, sync::Arc};

use florin_proto::ops::v1::{ListOutboxEventsRequest, ops_service_client::OpsServiceClient};
use florin_rpc::{Dependency, Error, Metrics, Retry, Role, StackLimits, TlsFiles, tls};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

use crate::bench::{Act, Bench, caller, issue, list, pki};

/// Speaks to the server as a stranger would: returns its certificate and what it answers
/// to an HTTP/2 preface, empty where it hangs up.
async fn stranger(
    bench: &Bench,
    versions: &[&'static rustls::SupportedProtocolVersion],
    own: Option<TlsFiles>,
) -> std::io::Result<(Vec<u8>, Vec<u8>)> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(bench.dir.path().join("ca.pem")).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match own {
        None => builder.with_no_client_auth(),
        Some(files) => {
            let cert = CertificateDer::from_pem_file(files.cert).unwrap();
            let key = PrivateKeyDer::from_pem_file(files.key).unwrap();
            builder.with_client_auth_cert(vec![cert], key).unwrap()
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    let tcp = TcpStream::connect(bench.address).await?;
    let name = ServerName::try_from("payment").unwrap();
    let mut tls = TlsConnector::from(Arc::new(config)).connect(name, tcp).await?;
    let certificate = tls.get_ref().1.peer_certificates().unwrap()[0].to_vec();
    tls.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await?;
    let mut answer = [0; 9];
    let count = tls.read(&mut answer).await?;
    Ok((certificate, answer[..count].to_vec()))
}

#[tokio::test]
async fn a_stranger_gets_nothing() {
    let bench = Bench::start().await;
    let tls13 = &[&rustls::version::TLS13];
    let other = pki();
    let foreign = TlsFiles::in_dir(other.path(), "operator-eva");
    assert!(stranger(&bench, tls13, None).await.is_err(), "no certificate");
    assert!(stranger(&bench, tls13, Some(foreign)).await.is_err(), "another authority's");
    // Of our authority, but without a SPIFFE id.
    let nats = TlsFiles::in_dir(bench.dir.path(), "nats");
    let answer = stranger(&bench, tls13, Some(nats)).await;
    assert!(answer.map_or(true, |(_, answer)| answer.is_empty()), "no SPIFFE id");
    let old = TlsFiles::in_dir(bench.dir.path(), "operator-eva");
    assert!(stranger(&bench, &[&rustls::version::TLS12], Some(old.clone())).await.is_err());
    let (_, answer) = stranger(&bench, tls13, Some(old)).await.unwrap();
    assert!(!answer.is_empty(), "the same with the operator's certificate is answered");
}

#[tokio::test]
async fn a_refused_certificate_is_unavailable_to_the_caller() {
    let bench = Bench::start().await;
    let other = pki();
    // Trusts the server, but is not trusted by it.
    for end in ["pem", "key"] {
        let name = format!("reporting.{end}");
        fs::copy(other.path().join(&name), bench.dir.path().join(&name)).unwrap();
    }
    let both = fs::read_to_string(bench.dir.path().join("ca.pem")).unwrap()
        + &fs::read_to_string(other.path().join("ca.pem")).unwrap();
    fs::write(bench.dir.path().join("ca.pem"), both).unwrap();
    let dependency = bench.dependency(StackLimits::default());
    let error = list(&dependency, &caller(), Retry::Never).await.unwrap_err();
    assert_eq!(error.reason(), "UNAVAILABLE", "{error:?}");
    assert_eq!(error.metadata()["layer"], "transport");
    assert_eq!(error.metadata()["dependency"], "payment");
    assert_eq!(bench.script.calls(), 0);
}

#[tokio::test]
async fn a_client_talks_only_to_the_role_it_dialled() {
    let bench = Bench::start().await;
    let metrics = Metrics::new();
    let wrong = Dependency::new(
        Role::Account,
        bench.address,
        bench.identity("reporting"),
        StackLimits::default(),
        &metrics,
    );
    let error = list(&wrong, &caller(), Retry::Never).await.unwrap_err();
    assert_eq!(error.reason(), "UNAVAILABLE");
    assert_eq!(bench.script.calls(), 0);
    let right = bench.dependency(StackLimits::default());
    assert_eq!(list(&right, &caller(), Retry::Never).await, Ok(7));
}

#[tokio::test]
async fn a_new_certificate_is_used_without_a_restart_and_old_connections_go_on() {
    let bench = Bench::start().await;
    let tls13 = &[&rustls::version::TLS13];
    let operator = || Some(TlsFiles::in_dir(bench.dir.path(), "operator-eva"));
    let (before, _) = stranger(&bench, tls13, operator()).await.unwrap();
    let mut open = bench.operator();
    open.list_outbox_events(ListOutboxEventsRequest::default()).await.unwrap();

    assert!(!bench.identity.reload().unwrap(), "nothing new yet");
    fs::remove_file(bench.dir.path().join("payment.pem")).unwrap();
    issue(bench.dir.path());
    assert!(bench.identity.reload().unwrap());

    let (after, _) = stranger(&bench, tls13, operator()).await.unwrap();
    assert_ne!(before, after);
    open.list_outbox_events(ListOutboxEventsRequest::default()).await.unwrap();
}

#[tokio::test]
async fn a_watched_certificate_is_taken_over_by_itself() {
    let bench = Bench::start().await;
    let before = bench.identity.server_config();
    let every = std::time::Duration::from_millis(10);
    let watching = bench.identity.watch(every, bench.shutdown.clone());
    fs::remove_file(bench.dir.path().join("payment.pem")).unwrap();
    issue(bench.dir.path());
    let taken_over = async {
        while Arc::ptr_eq(&before, &bench.identity.server_config()) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), taken_over).await.unwrap();
    bench.shutdown.cancel();
    watching.await.unwrap();
}

#[tokio::test]
async fn a_torn_pair_or_anothers_certificate_keeps_the_last_good_one() {
    let bench = Bench::start().await;
    let path = |name: &str| bench.dir.path().join(name);
    let (cert, key) =
        (fs::read(path("payment.pem")).unwrap(), fs::read(path("payment.key")).unwrap());

    fs::copy(path("account.pem"), path("payment.pem")).unwrap();
    assert!(matches!(bench.identity.reload(), Err(tls::TlsError::Unfit(..))), "torn");
    fs::copy(path("account.key"), path("payment.key")).unwrap();
    assert!(matches!(bench.identity.reload(), Err(tls::TlsError::OtherIdentity { .. })));
    fs::write(path("payment.pem"), "half a certi").unwrap();
    assert!(matches!(bench.identity.reload(), Err(tls::TlsError::NotPem(..))));
    fs::remove_file(path("payment.pem")).unwrap();
    assert!(matches!(bench.identity.reload(), Err(tls::TlsError::Read(..))));

    let mut fresh = bench.operator();
    fresh.list_outbox_events(ListOutboxEventsRequest::default()).await.unwrap();
    fs::write(path("payment.pem"), cert).unwrap();
    fs::write(path("payment.key"), key).unwrap();
    assert!(!bench.identity.reload().unwrap());
}

#[tokio::test]
async fn a_role_that_is_not_among_the_callers_is_denied_and_counted() {
    let bench = Bench::start().await;
    for (name, allowed) in [
        ("operator-eva", true),
        ("reporting", true),
        ("account", false),
        ("gateway", false),
        ("client-till", false),
    ] {
        bench.script.set(Act::Answer);
        let mut client = OpsServiceClient::new(bench.channel(name));
        let answer = client.list_outbox_events(ListOutboxEventsRequest::default()).await;
        match answer {
            Ok(_) => assert!(allowed, "{name}"),
            Err(status) => {
                assert!(!allowed, "{name}: {status:?}");
                assert_eq!(Error::from_status(&status).reason(), "CALLER_NOT_ALLOWED");
            }
        }
    }
    assert_eq!(bench.script.calls(), 2);
    let text = bench.metrics.encode();
    let denials = "florin_rpc_denials_total{role=\"payment\",kind=\"CALLER_NOT_ALLOWED\"} 3";
    assert!(text.contains(denials), "{text}");
}
