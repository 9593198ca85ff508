//! Connects to a role: TCP to one of its addresses, then TLS with the certificate of the
//! moment, so that a new one is used from the next connection on.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use florin_kernel::Role;
use http::Uri;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::{
    net::{TcpStream, lookup_host},
    sync::watch,
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tonic::transport::{Channel, Endpoint};

use super::Identity;

/// Longest attempt at one address, TCP and TLS together.
const ATTEMPT: Duration = Duration::from_secs(3);

/// Addresses that are tried before a connection counts as refused.
const MOST_ADDRESSES: usize = 8;

/// Where a role listens: `host:port`, several where it has replicas, changing where a
/// watcher says so.
#[derive(Debug, Clone)]
pub struct Address(watch::Receiver<Vec<String>>);

impl From<watch::Receiver<Vec<String>>> for Address {
    fn from(addresses: watch::Receiver<Vec<String>>) -> Self {
        Self(addresses)
    }
}

impl From<Vec<String>> for Address {
    fn from(addresses: Vec<String>) -> Self {
        // The sender goes; the receiver keeps the last value.
        Self(watch::channel(addresses).1)
    }
}

impl From<String> for Address {
    fn from(address: String) -> Self {
        Self::from(vec![address])
    }
}

impl From<&str> for Address {
    fn from(address: &str) -> Self {
        Self::from(address.to_owned())
    }
}

impl From<std::net::SocketAddr> for Address {
    fn from(address: std::net::SocketAddr) -> Self {
        Self::from(address.to_string())
    }
}

/// A bare channel to a role, without the call stack: for the commands of operators and for
/// tests. It connects at the first call, so it must be made inside a tokio runtime.
///
/// # Errors
/// Where the certificate cannot be used.
pub fn channel(
    identity: &Arc<Identity>,
    role: Role,
    address: impl Into<Address>,
) -> Result<Channel, rustls::Error> {
    identity.client_config(&role.spiffe())?;
    Ok(Connector::new(role, address.into(), Arc::clone(identity)).channel())
}

/// Makes connections to one role.
#[derive(Debug, Clone)]
pub struct Connector {
    address: Address,
    identity: Arc<Identity>,
    expected: Role,
    turn: Arc<AtomicUsize>,
}

impl Connector {
    /// A connector to `expected`, whoever else listens at `address`.
    #[must_use]
    pub fn new(expected: Role, address: Address, identity: Arc<Identity>) -> Self {
        Self {
            address,
            identity,
            expected,
            turn: Arc::new(AtomicUsize::new(usize::from(rand::random::<u16>()))),
        }
    }

    /// A channel that connects at the first call and again after each break.
    #[must_use]
    pub fn channel(self) -> Channel {
        // The connector knows the address; the URI only fills the :authority of the requests.
        Endpoint::from_static("http://florin.bank")
            .http2_keep_alive_interval(Duration::from_secs(20))
            .keep_alive_timeout(Duration::from_secs(10))
            .keep_alive_while_idle(true)
            .initial_stream_window_size(1_048_576)
            .initial_connection_window_size(8_388_608)
            .connect_with_connector_lazy(self)
    }

    async fn connect(self) -> io::Result<TokioIo<TlsStream<TcpStream>>> {
        let addresses = self.address.0.borrow().clone();
        let mut last = io::Error::new(io::ErrorKind::NotFound, "no address is configured");
        // Each connection starts at the next address, so that replicas share the load and a
        // dead one costs one attempt.
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let start = turn.checked_rem(addresses.len()).unwrap_or(0);
        for address in addresses.iter().cycle().skip(start).take(addresses.len()) {
            match self.reach(address, turn).await {
                Ok(stream) => return Ok(TokioIo::new(stream)),
                Err(error) => last = error,
            }
        }
        tracing::info!(dependency = %self.expected, error = %last, "no connection");
        Err(last)
    }

    async fn reach(&self, address: &str, turn: usize) -> io::Result<TlsStream<TcpStream>> {
        let found: Vec<_> = timeout(ATTEMPT, lookup_host(address)).await??.collect();
        let start = turn.checked_rem(found.len()).unwrap_or(0);
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for one in found.iter().cycle().skip(start).take(found.len().min(MOST_ADDRESSES)) {
            let attempt = async {
                let tcp = TcpStream::connect(one).await?;
                tcp.set_nodelay(true)?;
                let config = self
                    .identity
                    .client_config(&self.expected.spiffe())
                    .map_err(io::Error::other)?;
                let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
                let name = ServerName::try_from(host.to_owned())
                    .unwrap_or_else(|_| ServerName::from(one.ip()));
                TlsConnector::from(config).connect(name, tcp).await
            };
            match timeout(ATTEMPT, attempt).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => last = error,
                Err(_) => last = io::ErrorKind::TimedOut.into(),
            }
        }
        Err(last)
    }
}

impl tower::Service<Uri> for Connector {
    type Response = TokioIo<TlsStream<TcpStream>>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// The URI only names the role in the requests; the address is the connector's own.
    fn call(&mut self, _uri: Uri) -> Self::Future {
        Box::pin(self.clone().connect())
    }
}
