//! When the certificates of an identity expire.

use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// The end of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expiry {
    /// Which: `certificate`, `intermediate` or `authority`.
    pub file: &'static str,
    /// Its last second, as Unix time.
    pub not_after: i64,
}

/// The ends of the certificate, of the intermediate that ends first, and of the authority
/// that signed them; of several authorities with its name, the one that lasts longest.
#[must_use]
pub fn expiries_of(
    chain: &[CertificateDer<'_>],
    authorities: &[CertificateDer<'_>],
) -> Vec<Expiry> {
    let parsed = |der: &[CertificateDer<'_>]| -> Vec<(i64, Vec<u8>, Vec<u8>)> {
        der.iter()
            .filter_map(|one| {
                let (_, read) = X509Certificate::from_der(one).ok()?;
                let (subject, issuer) = (read.subject().as_raw(), read.issuer().as_raw());
                let not_after = read.validity().not_after.timestamp();
                Some((not_after, subject.to_vec(), issuer.to_vec()))
            })
            .collect()
    };
    let (chain, authorities) = (parsed(chain), parsed(authorities));
    let top = chain.last().map(|(_, _, issuer)| issuer.as_slice());
    let ends = [
        ("certificate", chain.first().map(|(end, _, _)| *end)),
        ("intermediate", chain.iter().skip(1).map(|(end, _, _)| *end).min()),
        (
            "authority",
            authorities
                .iter()
                .filter(|(_, subject, _)| Some(subject.as_slice()) == top)
                .map(|(end, _, _)| *end)
                .max(),
        ),
    ];
    ends.into_iter()
        .filter_map(|(file, end)| end.map(|not_after| Expiry { file, not_after }))
        .collect()
}
