//! What a certificate says of its owner: exactly one SPIFFE URI of ours.

use std::{fmt, str::FromStr};

use florin_kernel::Role;
use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

/// The trust domain and what follows it.
const TRUST_DOMAIN: &str = "spiffe://florin.bank/";

/// Longest name of a client or an operator.
const MAX_NAME: usize = 64;

/// The owner of a certificate.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Peer {
    /// A role of the mesh.
    Role(Role),
    /// An external gRPC client, which must bring a token.
    Client(String),
    /// An operator: staff under that name.
    Operator(String),
}

/// Why a certificate or a URI is none of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PeerError {
    /// Not a certificate, or its extensions are broken.
    #[error("the certificate cannot be read")]
    Unreadable,
    /// No URI, or more than one.
    #[error("the certificate carries {0} URIs; exactly one SPIFFE id is expected")]
    NotOneUri(usize),
    /// Not a SPIFFE id of ours.
    #[error("{0:?} is no SPIFFE id of this bank")]
    Foreign(String),
}

impl Peer {
    /// Reads the SPIFFE id of a certificate; the chain has been verified before.
    ///
    /// # Errors
    /// Where it carries no URI, several, or one that is none of ours.
    pub fn of_certificate(certificate: &CertificateDer<'_>) -> Result<Self, PeerError> {
        let (_, parsed) =
            X509Certificate::from_der(certificate).map_err(|_| PeerError::Unreadable)?;
        let names = parsed.subject_alternative_name().map_err(|_| PeerError::Unreadable)?;
        let names = names.map(|extension| extension.value.general_names.as_slice());
        let uris: Vec<&str> = names
            .unwrap_or_default()
            .iter()
            .filter_map(|name| if let GeneralName::URI(uri) = name { Some(*uri) } else { None })
            .collect();
        match uris.as_slice() {
            [uri] => uri.parse(),
            others => Err(PeerError::NotOneUri(others.len())),
        }
    }

    /// The SPIFFE id.
    #[must_use]
    pub fn spiffe(&self) -> String {
        format!("{TRUST_DOMAIN}{self}")
    }

    /// The name by which the contract's `callers` know it: a role, "client" or "operator".
    #[must_use]
    pub const fn caller(&self) -> &'static str {
        match self {
            Self::Role(role) => role.name(),
            Self::Client(_) => "client",
            Self::Operator(_) => "operator",
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Role(role) => f.write_str(role.name()),
            Self::Client(name) => write!(f, "client/{name}"),
            Self::Operator(name) => write!(f, "operator/{name}"),
        }
    }
}

impl FromStr for Peer {
    type Err = PeerError;

    fn from_str(uri: &str) -> Result<Self, PeerError> {
        let foreign = || PeerError::Foreign(uri.to_owned());
        let path = uri.strip_prefix(TRUST_DOMAIN).ok_or_else(foreign)?;
        if let Some(name) = path.strip_prefix("client/") {
            return is_name(name).then(|| Self::Client(name.to_owned())).ok_or_else(foreign);
        }
        if let Some(name) = path.strip_prefix("operator/") {
            return is_name(name).then(|| Self::Operator(name.to_owned())).ok_or_else(foreign);
        }
        path.parse().map(Self::Role).map_err(|_| foreign())
    }
}

/// Whether a client or an operator may be called so.
pub(crate) fn is_name(name: &str) -> bool {
    (1..=MAX_NAME).contains(&name.len())
        && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_its_own_ids_and_refuses_foreign_ones() {
        let peers = [
            Peer::Role(Role::Account),
            Peer::Client("till-7".into()),
            Peer::Operator("eva".into()),
        ];
        for peer in peers {
            assert_eq!(peer.spiffe().parse(), Ok(peer));
        }
        for uri in [
            "",
            "spiffe://other.bank/account",
            "spiffe://florin.bank/ledger",
            "spiffe://florin.bank/client/",
            "spiffe://florin.bank/client/a/b",
            "spiffe://florin.bank/operator/EVA",
            "spiffe://florin.bank/account/",
            "https://florin.bank/account",
        ] {
            assert!(uri.parse::<Peer>().is_err(), "{uri}");
        }
    }
}
