//! What a role says of itself, and of what it shares with others.

use std::time::{Duration, Instant};

use florin_kernel::Role;
use florin_runtime::{DataDir, Process, Settings, Started, Stop, serve_role, watch_readiness};
use florin_store::{Migrations, Tx, sql};
use tokio::net::TcpListener;

/// How long a check may take to notice: its period and its limit, twice, on a busy machine.
const NOTICED: Duration = Duration::from_secs(90);

async fn until(process: &Process, told: &str) {
    let began = Instant::now();
    while !process.metrics.encode().contains(told) {
        assert!(began.elapsed() < NOTICED, "{told} in {}", process.metrics.encode());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A process whose certificates and databases are in a folder.
fn process(folder: &tempfile::TempDir) -> Process {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let data = DataDir::open(folder.path()).unwrap();
    florin_rpc::certs::issue_development_pki(&data.certs(), &[], &[], &[]).unwrap();
    Process::new(Settings::embedded(&data))
}

async fn stopped(process: &Process) {
    process.shutdown.cancel();
    assert_eq!(process.run_until_stopped().await, Stop::Asked);
}

#[tokio::test]
async fn a_database_that_refuses_writes_degrades_the_named_health_and_no_replica() {
    let folder = tempfile::tempdir().unwrap();
    let process = process(&folder);
    let runtime = process.runtime(Role::Cif, Some(Migrations::none())).await.unwrap();
    let db = runtime.database().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    serve_role(&runtime, Started::new(), listener).unwrap();
    let health = |serves| format!("florin_health{{role=\"cif\",name=\"database\"}} {serves}");
    until(&process, &health(1)).await;
    until(&process, "florin_health{role=\"cif\",name=\"bus\"} 1").await;
    until(&process, "florin_certificate_expires_seconds{role=\"cif\",file=\"certificate\"}").await;
    until(&process, "florin_certificate_expires_seconds{role=\"cif\",file=\"authority\"}").await;

    // The one writer of SQLite keeps it for its life.
    let refuse = "PRAGMA query_only = ON";
    db.write(async |tx: Tx| sql::execute(&tx, refuse, []).await).await.unwrap();
    until(&process, &health(0)).await;
    assert!(process.readiness.missing().is_empty(), "{:?}", process.readiness.missing());
    stopped(&process).await;
}

#[tokio::test]
async fn a_role_without_database_is_not_ready_once_a_certificate_of_its_own_has_expired() {
    let folder = tempfile::tempdir().unwrap();
    let process = process(&folder);
    let runtime = process.runtime(Role::Gateway, None).await.unwrap();
    process.readiness.up("gateway");
    let expired = florin_rpc::tls::Expiry { file: "public", not_after: 1 };
    watch_readiness(&runtime, Box::new(move || vec![expired]));
    let began = Instant::now();
    while process.readiness.missing().is_empty() {
        assert!(began.elapsed() < NOTICED, "still ready");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let missing = process.readiness.missing();
    assert_eq!(missing, [("gateway".to_owned(), "its public certificate has expired".to_owned())]);
    stopped(&process).await;
}
