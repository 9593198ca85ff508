//! The development issuer of `up` and its clients.

use std::fs;

use anyhow::{Context as _, Result};
use florin_gateway::{GatewayConfig, config::DevelopmentClient};
use florin_kernel::Role;
use florin_runtime::{DataDir, Settings, settings::IssuerSettings};

use crate::{mesh::Mesh, token::DEVELOPMENT_SECRET};

/// A till and a back office in one, for trying things out.
pub const DEMO: &str = "demo";
/// An app of the bank's customers: it speaks for whichever customer it names.
pub const APP: &str = "app";
/// What a customer may do with its own records.
const OWN: &str = "customers:read customers:write accounts:read accounts:write \
                   payments:read payments:write reporting:read loans:read loans:write";
/// Every staff role (DESIGN section 3).
const STAFF: [&str; 7] = [
    "teller",
    "payments_officer",
    "card_officer",
    "credit_officer",
    "approver",
    "auditor",
    "operator",
];

/// The gateway's settings with the development issuer on, and that issuer among those
/// whose tokens are taken.
///
/// # Errors
/// The gateway's section of the settings cannot be read.
pub fn with_issuer(settings: &mut Settings, mesh: &Mesh, data: &DataDir) -> Result<GatewayConfig> {
    let mut gateway: GatewayConfig = settings.section(Role::Gateway)?;
    gateway.public_url.clone_from(&mesh.gateway);
    gateway.issuer.key_file = data.path().join("issuer.key");
    gateway.issuer.name = issuer_name(mesh, data)?;
    gateway.issuer.clients = vec![
        client(DEMO, all_scopes(), &STAFF, true),
        client(APP, words(OWN), &[], true),
        client("import", words(crate::import::SCOPES), &[], false),
    ];
    settings.issuers.push(IssuerSettings {
        issuer: gateway.issuer.name.clone(),
        jwks_uri: format!("{}/oauth2/jwks.json", mesh.gateway),
        audience: gateway.issuer.audience.clone(),
        machines: vec!["import".to_owned()],
        ca_file: mesh.ca(),
        ..IssuerSettings::default()
    });
    Ok(gateway)
}

/// The name of the issuer stays what it was at the first start on the folder, whatever port
/// the gateway has: idempotency keys are scoped by it.
fn issuer_name(mesh: &Mesh, data: &DataDir) -> Result<String> {
    let file = data.path().join("issuer.name");
    if let Ok(name) = fs::read_to_string(&file)
        && !name.is_empty()
    {
        return Ok(name);
    }
    fs::write(&file, &mesh.gateway).with_context(|| format!("cannot write {}", file.display()))?;
    Ok(mesh.gateway.clone())
}

fn client(
    id: &str,
    scopes: Vec<String>,
    roles: &[&str],
    may_impersonate_customers: bool,
) -> DevelopmentClient {
    DevelopmentClient {
        id: id.to_owned(),
        secret: Some(DEVELOPMENT_SECRET.to_owned()),
        scopes,
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        may_impersonate_customers,
        ..DevelopmentClient::default()
    }
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

/// Every scope that the contract knows, except those of imports.
fn all_scopes() -> Vec<String> {
    let mut scopes: Vec<String> = florin_proto::policy::POLICIES
        .iter()
        .flat_map(|policy| policy.scopes)
        .filter(|scope| !scope.ends_with(":import"))
        .map(|scope| (*scope).to_owned())
        .collect();
    scopes.sort();
    scopes.dedup();
    scopes
}
