//! Requests by HTTPS to one server outside of the mesh that shows a SPIFFE id of ours, such as
//! the clearing network's: mutual TLS with the role's own certificate of the moment.

use std::{sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, Request, StatusCode, header::CONTENT_TYPE};
use http_body_util::{BodyExt as _, Full};
use hyper::{
    body::Incoming,
    client::conn::http2::{SendRequest, handshake},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::ServerName;
use tokio::{net::TcpStream, sync::Mutex, time::timeout};
use tokio_rustls::TlsConnector;

use crate::Identity;

/// Of an answer no more is read than this, in bytes.
pub const MOST_BYTES: usize = 4 * 1024 * 1024;
/// Longest attempt to connect.
const CONNECT: Duration = Duration::from_secs(3);

/// One server, and the connection to it while it holds.
#[derive(Clone)]
pub struct Link {
    address: String,
    spiffe: String,
    identity: Arc<Identity>,
    longest: Duration,
    open: Arc<Mutex<Option<SendRequest<Full<Bytes>>>>>,
}

/// An answer, read to its end or to [`MOST_BYTES`].
#[derive(Debug, Clone)]
pub struct Answer {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
    /// Whether the body was longer than what was read.
    pub is_cut: bool,
}

/// The first [`MOST_BYTES`] of a body, and whether there was more.
async fn read(mut body: Incoming) -> Result<(Bytes, bool), hyper::Error> {
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        let room = MOST_BYTES.saturating_sub(bytes.len());
        bytes.extend_from_slice(data.get(..room).unwrap_or(&data));
        if data.len() > room {
            return Ok((bytes.freeze(), true));
        }
    }
    Ok((bytes.freeze(), false))
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Link {
    /// A link to `address`, host and port, where whoever has this SPIFFE id listens. A request
    /// may take so long, the connection included.
    #[must_use]
    pub fn new(identity: Arc<Identity>, address: &str, spiffe: &str, longest: Duration) -> Self {
        Self {
            address: address.to_owned(),
            spiffe: spiffe.to_owned(),
            identity,
            longest,
            open: Arc::default(),
        }
    }

    /// Sends a request and reads the answer. After an error nobody knows whether the server has
    /// taken it.
    ///
    /// # Errors
    /// In words, why there is no answer.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        content_type: &str,
        body: Bytes,
    ) -> Result<Answer, String> {
        let uri = format!("https://{}{path}", self.address);
        let mut request = Request::builder().method(method).uri(uri);
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE, content_type);
        }
        let request = request.body(Full::new(body));
        let request = request.map_err(|error| error.to_string())?;
        let exchange = async {
            let mut sender = self.sender().await?;
            let answer = sender.send_request(request).await.map_err(|error| error.to_string())?;
            let (parts, body) = answer.into_parts();
            let (body, is_cut) = read(body).await.map_err(|error| error.to_string())?;
            Ok(Answer { status: parts.status, headers: parts.headers, body, is_cut })
        };
        let answer = timeout(self.longest, exchange).await;
        let answer = answer.unwrap_or_else(|_| Err("no answer in time".to_owned()));
        if answer.is_err() {
            // The next request connects again, with the certificate of that moment.
            *self.open.lock().await = None;
        }
        answer
    }

    /// Connects, where no connection is open. After an error nothing has been sent.
    ///
    /// # Errors
    /// In words, why there is no connection.
    pub async fn connect(&self) -> Result<(), String> {
        self.sender().await.map(drop)
    }

    async fn sender(&self) -> Result<SendRequest<Full<Bytes>>, String> {
        let mut open = self.open.lock().await;
        if let Some(sender) = open.as_ref().filter(|sender| !sender.is_closed()) {
            return Ok(sender.clone());
        }
        let connect = async {
            let tcp = TcpStream::connect(&self.address).await.map_err(|error| error.to_string())?;
            tcp.set_nodelay(true).map_err(|error| error.to_string())?;
            let config =
                self.identity.client_config(&self.spiffe).map_err(|error| error.to_string())?;
            let host = self.address.rsplit_once(':').map_or(&*self.address, |(host, _)| host);
            let name = ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())?;
            let tls = TlsConnector::from(config).connect(name, tcp).await;
            tls.map_err(|error| error.to_string())
        };
        let tls =
            timeout(CONNECT, connect).await.map_err(|_| "no connection in time".to_owned())??;
        let (sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(tls))
            .await
            .map_err(|error| error.to_string())?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection broke off");
            }
        });
        *open = Some(sender.clone());
        Ok(sender)
    }
}
