//! The verifier of access tokens, from the settings.

use anyhow::Context as _;
use florin_rpc::token::{IssuerConfig, Verifier};

use crate::{Settings, settings::IssuerSettings};

/// A verifier for the issuers of the settings. The mesh's own authority is trusted for their
/// HTTPS, for the development issuer is behind it.
pub(crate) fn verifier(settings: &Settings) -> anyhow::Result<Verifier> {
    todo!()
}
