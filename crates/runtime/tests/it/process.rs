//! A process: its probes, its drain, its crash.

use std::time::Duration;

use florin_kernel::Role;
use florin_runtime::{DataDir, Process, Settings, Stop};
use florin_store::Migrations;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

async fn get(address: std::net::SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: probe\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn the_probe_port_tells_life_readiness_and_metrics_and_nothing_else() {
    let process = Process::new(Settings::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    process.serve_probes(listener);
    process.readiness.expect("cif");
    assert!(get(address, "/livez").await.starts_with("HTTP/1.1 200"));
    let waiting = get(address, "/readyz").await;
    assert!(waiting.starts_with("HTTP/1.1 503") && waiting.contains("cif: starting"));
    process.readiness.up("cif");
    assert!(get(address, "/readyz").await.starts_with("HTTP/1.1 200"));
    let metrics = get(address, "/metrics").await;
    assert!(metrics.contains("openmetrics-text") && metrics.contains("# EOF"), "{metrics}");
    assert!(get(address, "/").await.starts_with("HTTP/1.1 404"));
    process.shutdown.cancel();
    assert_eq!(process.run_until_stopped().await, Stop::Asked);
}

#[tokio::test]
async fn a_crashed_task_stops_the_process_and_is_named() {
    let process = Process::new(Settings::default());
    process.tasks.spawn("reporting consumer", async {});
    let stop = tokio::time::timeout(Duration::from_secs(60), process.run_until_stopped()).await;
    let Stop::Crashed(what) = stop.unwrap() else { panic!("a crash") };
    assert!(what.contains("reporting consumer"), "{what}");
}

#[tokio::test]
async fn a_task_that_does_not_end_holds_the_drain_up_no_longer_than_its_limit() {
    let mut settings = Settings::default();
    settings.process.drain_seconds = 1;
    let process = Process::new(settings);
    process.tasks.spawn("endless", std::future::pending());
    process.shutdown.cancel();
    let stop = tokio::time::timeout(Duration::from_secs(60), process.run_until_stopped()).await;
    assert_eq!(stop.unwrap(), Stop::Asked);
}

#[tokio::test]
async fn says_what_is_missing_and_how_to_get_it() {
    let folder = tempfile::tempdir().unwrap();
    let data = DataDir::open(folder.path()).unwrap();
    let mut settings = Settings::embedded(&data);
    let told = |settings: Settings| async move {
        let process = Process::new(settings);
        let missing = process.runtime(Role::Cif, Some(Migrations::none())).await.err().unwrap();
        format!("{missing:#}")
    };
    assert!(told(settings.clone()).await.contains("florin certs"));
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    florin_rpc::certs::issue_development_pki(&data.certs(), &[], &[], &[]).unwrap();
    let mut cif = settings.role(Role::Cif);
    "postgres://nobody@127.0.0.1:1/nowhere".clone_into(&mut cif.database.url);
    cif.database.acquire_timeout = Duration::from_secs(1);
    settings.set_role(Role::Cif, cif);
    let missing = told(settings).await;
    assert!(missing.contains("[cif.database]"), "{missing}");
}
