//! The service as its callers see it, over a ledger of a test; `cif` is away.

use std::sync::LazyLock;

use florin_account::{app::ledger::Ledger, grpc::AccountApi};
use florin_events::Outbox;
use florin_kernel::{BankIdentity, Role};
use florin_rpc::{
    CallContext, Dependency, Metrics, PrincipalKind, StackLimits, tls, worker_context,
};
use tempfile::TempDir;
use tonic::Request;

use crate::bench_ledger::Bench;

/// One authority for all tests.
static CERTIFICATES: LazyLock<TempDir> = LazyLock::new(|| {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    let names = ["localhost".to_owned()];
    florin_rpc::certs::issue_development_pki(folder.path(), &[], &[], &names).unwrap();
    folder
});

pub fn desk(bench: &Bench) -> AccountApi {
    let files = tls::TlsFiles::in_dir(CERTIFICATES.path(), "account");
    let identity = tls::Identity::load(&files).unwrap();
    let nowhere = "127.0.0.1:1";
    let cif = Dependency::new(Role::Cif, nowhere, identity, StackLimits::default(), Metrics::new());
    AccountApi::new(Ledger {
        db: bench.db.clone(),
        outbox: Outbox::new("account"),
        committer: bench.committer.clone(),
        cif,
        bank: BankIdentity::new("CZ", "8899").unwrap(),
    })
}

fn context(method: &str) -> CallContext {
    let path = format!("/florin.account.v1.AccountService/{method}");
    CallContext {
        method: florin_proto::policy::find(&path).unwrap().path,
        ..worker_context(Role::Gateway)
    }
}

/// The call of a machine with these scopes.
pub fn machine<T>(method: &str, scopes: &[&str], message: T) -> Request<T> {
    let mut context = context(method);
    context.principal.kind = PrincipalKind::Client;
    context.principal.client = "import".into();
    context.principal.scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
    request(context, message)
}

/// The call of `payment` for itself.
pub fn payment<T>(method: &str, message: T) -> Request<T> {
    let peer = worker_context(Role::Payment);
    request(CallContext { principal: peer.principal, peer: peer.peer, ..context(method) }, message)
}

fn request<T>(context: CallContext, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.extensions_mut().insert(context);
    request
}
