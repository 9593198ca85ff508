//! The verifier of access tokens, from the settings.

use anyhow::Context as _;
use florin_rpc::token::{ClaimNames, IssuerConfig, Verifier};

use crate::{Settings, settings::IssuerSettings};

/// A verifier for the issuers of the settings. The mesh's own authority is trusted for their
/// HTTPS, for the development issuer stands behind it.
pub(crate) fn verifier(settings: &Settings) -> anyhow::Result<Verifier> {
    let mut roots = Vec::new();
    let ca = settings.tls.dir.join("ca.pem");
    if ca.is_file() {
        roots.extend(std::fs::read(&ca).with_context(|| ca.display().to_string())?);
    }
    let files = settings.issuers.iter().map(|issuer| &issuer.ca_file);
    for file in files.filter(|file| !file.as_os_str().is_empty()) {
        roots.push(b'\n');
        let context = || format!("ca_file {} in [[issuers]]", file.display());
        roots.extend(std::fs::read(file).with_context(context)?);
    }
    let issuers = settings.issuers.iter().map(config_of).collect();
    Verifier::new(issuers, &roots).context("[[issuers]]")
}

fn config_of(issuer: &IssuerSettings) -> IssuerConfig {
    IssuerConfig {
        issuer: issuer.issuer.clone(),
        jwks_uri: issuer.jwks_uri.clone(),
        discovery: issuer.discovery.clone(),
        audience: issuer.audience.clone(),
        algorithms: issuer.algorithms.clone(),
        types: issuer.types.clone(),
        claims: ClaimNames {
            customer: issuer.claims.customer.clone(),
            roles: issuer.claims.roles.clone(),
            client: issuer.claims.client.clone(),
        },
        machines: issuer.machines.clone(),
        ..IssuerConfig::default()
    }
}
