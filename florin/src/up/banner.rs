//! What `up` prints when it is ready: where everything is, and the first two calls.

use std::{env, path::Path};

use crate::{certs::OPERATOR, mesh::Mesh};

/// Prints it.
pub fn print(mesh: &Mesh, data: &Path) {
    let program = env::current_exe().map_or_else(|_| "florin".to_owned(), |path| shown(&path));
    let (certs, data) = (shown(&data.join("certs")), shown(data));
    println!("Florin is up on {data}");
    println!("  REST      {}  (OpenAPI at /openapi.json)", mesh.gateway);
    for (role, address) in &mesh.services {
        println!("  gRPC      {address}  {role}");
    }
    println!("  metrics   {}/metrics", mesh.probe);
    println!();
    println!("  curl --cacert {certs}/ca.pem \\");
    println!("    -H \"Authorization: Bearer $({program} token --data {data})\" \\");
    println!("    {}/v1/products", mesh.gateway);
    println!();
    let account = mesh.services.get("account").cloned().unwrap_or_default();
    println!("  grpcurl -cacert {certs}/ca.pem -cert {certs}/operator-{OPERATOR}.pem \\");
    println!("    -key {certs}/operator-{OPERATOR}.key {account} \\");
    println!("    florin.account.v1.AccountService/ListGlAccounts");
    println!();
}

/// A path as a shell takes it: relative to where we are, quoted where it must be.
fn shown(path: &Path) -> String {
    let here = env::current_dir().unwrap_or_default();
    let path = path.strip_prefix(&here).unwrap_or(path).display().to_string();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+".contains(&byte);
    if path.bytes().all(plain) { path } else { format!("'{}'", path.replace('\'', r"'\''")) }
}
