//! Fetches JSON documents of an issuer by HTTPS, within bounds.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::Uri;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use rustls::{ClientConfig, RootCertStore, client::Resumption, pki_types::CertificateDer};
use serde::de::DeserializeOwned;

use crate::tls::provider;

/// Longest fetch of one document.
const LONGEST: Duration = Duration::from_secs(5);

/// Largest document.
const LARGEST: usize = 262_144;

/// An HTTPS client for documents of issuers.
#[derive(Clone)]
pub struct Fetcher(Client<HttpsConnector<HttpConnector>, Empty<Bytes>>);

impl Fetcher {
    /// A client that trusts the well-known authorities and these.
    pub fn new(roots: &[CertificateDer<'static>]) -> Result<Self, rustls::Error> {
        let mut store = RootCertStore::empty();
        store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        for root in roots {
            store.add(root.clone())?;
        }
        let mut config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_root_certificates(Arc::new(store))
            .with_no_client_auth();
        config.resumption = Resumption::disabled();
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(config)
            .https_or_http()
            .enable_http1()
            .build();
        Ok(Self(Client::builder(TokioExecutor::new()).build(connector)))
    }

    /// The document at `uri`, or why it cannot be had.
    pub async fn get<T: DeserializeOwned>(&self, uri: &str) -> Result<T, String> {
        let uri: Uri = uri.parse().map_err(|_| format!("{uri:?} is no URI"))?;
        if !is_allowed(&uri) {
            return Err(format!("{uri} is not https"));
        }
        let fetch = async {
            let answer = self.0.get(uri).await.map_err(|error| error.to_string())?;
            if !answer.status().is_success() {
                return Err(format!("answered {}", answer.status()));
            }
            let body = Limited::new(answer.into_body(), LARGEST).collect().await;
            let body = body.map_err(|error| error.to_string())?.to_bytes();
            serde_json::from_slice(&body).map_err(|error| error.to_string())
        };
        tokio::time::timeout(LONGEST, fetch).await.map_err(|_| "no answer in time".to_owned())?
    }
}

/// Keys come by HTTPS; from this machine itself plain HTTP will do.
fn is_allowed(uri: &Uri) -> bool {
    let local = matches!(uri.host(), Some("localhost" | "127.0.0.1" | "[::1]"));
    uri.scheme_str() == Some("https") || (local && uri.scheme_str() == Some("http"))
}
