//! The client's check of a server's certificate: the chain leads to our authority, and the
//! SPIFFE id is the role that was dialled. Host names prove nothing between roles.

use std::sync::Arc;

use rustls::{
    CertificateError, DigitallySignedStruct, Error, OtherError, PeerIncompatible, RootCertStore,
    SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    client::verify_server_cert_signed_by_trust_anchor,
    crypto::{CryptoProvider, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::ParsedCertificate,
};

use super::Peer;

/// Verifies that a server is who was dialled.
#[derive(Debug)]
pub struct SpiffeVerifier {
    /// The authorities.
    pub roots: Arc<RootCertStore>,
    /// The crypto provider.
    pub provider: Arc<CryptoProvider>,
    /// The SPIFFE id that the server must have.
    pub expected: String,
}

/// Another server answered.
#[derive(Debug, thiserror::Error)]
#[error("dialled {expected}, {found} answered")]
struct WrongServer {
    expected: String,
    found: String,
}

impl ServerCertVerifier for SpiffeVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let parsed = ParsedCertificate::try_from(end_entity)?;
        let algorithms = self.provider.signature_verification_algorithms.all;
        verify_server_cert_signed_by_trust_anchor(
            &parsed,
            &self.roots,
            intermediates,
            now,
            algorithms,
        )?;
        let found = match Peer::of_certificate(end_entity) {
            Ok(peer) => peer.spiffe(),
            Err(error) => error.to_string(),
        };
        if found == self.expected {
            return Ok(ServerCertVerified::assertion());
        }
        let wrong = WrongServer { expected: self.expected.clone(), found };
        Err(CertificateError::Other(OtherError(Arc::new(wrong))).into())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(PeerIncompatible::Tls12NotOffered.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
