//! A small HTTPS client for the public side of the gateway: JSON and forms.

use std::{path::Path, time::Duration};

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use rustls::pki_types::{CertificateDer, pem::PemObject as _};

/// The longest answer that is read.
const MOST_BYTES: usize = 8 * 1024 * 1024;
/// How long an answer may take: above the gateway's own limit with `Prefer: wait=10`.
const TIME_LIMIT: Duration = Duration::from_secs(30);

type Connector = hyper_rustls::HttpsConnector<hyper_util::client::legacy::connect::HttpConnector>;

/// The client.
#[derive(Debug, Clone)]
pub struct Https {
    client: Client<Connector, Full<Bytes>>,
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
}

impl Answer {
    /// The body as JSON.
    ///
    /// # Errors
    /// The body is no JSON.
    pub fn json(&self) -> Result<serde_json::Value> {
        serde_json::from_slice(&self.body).context("the answer is no JSON")
    }
}

impl Https {
    /// A client that trusts the authority of this file, and plain HTTP without TLS.
    ///
    /// # Errors
    /// The file is missing or holds no certificate.
    pub fn trusting(ca: &Path) -> Result<Self> {
        let mut roots = rustls::RootCertStore::empty();
        let shown = ca.display();
        for certificate in CertificateDer::pem_file_iter(ca).with_context(|| format!("{shown}"))? {
            roots.add(certificate.with_context(|| format!("{shown}"))?)?;
        }
        if roots.is_empty() {
            bail!("{shown} holds no certificate");
        }
        let tls =
            rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        Ok(Self::with(tls))
    }

    /// A client for plain HTTP: the probe port of a role.
    #[must_use]
    pub fn plain() -> Self {
        let roots = rustls::RootCertStore::empty();
        Self::with(
            rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth(),
        )
    }

    fn with(tls: rustls::ClientConfig) -> Self {
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .build();
        Self { client: Client::builder(TokioExecutor::new()).build(connector) }
    }

    /// Sends a request and reads the whole answer.
    ///
    /// # Errors
    /// No connection, no answer in time, or one longer than 8 MiB.
    pub async fn send(
        &self,
        method: Method,
        url: &str,
        headers: &[(&'static str, String)],
        body: Vec<u8>,
    ) -> Result<Answer> {
        let mut request = Request::new(Full::new(Bytes::from(body)));
        *request.method_mut() = method;
        *request.uri_mut() = url.parse().with_context(|| format!("{url} is no address"))?;
        for (name, value) in headers {
            let value = HeaderValue::from_str(value).with_context(|| format!("header {name}"))?;
            request.headers_mut().insert(HeaderName::from_static(name), value);
        }
        let work = async {
            let response = self.client.request(request).await.with_context(|| url.to_owned())?;
            let (parts, body) = response.into_parts();
            let body = Limited::new(body, MOST_BYTES).collect().await;
            let body = body.map_err(|error| anyhow::anyhow!("{url}: {error}"))?.to_bytes();
            Ok(Answer { status: parts.status, headers: parts.headers, body })
        };
        let Ok(answer) = tokio::time::timeout(TIME_LIMIT, work).await else {
            bail!("{url} did not answer within {} s", TIME_LIMIT.as_secs());
        };
        answer
    }
}
