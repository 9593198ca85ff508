//! A certificate with its key and authorities, taken over live when the files change.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwap;
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    client::Resumption,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, UnixTime, pem::PemObject as _},
    server::{NoServerSessionStorage, WebPkiClientVerifier, danger::ClientCertVerifier},
    version::{TLS12, TLS13},
};
use tokio_util::sync::CancellationToken;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::{Expiry, Peer, PeerError, expiry, verifier::SpiffeVerifier};

/// Where a certificate, its key and the authorities are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// Authorities, PEM; several while one follows another.
    pub ca: PathBuf,
    /// The certificate and its intermediates, PEM.
    pub cert: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
}

impl TlsFiles {
    /// The files of `name` as `florin certs` writes them: `ca.pem`, `NAME.pem`, `NAME.key`.
    #[must_use]
    pub fn in_dir(dir: &Path, name: &str) -> Self {
        Self {
            ca: dir.join("ca.pem"),
            cert: dir.join(format!("{name}.pem")),
            key: dir.join(format!("{name}.key")),
        }
    }
}

/// Why certificate files cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {0}: {1}; `florin certs` makes development certificates")]
    Read(PathBuf, #[source] std::io::Error),
    /// A file holds no PEM of the expected kind.
    #[error("{0} holds no {1} in PEM")]
    NotPem(PathBuf, &'static str),
    /// The certificate carries no SPIFFE id of ours.
    #[error("{0}: {1}")]
    Peer(PathBuf, #[source] PeerError),
    /// The new certificate is somebody else's.
    #[error("the new certificate is of {found}, this process is {own}")]
    OtherIdentity {
        /// Who this process is.
        own: Peer,
        /// Whose the new certificate is.
        found: Peer,
    },
    /// The pair does not fit, or the authorities did not sign it.
    #[error("{0} and its key or authority do not fit together: {1}")]
    Unfit(PathBuf, #[source] rustls::Error),
}

/// Who this process is on the mesh.
pub struct Identity {
    files: TlsFiles,
    loaded: ArcSwap<Loaded>,
}

struct Loaded {
    bytes: FileBytes,
    peer: Peer,
    not_after: i64,
    roots: Arc<RootCertStore>,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    server: Arc<ServerConfig>,
    public: Arc<ServerConfig>,
}

#[derive(PartialEq, Eq)]
struct FileBytes {
    ca: Vec<u8>,
    cert: Vec<u8>,
    key: Vec<u8>,
}

impl Identity {
    /// Reads and checks the files.
    ///
    /// # Errors
    /// Says which file is missing or does not fit, and how to get it.
    pub fn load(files: &TlsFiles) -> Result<Arc<Self>, TlsError> {
        let loaded = Loaded::of(files, FileBytes::read(files)?)?;
        Ok(Arc::new(Self { files: files.clone(), loaded: ArcSwap::from_pointee(loaded) }))
    }

    /// Looks at the files again and takes over what is new and fits together.
    /// Returns whether anything was taken over.
    ///
    /// # Errors
    /// Where the files do not fit together, as while a pair is being replaced; the last
    /// good one stays.
    pub fn reload(&self) -> Result<bool, TlsError> {
        let bytes = FileBytes::read(&self.files)?;
        let current = self.loaded.load();
        if bytes == current.bytes {
            return Ok(false);
        }
        let fresh = Loaded::of(&self.files, bytes)?;
        if fresh.peer != current.peer {
            return Err(TlsError::OtherIdentity { own: current.peer.clone(), found: fresh.peer });
        }
        self.loaded.store(Arc::new(fresh));
        Ok(true)
    }

    /// Reloads every so often until the shutdown. Contents are compared, not times.
    pub fn watch(
        self: &Arc<Self>,
        every: Duration,
        shutdown: CancellationToken,
    ) -> tokio::task::JoinHandle<()> {
        let identity = Arc::clone(self);
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(every);
            while shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
                let again = Arc::clone(&identity);
                let Ok(outcome) = tokio::task::spawn_blocking(move || again.reload()).await else {
                    continue;
                };
                match outcome {
                    Ok(false) => {}
                    Ok(true) => {
                        tracing::info!(peer = %identity.peer(), "new certificate taken over")
                    }
                    Err(error) => {
                        tracing::warn!(%error, "certificate files passed over, the last good ones stay");
                    }
                }
            }
        })
    }

    /// Who this process is.
    #[must_use]
    pub fn peer(&self) -> Peer {
        self.loaded.load().peer.clone()
    }

    /// When the certificate expires, in Unix seconds.
    #[must_use]
    pub fn not_after(&self) -> i64 {
        self.loaded.load().not_after
    }

    /// When the certificate, its intermediates and its authority expire.
    #[must_use]
    pub fn expiries(&self) -> Vec<Expiry> {
        let loaded = self.loaded.load();
        expiry::expiries_of(&loaded.chain, &certificates(&loaded.bytes.ca))
    }

    /// Whether the certificate is still valid.
    #[must_use]
    pub fn is_valid_now(&self) -> bool {
        crate::clock::unix_seconds() < self.not_after()
    }

    /// The authorities as PEM, for clients of the identity provider among others.
    #[must_use]
    pub fn ca_pem(&self) -> Vec<u8> {
        self.loaded.load().bytes.ca.clone()
    }

    /// The mesh's server side: TLS 1.3, client certificates required.
    #[must_use]
    pub fn server_config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.loaded.load().server)
    }

    /// The public port's server side: the same certificate, clients have none. HTTP/2 and 1.1.
    #[must_use]
    pub fn public_server_config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.loaded.load().public)
    }

    /// The client side towards the server with this SPIFFE id.
    ///
    /// # Errors
    /// Only where the pair, which was checked when it was loaded, is refused now.
    pub fn client_config(&self, expected: &str) -> Result<Arc<ClientConfig>, rustls::Error> {
        let loaded = self.loaded.load();
        let provider = provider();
        let verifier = SpiffeVerifier {
            roots: Arc::clone(&loaded.roots),
            provider: Arc::clone(&provider),
            expected: expected.to_owned(),
        };
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_client_auth_cert(loaded.chain.clone(), loaded.key.clone_key())?;
        // A resumed session would outlive a reload and a revocation.
        config.resumption = Resumption::disabled();
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Arc::new(config))
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity").field("peer", &self.peer()).finish_non_exhaustive()
    }
}

/// The one crypto provider.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

impl FileBytes {
    fn read(files: &TlsFiles) -> Result<Self, TlsError> {
        let read = |path: &PathBuf| {
            std::fs::read(path).map_err(|error| TlsError::Read(path.clone(), error))
        };
        Ok(Self { ca: read(&files.ca)?, cert: read(&files.cert)?, key: read(&files.key)? })
    }
}

impl Loaded {
    fn of(files: &TlsFiles, bytes: FileBytes) -> Result<Self, TlsError> {
        let unfit = |error| TlsError::Unfit(files.cert.clone(), error);
        let chain = certificates(&bytes.cert);
        let leaf =
            chain.first().ok_or_else(|| TlsError::NotPem(files.cert.clone(), "certificate"))?;
        let key = PrivateKeyDer::from_pem_slice(&bytes.key)
            .map_err(|_| TlsError::NotPem(files.key.clone(), "private key"))?;
        let mut roots = RootCertStore::empty();
        for authority in certificates(&bytes.ca) {
            roots.add(authority).map_err(unfit)?;
        }
        if roots.is_empty() {
            return Err(TlsError::NotPem(files.ca.clone(), "certificate"));
        }
        let roots = Arc::new(roots);
        let peer = Peer::of_certificate(leaf)
            .map_err(|error| TlsError::Peer(files.cert.clone(), error))?;
        let clients = WebPkiClientVerifier::builder_with_provider(Arc::clone(&roots), provider())
            .build()
            .map_err(|error| unfit(rustls::Error::General(error.to_string())))?;
        let intermediates = chain.get(1..).unwrap_or_default();
        clients.verify_client_cert(leaf, intermediates, UnixTime::now()).map_err(unfit)?;
        let not_after = X509Certificate::from_der(leaf)
            .map_err(|_| TlsError::Peer(files.cert.clone(), PeerError::Unreadable))?
            .1
            .validity()
            .not_after
            .timestamp();
        let server = mesh_server(clients, &chain, &key).map_err(unfit)?;
        let public = public_server(&chain, &key).map_err(unfit)?;
        Ok(Self { bytes, peer, not_after, roots, chain, key, server, public })
    }
}

fn certificates(pem: &[u8]) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(pem).filter_map(Result::ok).collect()
}

fn mesh_server(
    clients: Arc<dyn ClientCertVerifier>,
    chain: &[CertificateDer<'static>],
    key: &PrivateKeyDer<'static>,
) -> Result<Arc<ServerConfig>, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(clients)
        .with_single_cert(chain.to_vec(), key.clone_key())?;
    // A resumed session would outlive a reload and a revocation.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(Arc::new(config))
}

fn public_server(
    chain: &[CertificateDer<'static>],
    key: &PrivateKeyDer<'static>,
) -> Result<Arc<ServerConfig>, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .with_no_client_auth()
        .with_single_cert(chain.to_vec(), key.clone_key())?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
