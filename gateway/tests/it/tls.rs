//! TLS of the public port.

use std::sync::Arc;

use florin_gateway::PublicCertificate;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
    version::{TLS12, TLS13},
};
use tokio_rustls::TlsConnector;

use crate::world::{World, config};

#[tokio::test]
async fn speaks_http_2_and_1_over_tls_1_3_and_1_2() {
    let world = World::start(config()).await;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(world.certs.join("ca.pem")).unwrap() {
        roots.add(certificate.unwrap()).unwrap();
    }
    for (version, offered, spoken) in [
        (&TLS13, vec!["h2", "http/1.1"], "h2"),
        (&TLS12, vec!["h2"], "h2"),
        (&TLS13, vec!["http/1.1"], "http/1.1"),
    ] {
        let mut client = ClientConfig::builder_with_protocol_versions(&[version])
            .with_root_certificates(roots.clone())
            .with_no_client_auth();
        client.alpn_protocols = offered.iter().map(|name| name.as_bytes().to_vec()).collect();
        let tcp = tokio::net::TcpStream::connect(("127.0.0.1", world.port)).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let stream = TlsConnector::from(Arc::new(client)).connect(name, tcp).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(spoken.as_bytes()));
    }
}

#[test]
fn a_torn_pair_of_files_keeps_the_last_good_one() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    for dir in [&one, &two] {
        florin_rpc::certs::issue_development_pki(dir, &[], &[], &[]).unwrap();
    }
    let (chain, key) = (folder.path().join("c.pem"), folder.path().join("c.key"));
    std::fs::copy(one.join("gateway.pem"), &chain).unwrap();
    std::fs::copy(one.join("gateway.key"), &key).unwrap();
    let certificate = PublicCertificate::load(&chain, &key).unwrap();
    let first = certificate.config();
    assert!(!certificate.reload().unwrap());
    std::fs::copy(two.join("gateway.pem"), &chain).unwrap();
    assert!(certificate.reload().is_err());
    assert!(Arc::ptr_eq(&first, &certificate.config()));
    std::fs::copy(two.join("gateway.key"), &key).unwrap();
    assert!(certificate.reload().unwrap());
    assert!(!Arc::ptr_eq(&first, &certificate.config()));
}
