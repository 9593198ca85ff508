//! A client of the gateway's REST side.

use std::{path::Path, time::Duration};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http::{HeaderMap, Method, Request};
use http_body_util::{BodyExt as _, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use serde_json::Value;

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(30);
/// How often a payment is waited for, ten seconds each time.
const WAITS: u32 = 8;

type Connector = hyper_rustls::HttpsConnector<hyper_util::client::legacy::connect::HttpConnector>;

/// A REST client of one gateway; clones share connections.
#[derive(Debug, Clone)]
pub struct Rest {
    client: Client<Connector, Full<Bytes>>,
    base: String,
    bearer: Option<String>,
}

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// Body as sent.
    pub bytes: Bytes,
    /// Body as JSON; null where it is none.
    pub json: Value,
}

impl Answer {
    /// A text of the body by JSON pointer; empty where it is absent.
    #[must_use]
    pub fn text(&self, pointer: &str) -> &str {
        self.json.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    /// Whether the answer was given before under the same key.
    #[must_use]
    pub fn replayed(&self) -> bool {
        self.headers.get("idempotent-replayed").is_some_and(|value| value == "true")
    }
}

impl Rest {
    /// A client that trusts the authority in this file.
    ///
    /// # Errors
    /// The file holds no certificate.
    pub fn new(base: &str, ca: &Path) -> Result<Self> {
        let mut roots = rustls::RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(ca)? {
            roots.add(certificate?)?;
        }
        let tls =
            rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .build();
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Ok(Self { client, base: base.to_owned(), bearer: None })
    }

    /// The same client with a token.
    #[must_use]
    pub fn with_bearer(&self, token: &str) -> Self {
        Self { bearer: Some(token.to_owned()), ..self.clone() }
    }

    /// GET.
    ///
    /// # Errors
    /// No answer.
    pub async fn get(&self, path: &str) -> Result<Answer> {
        self.send(Method::GET, path, &[], Vec::new()).await
    }

    /// POST of JSON under an idempotency key.
    ///
    /// # Errors
    /// No answer.
    pub async fn post(&self, path: &str, key: &str, body: &Value) -> Result<Answer> {
        let headers = [("idempotency-key", key), ("content-type", "application/json")];
        self.send(Method::POST, path, &headers, body.to_string().into_bytes()).await
    }

    /// POST that waits for the end state, or is refused.
    ///
    /// # Errors
    /// No answer, or no end.
    pub async fn post_and_wait(&self, path: &str, key: &str, body: &Value) -> Result<Answer> {
        let headers =
            [("idempotency-key", key), ("content-type", "application/json"), ("prefer", "wait=10")];
        let body = body.to_string().into_bytes();
        // A busy machine may need more than one wait: the same key asks again.
        for _ in 0..WAITS {
            let answer = self.send(Method::POST, path, &headers, body.clone()).await?;
            let status = answer.text("/status");
            let ended =
                ["COMPLETED", "FAILED", "CANCELLED"].iter().any(|end| status.ends_with(end));
            if answer.status != 202 || ended {
                return Ok(answer);
            }
        }
        anyhow::bail!("{path} reached no end state")
    }

    /// Any request.
    ///
    /// # Errors
    /// No answer.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Result<Answer> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        if let Some(token) = &self.bearer {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(Bytes::from(body)))?;
        let work = async {
            let response = self.client.request(request).await?;
            let (parts, body) = response.into_parts();
            let bytes = body.collect().await?.to_bytes();
            let json = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
            anyhow::Ok(Answer {
                status: parts.status.as_u16(),
                headers: parts.headers,
                bytes,
                json,
            })
        };
        tokio::time::timeout(LIMIT, work).await.with_context(|| format!("{path} took too long"))?
    }

    /// A token of the development issuer: of a client, or of a customer through it.
    ///
    /// # Errors
    /// The issuer refuses.
    pub async fn token(&self, client: &str, customer: Option<&str>) -> Result<String> {
        let mut form =
            format!("grant_type=client_credentials&client_id={client}&client_secret=development");
        if let Some(customer) = customer {
            form.push_str(&format!("&customer_id={customer}"));
        }
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        let answer = self.send(Method::POST, "/oauth2/token", &headers, form.into_bytes()).await?;
        let token = answer.text("/access_token").to_owned();
        anyhow::ensure!(!token.is_empty(), "no token: {} {}", answer.status, answer.json);
        Ok(token)
    }
}
