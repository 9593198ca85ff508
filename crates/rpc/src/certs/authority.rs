//! The authority and the certificates that it signs.

use std::{path::Path, sync::Arc};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, UnixTime, pem::PemObject as _},
    server::{WebPkiClientVerifier, danger::ClientCertVerifier},
    sign::CertifiedKey,
};
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

use super::{CertsError, Leaf, files};
use crate::{clock, tls::provider};

/// How long the authority is valid, in days.
const AUTHORITY_DAYS: i32 = 3_650;

/// How long a certificate is valid, in days.
const LEAF_DAYS: i32 = 90;

/// A certificate with less than this left is made anew, in seconds.
const RENEW_BEFORE: i64 = 30 * 86_400;

/// An authority that can sign.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    clients: Arc<dyn ClientCertVerifier>,
}

impl Authority {
    /// The authority of the folder, made where there is none or it has expired.
    pub fn open_or_make(dir: &Path) -> Result<Self, CertsError> {
        let (cert, key) = (dir.join("ca.pem"), dir.join("ca.key"));
        let refuse = |why: &str| CertsError::Authority(cert.clone(), why.to_owned());
        match (files::read(&cert)?, files::read(&key)?) {
            (Some(cert_pem), Some(key_pem)) => {
                let expires = not_after(&cert_pem).ok_or_else(|| refuse("is no certificate"))?;
                if expires > clock::unix_seconds() {
                    return Self::of(&cert_pem, &key_pem).map_err(|why| refuse(&why));
                }
            }
            (Some(_), None) => return Err(refuse("is there without its key, ca.key")),
            (None, _) => {}
        }
        let issue = |error| CertsError::Issue("ca".to_owned(), error);
        let pair = KeyPair::generate().map_err(issue)?;
        let mut params = CertificateParams::default();
        params.distinguished_name = name("Florin development authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        valid_for(&mut params, AUTHORITY_DAYS).map_err(|why| refuse(&why))?;
        let made = params.self_signed(&pair).map_err(issue)?;
        files::write(&key, pair.serialize_pem().as_bytes(), files::SECRET)?;
        files::write(&cert, made.pem().as_bytes(), files::OPEN)?;
        Self::of(&made.pem(), &pair.serialize_pem()).map_err(|why| refuse(&why))
    }

    fn of(cert_pem: &str, key_pem: &str) -> Result<Self, String> {
        let der = CertificateDer::from_pem_slice(cert_pem.as_bytes())
            .map_err(|error| error.to_string())?;
        let key =
            PrivateKeyDer::from_pem_slice(key_pem.as_bytes()).map_err(|error| error.to_string())?;
        CertifiedKey::from_der(vec![der.clone()], key, &provider())
            .map_err(|error| format!("does not fit ca.key: {error}"))?;
        let mut roots = RootCertStore::empty();
        roots.add(der.clone()).map_err(|error| error.to_string())?;
        let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider())
            .build()
            .map_err(|error| error.to_string())?;
        let pair = KeyPair::from_pem(key_pem).map_err(|error| error.to_string())?;
        let issuer = Issuer::from_ca_cert_der(&der, pair).map_err(|error| error.to_string())?;
        Ok(Self { issuer, clients })
    }

    /// Makes a certificate where the one that is there will not do.
    pub fn ensure(&self, dir: &Path, leaf: &Leaf) -> Result<(), CertsError> {
        let cert = dir.join(format!("{}.pem", leaf.name));
        let key = dir.join(format!("{}.key", leaf.name));
        if let (Some(cert_pem), Some(key_pem)) = (files::read(&cert)?, files::read(&key)?)
            && self.will_do(leaf, &cert_pem, &key_pem)
        {
            return Ok(());
        }
        let issue = |error| CertsError::Issue(leaf.name.clone(), error);
        let pair = KeyPair::generate().map_err(issue)?;
        let mut params = CertificateParams::default();
        params.distinguished_name = name(&leaf.name);
        params.subject_alt_names.clone_from(&leaf.names);
        params.extended_key_usages.clone_from(&leaf.purposes);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        valid_for(&mut params, LEAF_DAYS)
            .map_err(|why| CertsError::Authority(cert.clone(), why))?;
        let made = params.signed_by(&pair, &self.issuer).map_err(issue)?;
        files::write(&key, pair.serialize_pem().as_bytes(), files::SECRET)?;
        files::write(&cert, made.pem().as_bytes(), files::OPEN)
    }

    /// Whether the pair fits, is of this authority and these names, and lasts.
    fn will_do(&self, leaf: &Leaf, cert_pem: &str, key_pem: &str) -> bool {
        let Ok(der) = CertificateDer::from_pem_slice(cert_pem.as_bytes()) else { return false };
        let Ok(key) = PrivateKeyDer::from_pem_slice(key_pem.as_bytes()) else { return false };
        let signed = self.clients.verify_client_cert(&der, &[], UnixTime::now()).is_ok();
        let lasts = not_after(cert_pem)
            .and_then(|expires| expires.checked_sub(RENEW_BEFORE))
            .is_some_and(|renew| renew > clock::unix_seconds());
        let named = names_of(&der).is_some_and(|names| {
            let wanted: Vec<String> = leaf.names.iter().filter_map(in_words).collect();
            names == wanted
        });
        signed && lasts && named && CertifiedKey::from_der(vec![der], key, &provider()).is_ok()
    }
}

fn name(common: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationName, "Florin");
    name.push(DnType::CommonName, common);
    name
}

/// Valid from yesterday on, for clocks that lag, for this many days.
fn valid_for(params: &mut CertificateParams, days: i32) -> Result<(), String> {
    let today = jiff::Timestamp::from_second(clock::unix_seconds())
        .map_err(|error| error.to_string())?
        .to_zoned(jiff::tz::TimeZone::UTC)
        .date();
    let day = |offset: i32| {
        let date =
            today.checked_add(jiff::Span::new().days(offset)).map_err(|error| error.to_string())?;
        let part = |part: i8| u8::try_from(part).map_err(|error| error.to_string());
        let (month, day) = (part(date.month())?, part(date.day())?);
        Ok::<_, String>(rcgen::date_time_ymd(i32::from(date.year()), month, day))
    };
    params.not_before = day(-1)?;
    params.not_after = day(days)?;
    Ok(())
}

fn not_after(pem: &str) -> Option<i64> {
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).ok()?;
    let (_, parsed) = X509Certificate::from_der(&der).ok()?;
    Some(parsed.validity().not_after.timestamp())
}

/// The names of a certificate, in their order; None where there is one of another sort.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "an enum of another crate; no other sort is ours"
)]
fn names_of(der: &CertificateDer<'_>) -> Option<Vec<String>> {
    let (_, parsed) = X509Certificate::from_der(der).ok()?;
    let names = parsed.subject_alternative_name().ok()??;
    let words = names.value.general_names.iter().map(|name| match name {
        GeneralName::DNSName(name) => Some(format!("dns:{name}")),
        GeneralName::URI(uri) => Some(format!("uri:{uri}")),
        GeneralName::IPAddress(bytes) => Some(format!("ip:{bytes:?}")),
        _ => None,
    });
    words.collect()
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "an enum of another crate; no other sort is ours"
)]
fn in_words(name: &SanType) -> Option<String> {
    match name {
        SanType::DnsName(name) => Some(format!("dns:{}", name.as_str())),
        SanType::URI(uri) => Some(format!("uri:{}", uri.as_str())),
        SanType::IpAddress(std::net::IpAddr::V4(address)) => {
            Some(format!("ip:{:?}", &address.octets()[..]))
        }
        SanType::IpAddress(std::net::IpAddr::V6(address)) => {
            Some(format!("ip:{:?}", &address.octets()[..]))
        }
        _ => None,
    }
}
