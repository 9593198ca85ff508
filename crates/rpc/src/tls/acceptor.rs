//! Accepts connections: each handshake in a task and with a time limit of its own, so that
//! a silent client holds up nobody.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::Stream;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, mpsc},
    time::{Sleep, sleep, timeout},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::transport::server::Connected;

use super::{Identity, Peer};

/// Longest handshake.
const HANDSHAKE: Duration = Duration::from_secs(5);

/// Handshakes at a time; more wait in the kernel's backlog.
const HANDSHAKES: usize = 256;

/// Finished handshakes that wait for the server to take them.
const ACCEPTED: usize = 64;

/// Pause after a refused accept: no file descriptors, most likely.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

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
        let (accepted, incoming) = mpsc::channel(ACCEPTED);
        let places = Arc::new(Semaphore::new(HANDSHAKES));
        tokio::spawn(async move {
            loop {
                let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
                let tcp = tokio::select! {
                    () = accepted.closed() => return,
                    next = listener.accept() => next,
                };
                let Ok((tcp, _)) = tcp else {
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                };
                let (identity, accepted, cut) =
                    (Arc::clone(&identity), accepted.clone(), cut.clone());
                tokio::spawn(async move {
                    match timeout(HANDSHAKE, shake(tcp, &identity, longest, cut)).await {
                        // Whoever does not receive any more has shut down.
                        Ok(Ok(stream)) => drop(accepted.send(stream).await),
                        Ok(Err(error)) => tracing::info!(%error, "connection refused"),
                        Err(_) => tracing::info!("connection refused: the handshake took too long"),
                    }
                    drop(place);
                });
            }
        });
        Self(incoming)
    }
}

async fn shake(
    tcp: TcpStream,
    identity: &Identity,
    longest: Duration,
    cut: CancellationToken,
) -> io::Result<MeshStream> {
    tcp.set_nodelay(true)?;
    let tls = TlsAcceptor::from(identity.server_config()).accept(tcp).await?;
    let certificate = tls.get_ref().1.peer_certificates().and_then(<[_]>::first);
    let certificate = certificate.ok_or_else(|| io::Error::other("no client certificate"))?;
    let peer = Peer::of_certificate(certificate).map_err(io::Error::other)?;
    Ok(MeshStream {
        tls,
        peer,
        end: Box::pin(sleep(longest)),
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
    peer: Peer,
    end: Pin<Box<Sleep>>,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl MeshStream {
    fn poll_alive(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if self.end.as_mut().poll(cx).is_ready() {
            return Err(io::Error::new(io::ErrorKind::ConnectionAborted, "maximum age reached"));
        }
        if self.cut.as_mut().poll(cx).is_ready() {
            return Err(io::Error::new(io::ErrorKind::ConnectionAborted, "the server has drained"));
        }
        Ok(())
    }
}

impl Connected for MeshStream {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        self.peer.clone()
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
