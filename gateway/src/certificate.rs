//! The certificate of a public authority for the public port, taken over live.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use florin_rpc::tls::{Expiry, expiries_of};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    version::{TLS12, TLS13},
};
use tokio_util::sync::CancellationToken;

/// A chain and its key, with the configuration made of them.
#[derive(Debug)]
pub struct PublicCertificate {
    chain: PathBuf,
    key: PathBuf,
    loaded: RwLock<Loaded>,
}

#[derive(Debug)]
struct Loaded {
    bytes: (Vec<u8>, Vec<u8>),
    not_after: Option<i64>,
    config: Arc<ServerConfig>,
}

impl PublicCertificate {
    /// Reads chain and key.
    ///
    /// # Errors
    /// Which file is missing or does not fit.
    pub fn load(chain: &Path, key: &Path) -> Result<Arc<Self>> {
        let loaded = Loaded::of(read(chain, key)?)?;
        Ok(Arc::new(Self {
            chain: chain.to_owned(),
            key: key.to_owned(),
            loaded: RwLock::new(loaded),
        }))
    }

    /// The configuration of the moment.
    #[must_use]
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.loaded.read().unwrap_or_else(PoisonError::into_inner).config)
    }

    /// When the first certificate of the chain expires; nothing where none can be read.
    #[must_use]
    pub fn expiry(&self) -> Option<Expiry> {
        let loaded = self.loaded.read().unwrap_or_else(PoisonError::into_inner);
        loaded.not_after.map(|not_after| Expiry { file: "public", not_after })
    }

    /// Takes over new files where they fit together.
    ///
    /// # Errors
    /// Where they do not; the last good pair stays.
    pub fn reload(&self) -> Result<bool> {
        let bytes = read(&self.chain, &self.key)?;
        if self.loaded.read().unwrap_or_else(PoisonError::into_inner).bytes == bytes {
            return Ok(false);
        }
        let fresh = Loaded::of(bytes)?;
        *self.loaded.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(true)
    }

    /// Reloads every so often until the shutdown.
    pub async fn watch(self: Arc<Self>, every: Duration, shutdown: CancellationToken) {
        let mut ticks = tokio::time::interval(every);
        while shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
            let again = Arc::clone(&self);
            match tokio::task::spawn_blocking(move || again.reload()).await {
                Ok(Ok(true)) => tracing::info!("new public certificate taken over"),
                Ok(Err(error)) => {
                    tracing::warn!(%error, "public certificate passed over, the last good one stays");
                }
                Ok(Ok(false)) | Err(_) => {}
            }
        }
    }
}

fn read(chain: &Path, key: &Path) -> Result<(Vec<u8>, Vec<u8>)> {
    let read = |path: &Path| std::fs::read(path).with_context(|| path.display().to_string());
    Ok((read(chain)?, read(key)?))
}

impl Loaded {
    fn of(bytes: (Vec<u8>, Vec<u8>)) -> Result<Self> {
        let chain: Vec<CertificateDer<'static>> =
            CertificateDer::pem_slice_iter(&bytes.0).filter_map(Result::ok).collect();
        ensure!(!chain.is_empty(), "cert_file holds no certificate in PEM");
        let not_after = expiries_of(&chain, &[]).into_iter().map(|one| one.not_after).min();
        let key =
            PrivateKeyDer::from_pem_slice(&bytes.1).context("key_file holds no key in PEM")?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13, &TLS12])?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .context("cert_file and key_file do not fit together")?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self { bytes, not_after, config: Arc::new(config) })
    }
}
