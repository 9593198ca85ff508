//! The use cases as their callers see them, over a ledger of a test; `cif` is away.

use std::sync::LazyLock;

use florin_account::app::ledger::Ledger;
use florin_events::Outbox;
use florin_kernel::{BankIdentity, Role};
use florin_rpc::{
    CallContext, Dependency, Metrics, PrincipalKind, StackLimits, tls, worker_context,
};
use florin_testkit::place::staff;
use tempfile::TempDir;

use crate::bench_ledger::Bench;

/// One authority for all tests.
static CERTIFICATES: LazyLock<TempDir> = LazyLock::new(|| {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    let names = ["localhost".to_owned()];
    florin_rpc::certs::issue_development_pki(folder.path(), &[], &[], &names).unwrap();
    folder
});

pub fn desk(bench: &Bench) -> Ledger {
    let files = tls::TlsFiles::in_dir(CERTIFICATES.path(), "account");
    let identity = tls::Identity::load(&files).unwrap();
    let nowhere = "127.0.0.1:1";
    let cif = Dependency::new(Role::Cif, nowhere, identity, StackLimits::default(), Metrics::new());
    Ledger {
        db: bench.db.clone(),
        outbox: Outbox::new("account"),
        committer: bench.committer.clone(),
        cif,
        bank: BankIdentity::new("CZ", "8899").unwrap(),
        most_days_ahead: u32::MAX,
    }
}

/// A teller with a fresh idempotency key.
pub fn teller(method: &'static str) -> CallContext {
    staff(method, &["teller"])
}

/// A machine with these scopes.
pub fn machine(method: &'static str, scopes: &[&str]) -> CallContext {
    let mut ctx = staff(method, &[]);
    ctx.principal.kind = PrincipalKind::Client;
    ctx.principal.client = "import".into();
    ctx.principal.scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
    ctx
}

/// `payment` for itself.
pub fn payment(method: &'static str) -> CallContext {
    CallContext { method, ..worker_context(Role::Payment) }
}
