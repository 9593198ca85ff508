//! Accepts connections: each handshake in a task and with a time limit of its own, so that
//! a silent client holds up nobody.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::Stream;
use prometheus_client::metrics::counter::Counter;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, mpsc},
    time::{Instant, Sleep, sleep, sleep_until, timeout},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::transport::server::Connected;

use super::{Identity, Peer, connection::Connection};
use crate::{Metrics, metrics::MetricFamily, seldom::Seldom};

/// Longest handshake.
const HANDSHAKE: Duration = Duration::from_secs(5);

/// Handshakes at a time; more wait in the kernel's backlog.
const HANDSHAKES: usize = 256;

/// Finished handshakes that wait for the server to take them.
const ACCEPTED: usize = 64;

/// Pause after a refused accept: no file descriptors, most likely.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How often an aged connection is asked whether its calls have ended.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// One line in so long tells of refused connections, and one of failed accepts.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// How long connections live.
#[derive(Debug, Clone, Copy)]
pub struct Ages {
    /// A connection without a call is cut so long after its handshake, and one with calls
    /// when the last of them has ended.
    pub idle: Duration,
    /// A connection is cut so long after its handshake whatever runs on it: an open one would
    /// outlive a revocation.
    pub longest: Duration,
}

/// A stream of connections whose peers are known.
pub struct Incoming(mpsc::Receiver<MeshStream>);

impl Incoming {
    /// Accepts until it is dropped. A connection ends `longest` after its handshake at the
    /// latest, or when `cut` is cancelled: an open one would outlive a revocation and hang
    /// a shutdown.
    #[must_use]
    pub fn new(
        listener: TcpListener,
        identity: Arc<Identity>,
        longest: Duration,
        cut: CancellationToken,
    ) -> Self {
        let ages = Ages { idle: longest, longest };
        Self::counted(listener, identity, ages, cut, &Metrics::new())
    }

    /// As [`Incoming::new`], with an age for connections without calls, and counts of what
    /// was refused.
    #[must_use]
    pub fn counted(
        listener: TcpListener,
        identity: Arc<Identity>,
        ages: Ages,
        cut: CancellationToken,
        metrics: &Metrics,
    ) -> Self {
        let (accepted, incoming) = mpsc::channel(ACCEPTED);
        let places = Arc::new(Semaphore::new(HANDSHAKES));
        let refusals = Arc::new(Refusals::new(&identity, metrics));
        tokio::spawn(async move {
            loop {
                let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
                let tcp = tokio::select! {
                    () = accepted.closed() => return,
                    next = listener.accept() => next,
                };
                let (tcp, address) = match tcp {
                    Ok(tcp) => tcp,
                    Err(error) => {
                        refusals.not_accepted(&error);
                        sleep(ACCEPT_PAUSE).await;
                        continue;
                    }
                };
                let (identity, accepted, cut) =
                    (Arc::clone(&identity), accepted.clone(), cut.clone());
                let refusals = Arc::clone(&refusals);
                tokio::spawn(async move {
                    match timeout(HANDSHAKE, shake((tcp, address), &identity, ages, cut)).await {
                        // Whoever does not receive any more has shut down.
                        Ok(Ok(stream)) => drop(accepted.send(stream).await),
                        Ok(Err(error)) => refusals.refused(address, &error),
                        Err(_) => refusals.refused(address, &"the handshake took too long"),
                    }
                    drop(place);
                });
            }
        });
        Self(incoming)
    }
}

/// Tells of connections that nobody serves.
struct Refusals {
    role: &'static str,
    lines: Seldom,
    accept_lines: Seldom,
    counts: MetricFamily<[(&'static str, &'static str); 2], Counter>,
}

impl Refusals {
    fn new(identity: &Identity, metrics: &Metrics) -> Self {
        let help = "Connections that were not taken: refused in the handshake, or not accepted";
        Self {
            role: identity.peer().caller(),
            lines: Seldom::new(TELL_EVERY),
            accept_lines: Seldom::new(TELL_EVERY),
            counts: metrics.counters("florin_connections_refused", help),
        }
    }

    fn refused(&self, address: SocketAddr, cause: &dyn std::fmt::Display) {
        self.counts.get_or_create(&[("role", self.role), ("stage", "handshake")]).inc();
        if let Some(left_out) = self.lines.take(std::time::Instant::now()) {
            let role = self.role;
            tracing::info!(role, %address, %cause, left_out, "connection refused");
        }
    }

    /// Most likely the process has no file descriptors left: nobody gets in.
    fn not_accepted(&self, cause: &io::Error) {
        self.counts.get_or_create(&[("role", self.role), ("stage", "accept")]).inc();
        if let Some(left_out) = self.accept_lines.take(std::time::Instant::now()) {
            tracing::warn!(role = self.role, %cause, left_out, "a connection could not be accepted");
        }
    }
}

async fn shake(
    (tcp, address): (TcpStream, SocketAddr),
    identity: &Identity,
    ages: Ages,
    cut: CancellationToken,
) -> io::Result<MeshStream> {
    tcp.set_nodelay(true)?;
    let tls = TlsAcceptor::from(identity.server_config()).accept(tcp).await?;
    let certificate = tls.get_ref().1.peer_certificates().and_then(<[_]>::first);
    let certificate = certificate.ok_or_else(|| io::Error::other("no client certificate"))?;
    let peer = Peer::of_certificate(certificate).map_err(io::Error::other)?;
    let now = Instant::now();
    let longest = now.checked_add(ages.longest).unwrap_or(now);
    Ok(MeshStream {
        tls,
        connection: Connection::new(peer, address),
        end: Box::pin(sleep_until(now.checked_add(ages.idle).unwrap_or(now).min(longest))),
        longest,
        cut: Box::pin(cut.cancelled_owned()),
    })
}

impl Stream for Incoming {
    type Item = io::Result<MeshStream>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(cx).map(|next| next.map(Ok))
    }
}

/// A connection with a known peer and a bounded age.
pub struct MeshStream {
    tls: TlsStream<TcpStream>,
    connection: Connection,
    end: Pin<Box<Sleep>>,
    longest: Instant,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl MeshStream {
    fn poll_alive(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        // The second look, if any, is at a moment to come: it only registers the waker.
        while self.end.as_mut().poll(cx).is_ready() {
            let now = Instant::now();
            if self.connection.is_idle() || now >= self.longest {
                return Err(io::Error::new(
                    io::ErrorKind::ConnectionAborted,
                    "maximum age reached",
                ));
            }
            let again = now.checked_add(LOOK_AGAIN).unwrap_or(self.longest);
            self.end.as_mut().reset(again.min(self.longest));
        }
        if self.cut.as_mut().poll(cx).is_ready() {
            return Err(io::Error::new(io::ErrorKind::ConnectionAborted, "the server has drained"));
        }
        Ok(())
    }
}

impl Connected for MeshStream {
    type ConnectInfo = Connection;

    fn connect_info(&self) -> Connection {
        self.connection.clone()
    }
}

impl AsyncRead for MeshStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.poll_alive(cx)?;
        Pin::new(&mut self.tls).poll_read(cx, buffer)
    }
}

impl AsyncWrite for MeshStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_alive(cx)?;
        Pin::new(&mut self.tls).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_alive(cx)?;
        Pin::new(&mut self.tls).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_alive(cx)?;
        Pin::new(&mut self.tls).poll_shutdown(cx)
    }
}
